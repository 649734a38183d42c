//! FLUTE as we send it, before programs of other people: the crate `flute` receives it and tshark
//! finds nothing wrong with it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;
use std::rc::Rc;
use std::time::{Instant, SystemTime};

use flute::core::UDPEndpoint;
use flute::receiver::MultiReceiver;
use flute::receiver::writer::ObjectWriterBufferBuilder;

use super::capture::{Air, capture};
use super::harness::{DEADLINE, Site, join, noise, run};
use super::operator::trusting;
use super::second_box::record;

/// The objects of a group as the crate's receiver completes them, by their location, and how many
/// datagrams it took from the first FDT on, before which it keeps nothing; `lost` ones never reach it.
#[track_caller]
fn theirs(
    group: &str,
    objects: usize,
    lost: impl Fn(usize) -> bool,
) -> (BTreeMap<String, Vec<u8>>, usize) {
    let address: SocketAddr = group.parse().unwrap();
    let endpoint = UDPEndpoint::new(None, address.ip().to_string(), address.port());
    let output = Rc::new(ObjectWriterBufferBuilder::new(true));
    let mut receiver = MultiReceiver::new(output.clone(), None, false);
    let (socket, mut buffer) = (join(group), [0; 9_000]);
    let (end, mut heard) = (Instant::now() + DEADLINE, 0);
    loop {
        assert!(Instant::now() < end, "{heard} datagrams in {DEADLINE:?}");
        let length = socket.recv(&mut buffer).expect("a datagram within 20 s");
        let is_fdt = buffer[12..16] == [0; 4];
        heard += usize::from(heard > 0 || is_fdt);
        if is_fdt || !lost(heard) {
            let now = SystemTime::now();
            receiver.push(&endpoint, &buffer[..length], now).unwrap();
            receiver.cleanup(now);
        }
        let all = output.objects.borrow();
        let done = all.iter().filter(|object| object.borrow().complete).map(|object| {
            let object = object.borrow();
            (object.meta.content_location.clone(), object.data.clone())
        });
        let done: BTreeMap<String, Vec<u8>> = done.collect();
        if done.len() == objects {
            return (done, heard);
        }
    }
}

/// A FLUTE channel with two objects.
fn carousel(more: &str) -> (Site, String, BTreeMap<String, Vec<u8>>) {
    let mut site = Site::new();
    let group = site.channel("flute", 20_000, 1_400);
    site.replace("\"infocast\"", "\"flute\"");
    site.channel_key(more);
    let mut expected = BTreeMap::new();
    for (name, length) in [("boot", 400_001), ("splash", 70_000)] {
        site.object(name, &format!("{name}.img"), "");
        let image = noise(length as u64, length);
        site.file(&format!("{name}.img"), &image);
        expected.insert(format!("flute://{group}/{name}"), image);
    }
    (site, group, expected)
}

#[test]
fn a_carousel_without_a_code_is_received_with_and_without_loss() {
    let (site, group, expected) = carousel("");
    let _headend = site.serve(&[]);
    assert!(theirs(&group, 2, |_| false).0 == expected);
    assert!(theirs(&group, 2, |heard| heard % 20 == 7).0 == expected);
}

#[test]
fn a_raptorq_carousel_is_received_in_about_a_cycle_in_spite_of_losses() {
    let (site, group, expected) = carousel("repair = { ratio = 0.2 }");
    let _headend = site.serve(&[]);
    let (objects, heard) = theirs(&group, 2, |heard| heard % 20 == 7);
    assert!(objects == expected);
    // 336 source symbols and a fifth more; a receiver may join behind the beginning of an object.
    assert!(heard < 2 * 404, "{heard} datagrams");
}

#[test]
fn a_raptorq_companion_alone_completes_their_receiver() {
    let mut site = Site::new();
    let group = site.channel("images", 10_000, 1_400);
    let companion = site.repair("ratio = 1.0, fec = \"raptorq\"");
    let image = noise(9, 300_001);
    site.object("boot", "boot.img", "");
    site.file("boot.img", &image);
    let _headend = site.serve(&[]);
    let (objects, heard) = theirs(&companion, 1, |_| false);
    assert!(objects == BTreeMap::from([(format!("infocast://{group}/boot"), image)]));
    // 215 symbols and the FDT.
    assert!(heard < 230, "{heard} datagrams");
}

/// Every field of `air` as tshark reads it as ALC: no datagram has a mark.
#[track_caller]
fn read_by_tshark(site: &Site, groups: &[&str], air: &Air) -> Vec<Vec<String>> {
    let path = capture(site.directory.path(), air);
    let mut command = Command::new("tshark");
    command.arg("-r").arg(path);
    for group in groups {
        let port = group.rsplit(':').next().unwrap();
        command.args(["-d", &format!("udp.port=={port},alc")]);
    }
    command.args(["-T", "fields"]);
    for field in [
        "_ws.malformed",
        "_ws.expert.message",
        "rmt-lct.toi",
        "rmt-lct.codepoint",
        "rmt-fec.esi",
        "xml.tag",
    ] {
        command.args(["-e", field]);
    }
    let text = String::from_utf8(run(&mut command).stdout).unwrap();
    let split = |line: &str| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
    let lines: Vec<_> = text.lines().map(split).collect();
    assert_eq!(lines.len(), air.len());
    for line in &lines {
        assert_eq!(line[..2], ["", ""], "{line:?}");
        assert!(line[2..5].iter().all(|field| !field.is_empty()), "{line:?}");
        assert!(line[2] != "0" || line[5].contains("<FDT-Instance"), "{line:?}");
    }
    lines
}

#[test]
fn statements_are_files_of_the_announce_session_to_their_receiver_and_to_tshark() {
    let mut site = Site::new();
    let announce = site.announce();
    site.channel("images", 5_000, 1_400);
    site.object("boot", "boot.img", "");
    site.file("boot.img", &noise(9, 300_001));
    let signed = trusting(&mut site, 42);
    let _headend = site.serve(&[]);
    let (objects, _) = theirs(&announce, 2, |_| false);
    let root = std::fs::read(site.path("1.root.cose")).unwrap();
    let expected = [("release:42".to_owned(), signed), ("root:1".to_owned(), root)];
    assert!(objects == BTreeMap::from(expected), "{:?}", objects.keys());
    let groups = [announce.as_str()];
    let air = record(&groups, |air| of(air, groups[0]) >= 9);
    let lines = read_by_tshark(&site, &groups, &air);
    let statements = lines.iter().filter(|line| line[2] != "0");
    assert!(statements.clone().count() >= 4);
    assert!(statements.clone().all(|line| line[3] == "0" && line[4] == "0x00000000"), "{lines:?}");
}

#[test]
fn tshark_reads_every_datagram_without_a_mark() {
    // One object each: tshark does not put together an FDT of several datagrams.
    for (fec, codepoint) in [("rs8", "128"), ("rs16", "128"), ("raptorq", "6"), ("flute", "6")] {
        let mut site = Site::new();
        let announce = site.announce();
        let group = site.channel("images", 5_000, 1_400);
        let repaired = if fec == "flute" {
            site.replace("\"infocast\"", "\"flute\"");
            site.channel_key("repair = { ratio = 0.2 }");
            group
        } else {
            site.repair(&format!("ratio = 0.5, fec = \"{fec}\""))
        };
        site.object("boot", "boot.img", "");
        site.file("boot.img", &noise(9, 300_001));
        let _headend = site.serve(&[]);
        let groups = [repaired.as_str(), announce.as_str()];
        let air = record(&groups, |air| of(air, groups[0]) >= 100 && of(air, groups[1]) >= 2);
        let lines = read_by_tshark(&site, &groups, &air);
        let seen = |codepoint: &str| lines.iter().filter(|line| line[3] == codepoint).count();
        assert!(seen(codepoint) >= 98 && seen("0") >= 2, "{fec}");
    }
}

fn of(air: &Air, group: &str) -> usize {
    let group: SocketAddr = group.parse().unwrap();
    air.iter().filter(|(to, _)| *to == group).count()
}
