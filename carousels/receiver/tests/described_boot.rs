//! The boot procedure with an announce session.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

mod headend;

use std::ops::Range;

use headend::{Code, Headend, Revision, Sent, Stb, announce, channel, group, losing};
use stbcast_bootcast::Part;
use stbcast_infocast::{Header, Name, ObjectType, Precoding};
use stbcast_object::Micros;
use stbcast_receiver::{
    Boot, BootOptions, BootReport, Event, PartOutcome, PlainReason, Role, limits,
};

const CONTROL: &str = "bc_kernel_addr 239.255.2.11:22222\nbc_kernel_name image\n\
    bc_kernel_version 4.6\nbc_splash_addr 239.255.2.13:22222\nbc_splash_name splash\n\
    bc_splash_version 1\n";

fn slice(name: &str, bytes: &[u8]) -> Vec<u8> {
    let name = Name::new(name).unwrap();
    let (object_type, precoding) = (ObjectType(5), Precoding(1));
    let header = Header { object_type, precoding, number: 1, total: 1, name };
    [&header.encode()[..], bytes].concat()
}

fn report(stb: &Stb<Boot<Range<usize>>>) -> &BootReport {
    match stb.events.last() {
        Some(Event::BootDone(report)) => report,
        other => panic!("not done: {other:?}"),
    }
}

/// Plays the line-up until the boot is over, or for a while.
fn play(stb: &mut Stb<Boot<Range<usize>>>, headend: &mut Headend, is_announced: bool) {
    let mut is_lost = losing(5, 1);
    for _ in 0..60_000 {
        let now = headend.now.after(Micros::from_millis(1));
        if now.0.is_multiple_of(100_000) {
            for (last, name, bytes) in
                [(2, "arris-vip1113", CONTROL.as_bytes()), (13, "splash", b"a picture")]
            {
                let bytes = slice(name, bytes);
                stb.hear(now, &Sent { group: group(last), bytes, carries_symbol: true });
            }
        }
        for one in headend.turn() {
            let is_heard = is_announced || one.group != announce();
            if is_heard && (!one.carries_symbol || !is_lost(now.0 / 1_000 + one.bytes.len() as u64))
            {
                stb.hear(headend.now, &one);
            }
        }
        if stb.is_over() {
            return;
        }
    }
    panic!("not over: {:?}", stb.events);
}

fn booting() -> Stb<Boot<Range<usize>>> {
    let mut options = BootOptions::new(group(2), Name::new("arris-vip1113").unwrap());
    options.announce = Some(announce());
    Stb::running(Boot::new(options))
}

#[test]
fn images_come_with_repair_and_their_digest_and_the_rest_as_it_comes() {
    let revision = Revision::new(71, 200 * 60 - 17, (60, 1), Code::Rs16(100));
    let mut headend = Headend::new(&revision, 0.2);
    let mut stb = booting();
    play(&mut stb, &mut headend, true);
    let report = report(&stb);
    let digest = Some(revision.sha256());
    let verified = |outcome: &PartOutcome| matches!(outcome, PartOutcome::Installed { sha256, .. } if *sha256 == digest);
    assert!(verified(&report.kernel), "{report:?}");
    assert!(matches!(report.splash, PartOutcome::Installed { sha256: None, .. }), "{report:?}");
    let installed = stb.storage.memory.committed(Role::Part(Part::Kernel)).unwrap();
    assert!(installed.bytes == revision.bytes);
    assert_eq!(installed.version.as_deref(), Some("4.6"));
    assert!(stb.fetch.stats().recovered_blocks > 0);
    assert!(stb.events.contains(&Event::Plain(PlainReason::NotAnnounced)), "the splash is not");
}

#[test]
fn a_silent_announce_group_is_waited_for_once() {
    let revision = Revision::new(72, 200 * 60 - 17, (60, 1), Code::Rs16(100));
    let mut headend = Headend::new(&revision, 0.2);
    let mut stb = booting();
    play(&mut stb, &mut headend, false);
    assert!(matches!(report(&stb).kernel, PartOutcome::Installed { sha256: None, .. }));
    let silent = Event::Plain(PlainReason::AnnounceSilent);
    assert_eq!(stb.events.iter().filter(|event| **event == silent).count(), 1);
    assert!(stb.now < limits::TIMEOUT.after(Micros::from_secs(5)), "{}", stb.now);
    assert!(!stb.joined(channel()));
}
