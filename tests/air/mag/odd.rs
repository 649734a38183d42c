//! Company that a box may meet on a MAG channel: strangers, a second sender, a sender that changes its
//! mind, a bad line.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::super::end_to_end::json;
use super::super::harness::{Program, Site, free_group, headend, hear, join, noise, run};
use super::{channel, fetch, fetched, is_here, peer_receives, peer_sends};

/// Somebody who sends the same datagrams again and again.
struct Stranger {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Stranger {
    fn send(group: &str, datagrams: Vec<Vec<u8>>, every: Duration) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
        socket.set_multicast_if_v4(&std::net::Ipv4Addr::LOCALHOST).unwrap();
        socket.set_multicast_ttl_v4(0).unwrap();
        let group: std::net::SocketAddr = group.parse().unwrap();
        socket.connect(&group.into()).unwrap();
        let (socket, stop) = (UdpSocket::from(socket), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            for datagram in datagrams.iter().cycle() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let _ = socket.send(datagram);
                std::thread::sleep(every);
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A data datagram that claims what it likes.
fn data(serial: u16, offset: u32, length: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1, 0x10];
    bytes.extend(serial.to_be_bytes());
    bytes.extend([0, 0, 0, 3]);
    bytes.extend(offset.to_be_bytes());
    bytes.extend(length.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// What is no MAG, of many lengths, and MAG that cannot be.
fn rubbish() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> =
        [0, 1, 2, 3, 5, 15, 16, 17, 44, 1_471, 1_472, 1_473, 2_000, 2_049, 9_000]
            .map(|length| noise(length as u64 + 1, length))
            .to_vec();
    let infocast = [&[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9][..], b"boot", &[0; 1_400]].concat();
    let alc = [&[0x10, 0xa0, 0, 0][..], &[0; 1_000]].concat();
    all.extend([infocast, alc]);
    // Of the same image: behind its end, without bytes, between packets, longer than any packet.
    all.push(data(7, 999_999, 1_000_000, &[0xee; 1_456]));
    all.push(data(7, 1_456, 1_000_000, &[]));
    all.push(data(7, 1_457, 1_000_000, &[0xee; 1_456]));
    all.push(data(7, 0, 1_000_000, &[0xee; 8_000]));
    // Of images nobody can hold, one datagram each.
    all.push(data(8, 0xffff_f000, 0xffff_ffff, &[0xee; 1_456]));
    all.push(data(9, 0, 0xffff_ffff, &[0xee]));
    all.push(b"\x02\x04\x00\x07\x01\xffno so long".to_vec());
    all.push(b"\x02\x04\x00\x07\x01\x03\xff\x00\n".to_vec());
    all
}

#[test]
fn strangers_datagrams_on_the_group_are_counted_and_do_no_harm() {
    let (site, group, image) = (Site::new(), free_group(), noise(20, 1_000_000));
    let file = site.file("image.bin", &image);
    let _stranger = Stranger::send(&group, rubbish(), Duration::from_millis(3));
    let _peer = peer_sends(&group, &file, "--serial 7 --rate 500000 --description x");
    let answer = fetched(&site, &group, &image);
    let refused: u64 =
        answer["rejected"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert!(refused > 100, "{answer}");
    assert_eq!(answer["revision_changes"], 0, "{answer}");
    assert!(answer["cycles"].as_f64().unwrap() < 2.3, "{answer}");
}

#[test]
fn a_download_is_not_ended_by_an_image_of_one_packet_that_somebody_else_sends_on_the_group() {
    let (site, group, image) = (Site::new(), free_group(), noise(37, 1_000_000));
    let file = site.file("image.bin", &image);
    let _peer = peer_sends(&group, &file, "--serial 7 --rate 500000");
    let mut fetching = Program::start(&mut fetch(&site, &group, &[]));
    fetching.wait_for("found: ");
    let small = vec![data(8, 0, 0, &[]), data(9, 0, 3, b"abc")];
    let _stranger = Stranger::send(&group, small, Duration::from_millis(50));
    let (code, answer) = fetching.finish();
    assert_eq!(code, 0, "{answer}");
    is_here(&site, &image);
    assert_eq!(json(&answer)["revision_changes"], 0, "{answer}");
}

#[test]
fn an_image_arrives_from_a_line_that_loses_repeats_and_mixes_up() {
    let (site, group, image) = (Site::new(), free_group(), noise(21, 2_000_000));
    let file = site.file("image.bin", &image);
    let weather = "--serial 7 --rate 4000000 --loss 0.05 --reorder 0.05 --duplicate 0.05 --seed 3";
    let _peer = peer_sends(&group, &file, weather);
    let answer = fetched(&site, &group, &image);
    assert!(answer["duplicates"].as_u64().unwrap() > 50, "{answer}");
    // 0.05^5 of 1,374 packets are still missing after five cycles: none.
    assert!(answer["cycles"].as_f64().unwrap() < 6.0, "{answer}");
}

#[test]
fn images_of_all_lengths_around_a_packet_arrive() {
    for (seed, length) in [(30, 0), (31, 1), (32, 1_455), (33, 1_456), (34, 1_457), (35, 2_912)] {
        let (site, group, image) = (Site::new(), free_group(), noise(seed, length));
        let file = site.file("image.bin", &image);
        let _peer = peer_sends(&group, &file, "--serial 7 --description small");
        let answer = fetched(&site, &group, &image);
        assert_eq!(answer["bytes"], length, "{answer}");
    }
}

#[test]
fn packets_of_every_size_that_a_vendors_sender_may_be_told_to_send_are_taken() {
    let image = noise(36, 20_001);
    for bytes in [16, 512, 1_000, 1_456, 1_472] {
        let (site, group) = (Site::new(), free_group());
        let file = site.file("image.bin", &image);
        let _peer = peer_sends(&group, &file, &format!("--serial 7 --packet-size {bytes}"));
        fetched(&site, &group, &image);
    }
}

#[test]
fn a_sender_that_comes_back_with_packets_of_another_size_is_understood() {
    let (site, group, image) = (Site::new(), free_group(), noise(22, 1_000_000));
    let file = site.file("image.bin", &image);
    let mut fetching = Program::start(&mut fetch(&site, &group, &[]));
    let first = peer_sends(&group, &file, "--serial 7 --rate 500000");
    fetching.wait_for("found: ");
    drop(first);
    let _again = peer_sends(&group, &file, "--serial 7 --rate 4000000 --packet-size 1000");
    let (code, answer) = fetching.finish();
    assert_eq!(code, 0, "{answer}");
    is_here(&site, &image);
}

#[test]
fn of_two_images_on_one_group_a_box_makes_one_and_never_a_mixture() {
    let (site, group) = (Site::new(), free_group());
    let images = [noise(23, 700_000), noise(24, 700_000)];
    let files = [site.file("one.bin", &images[0]), site.file("two.bin", &images[1])];
    let _one = peer_sends(&group, &files[0], "--serial 7 --rate 700000");
    let _two = peer_sends(&group, &files[1], "--serial 8 --rate 700000");
    let done = run(&mut fetch(&site, &group, &[]));
    let answer = json(&String::from_utf8(done.stdout).unwrap());
    assert_eq!(done.status.code(), Some(0), "{answer}");
    let fetched = std::fs::read(site.path("out")).unwrap();
    assert!(images.contains(&fetched), "a mixture: {answer}");
}

/// A headend that announces an image with the serial number 7.
fn announced(site: &mut Site, image: &[u8]) -> (Program, String, String) {
    let announce = site.announce();
    let group = site.channel("stb", 4_000, 1_456);
    site.replace("\"infocast\"", "\"mag\"");
    site.repair("ratio = 0.1");
    site.channel_key("[channel.mag]\nserial = 7");
    site.object("imageupdate", "image.bin", "");
    site.file("image.bin", image);
    (site.serve(&[]), announce, group)
}

/// A box fetches what is announced; its figures.
#[track_caller]
fn fetched_as_announced(
    site: &Site,
    (announce, group): (&str, &str),
    image: &[u8],
) -> serde_json::Value {
    let done = run(&mut fetch(site, group, &["--announce", announce]));
    let answer = json(&String::from_utf8(done.stdout).unwrap());
    assert_eq!(done.status.code(), Some(0), "{answer}");
    assert_eq!(answer["check"], "SHA-256 as announced", "{answer}");
    is_here(site, image);
    answer
}

#[test]
fn a_box_that_knows_the_digest_gets_its_image_although_an_old_sender_was_left_on_the_group() {
    let (mut site, image) = (Site::new(), noise(25, 1_000_000));
    let (_headend, announce, group) = announced(&mut site, &image);
    let old = site.file("old.bin", &noise(27, 900_000));
    let _old = peer_sends(&group, &old, "--serial 6 --rate 500000");
    let answer = fetched_as_announced(&site, (&announce, &group), &image);
    let refused = &answer["rejected"]["contradicts_announcement"];
    assert!(refused.as_u64().unwrap() > 100, "{answer}");
    assert!(answer["cycles"].as_f64().unwrap() < 1.3, "{answer}");
}

#[test]
fn an_old_sender_whose_image_is_as_long_is_told_from_the_announced_one_by_its_serial_number() {
    let (mut site, image) = (Site::new(), noise(38, 1_000_000));
    let (_headend, announce, group) = announced(&mut site, &image);
    let old = site.file("old.bin", &noise(39, 1_000_000));
    let _old = peer_sends(&group, &old, "--serial 6 --rate 500000");
    for _ in 0..3 {
        let answer = fetched_as_announced(&site, (&announce, &group), &image);
        // Where the old one is heard first, it is whole first; bursts of a busy machine confuse again.
        assert!(answer["cycles"].as_f64().unwrap() < 8.0, "{answer}");
    }
}

#[test]
fn forged_packets_of_the_announced_image_do_not_become_part_of_it() {
    let (mut site, image) = (Site::new(), noise(28, 1_000_000));
    let (_headend, announce, group) = announced(&mut site, &image);
    let forged = (0..3).map(|n| data(7, n * 291_200, 1_000_000, &[0xee; 1_456])).collect();
    let stranger = Stranger::send(&group, forged, Duration::from_millis(100));
    let mut fetching = Program::start(&mut fetch(&site, &group, &["--announce", &announce]));
    fetching.wait_for("announced: ");
    // It stops while the first pass is on.
    hear(&join(&group), 200);
    drop(stranger);
    let (code, answer) = fetching.finish();
    assert_eq!(code, 0, "{answer}");
    is_here(&site, &image);
}

#[test]
fn two_headends_that_send_the_same_image_to_one_group_agree_on_its_serial_number() {
    let (mut site, image) = (Site::new(), noise(29, 1_000_000));
    let group = channel(&mut site, 4_000, "description = \"two\"");
    site.file("image.bin", &image);
    let _one = site.serve(&[]);
    let line_up = site.write();
    let spool = site.path("spool of the other");
    let mut other = Program::start(
        headend()
            .arg("serve")
            .arg(&line_up)
            .args(["--interface", "127.0.0.1", "--ttl", "0", "--spool"])
            .arg(&spool)
            .env("XDG_STATE_HOME", site.path("state of the other")),
    );
    other.wait_for("line-up 1 is on air");
    let (code, answer) = peer_receives(&site, &group, &[]).finish();
    let answer = json(&answer);
    assert_eq!(code, 0, "{answer}");
    is_here(&site, &image);
    assert_eq!((&answer["sources"], &answer["restarts"]), (&2.into(), &0.into()), "{answer}");
    assert_eq!(answer["complaints"], serde_json::json!({}), "{answer}");
}
