//! `listen` over real multicast on the loopback interface.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

mod air;
mod common;

use std::collections::BTreeSet;
use std::fs::File;
use std::sync::atomic::Ordering;

use air::{Air, assert_code, files, free_group, json, on, program, stderr, stdout};
use common::{Sent, noise};
use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use pcap_file::DataLink;
use pcap_file::pcap::PcapReader;
use stbcast_object::{Group, Micros};
use stbcast_receiver::io::{
    Interface, IoError, ListenRequest, Moment, Observer, RecordError, listen,
};

fn objects() -> [Sent; 2] {
    let text = Sent { object_type: 1, ..Sent::equal("cfg.infocast", &noise(4, 500), 200) };
    [Sent::equal("image", &noise(3, 20_500), 1_000), text]
}

#[test]
fn the_objects_of_a_channel_are_listed_and_every_datagram_is_kept() {
    let (group, directory) = (free_group(), tempfile::tempdir().unwrap());
    let record = directory.path().join("channel.pcap");
    let _air = Air::objects(group, &objects());
    let (channel, path) = (group.to_string(), record.to_str().unwrap());
    let common = ["--interface", "127.0.0.1", "--seconds", "1"];
    let done = program(&[&["listen", &channel, "--json", "--record", path][..], &common].concat());
    assert_code(&done, 0);
    let answer = json(&done);
    assert_eq!(answer["group"], channel);
    let listed = answer["objects"].as_array().unwrap();
    assert_eq!(listed.len(), 2);
    let (text, image) = (&listed[0], &listed[1]);
    assert_eq!((&text["name"], &text["type"]), (&"cfg.infocast".into(), &"generic".into()));
    assert_eq!((&image["name"], &image["type"]), (&"image".into(), &"bootcastfile".into()));
    assert_eq!((&image["slices"], &image["slice_bytes"]), (&21.into(), &1_000.into()));
    assert_eq!((&image["bytes"], &text["bytes"]), (&20_500.into(), &500.into()));
    assert_eq!(image["senders"], serde_json::json!(["127.0.0.1"]));
    assert_eq!((&image["changes"], &answer["other_names"]), (&0.into(), &0.into()));
    assert!(image["cycle_seconds"].as_f64().unwrap() > 0.0);

    let recorded = read_back(&record, group);
    assert_eq!(answer["datagrams"], recorded.len());
    let distinct: BTreeSet<_> = recorded.into_iter().collect();
    let sent: BTreeSet<_> = on(group, &objects()).into_iter().map(|(_, bytes)| bytes).collect();
    assert!(distinct == sent, "{} recorded, {} sent", distinct.len(), sent.len());
}

/// The UDP payloads of a recording, whose headers are checked.
fn read_back(path: &std::path::Path, group: Group) -> Vec<Vec<u8>> {
    let mut reader = PcapReader::new(File::open(path).unwrap()).unwrap();
    assert_eq!(reader.header().datalink, DataLink::RAW);
    let mut payloads = Vec::new();
    let mut stamps = BTreeSet::new();
    while let Some(packet) = reader.next_packet() {
        let packet = packet.unwrap();
        assert!(packet.timestamp.as_secs() > 1_600_000_000);
        assert!(stamps.last().is_none_or(|last| *last <= packet.timestamp), "in order");
        stamps.insert(packet.timestamp);
        let sliced = SlicedPacket::from_ip(&packet.data).unwrap();
        let Some(NetSlice::Ipv4(ip)) = &sliced.net else { panic!("not IPv4") };
        assert_eq!(ip.header().source(), [127, 0, 0, 1]);
        assert_eq!(std::net::IpAddr::from(ip.header().destination()), group.address());
        let Some(TransportSlice::Udp(udp)) = &sliced.transport else { panic!("not UDP") };
        assert_eq!(udp.destination_port(), group.port());
        payloads.push(udp.payload().to_vec());
    }
    // They were sent 100 us apart, and are read many at a time.
    assert!(stamps.len() > payloads.len() / 2, "{} times of {}", stamps.len(), payloads.len());
    payloads
}

#[test]
fn the_table_for_people_names_what_is_known_and_what_was_refused() {
    let group = free_group();
    let mut datagrams = on(group, &objects());
    datagrams.push((group, b"too short".to_vec()));
    let _air = Air::play(datagrams);
    let channel = group.to_string();
    let done = program(&["listen", &channel, "--interface", "127.0.0.1", "--seconds", "1"]);
    assert_code(&done, 0);
    let text = stdout(&done);
    for wanted in ["name", "image", "cfg.infocast", "20500", "kbit/s", "rejected: short"] {
        assert!(text.contains(wanted), "{wanted} is not in {text}");
    }
}

#[test]
fn hearing_nothing_is_a_failure() {
    let channel = free_group().to_string();
    let done = program(&["listen", &channel, "--interface", "127.0.0.1", "--seconds", "1"]);
    assert_code(&done, 1);
    assert!(stderr(&done).contains(&format!("nothing was heard on {channel}")));
    assert_eq!(stdout(&done), "");
}

#[test]
fn a_wrong_question_is_refused_with_the_reason() {
    let cases: [(&[&str], &str); 4] = [
        (&["listen"], "GROUP[:PORT]"),
        (&["listen", "10.0.0.1:5"], "not a multicast group"),
        (&["listen", "239.1.1.1", "--seconds", "0"], "1..=86400"),
        (&["listen", "239.1.1.1", "--source", "host"], "invalid value 'host'"),
    ];
    for (arguments, reason) in cases {
        let done = program(arguments);
        assert_code(&done, 2);
        assert!(stderr(&done).contains(reason), "{arguments:?}: {}", stderr(&done));
    }
}

fn request(group: Group) -> ListenRequest {
    let interface = Some(Interface::resolve("127.0.0.1").unwrap());
    ListenRequest { interface, span: Micros::from_secs(60), ..ListenRequest::new(group) }
}

/// Sets the stop flag once something was heard; keeps the times of the ticks.
struct StopWhenHeard(ListenRequest, Vec<Micros>);

impl Observer for StopWhenHeard {
    fn tick(&mut self, moment: &Moment) {
        self.1.push(moment.at);
        if moment.stats.datagrams > 0 {
            self.0.stop.store(true, Ordering::Relaxed);
        }
    }
}

#[test]
fn stopped_early_it_tells_what_it_has() {
    let group = free_group();
    let _air = Air::objects(group, &objects());
    let request = request(group);
    let summary = listen(&request, &mut StopWhenHeard(request.clone(), Vec::new())).unwrap();
    assert!(summary.datagrams > 0 && !summary.objects.is_empty());
    assert!(summary.seconds < 60.0);
}

#[test]
fn ticks_come_ten_times_a_second_however_little_or_much_is_heard() {
    for objects in [&objects()[..], &[]] {
        let group = free_group();
        let _air = Air::objects(group, objects);
        let request = ListenRequest { span: Micros::from_millis(450), ..request(group) };
        // Nobody stops it.
        let mut observer = StopWhenHeard(self::request(group), Vec::new());
        assert_eq!(listen(&request, &mut observer).is_ok(), !objects.is_empty());
        let ticks = observer.1;
        assert!((1..=5).contains(&ticks.len()), "{ticks:?}");
        let apart = |two: &[Micros]| two[1].since(two[0]) >= Micros::from_millis(100);
        assert!(ticks.windows(2).all(apart), "{ticks:?}");
    }
}

#[test]
fn a_recording_that_cannot_be_written_is_an_error_before_anything_is_joined() {
    let directory = tempfile::tempdir().unwrap();
    let record = Some(directory.path().join("no/channel.pcap"));
    let refused = listen(&ListenRequest { record, ..request(free_group()) }, &mut ());
    assert!(matches!(refused, Err(IoError::Record(RecordError { .. }))), "{refused:?}");
    assert!(files(directory.path()).is_empty());
}
