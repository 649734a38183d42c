//! The boot procedure, whatever the channels do.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

mod common;

use common::{Sent, TestBox, group, name, noise};
use stbcast_bootcast::{Part, Protocol};
use stbcast_receiver::{
    Boot, BootOptions, BootReport, ControlOutcome, Event, FetchError, PartOutcome, limits,
};

type BootBox = TestBox<Boot<std::ops::Range<usize>>>;

const CONTROL: &str = "bc_kernel_addr 239.255.2.11:22222\nbc_kernel_name software\n\
    bc_kernel_version 4.6\nbc_splash_addr 239.255.2.13:22222\nbc_splash_name splash\n\
    bc_splash_version 1\nbc_diagnostic_addr 239.255.2.14:22222\nbc_diagnostic_name diag\n\
    bc_diagnostic_version d1\n";

fn options() -> BootOptions {
    BootOptions::new(group(2), name("arris-vip1113"))
}

fn object(wanted: &'static str) -> Sent {
    Sent::equal(wanted, &noise(wanted.len() as u64, 5_000), 1_000)
}

fn control(text: &str) -> Sent {
    Sent::equal("arris-vip1113", text.as_bytes(), 256)
}

/// Plays the channels of a complete line-up until the boot is over, at most some passes each.
fn play(boot: &mut BootBox, text: &str, silent: &[u8]) {
    let channels = [
        (2, control(text)),
        (11, object("software")),
        (13, object("splash")),
        (14, object("diag")),
    ];
    for _ in 0..40 {
        if boot.is_over() {
            return;
        }
        let on_air = channels.iter().find(|(last, _)| boot.joined == Some(group(*last)));
        match on_air {
            Some((last, sent)) if !silent.contains(last) => boot.hear_all(sent.pass()),
            _ => boot.wait(),
        }
    }
}

fn report(boot: &BootBox) -> &BootReport {
    match boot.events.last() {
        Some(Event::BootDone(report)) => report,
        other => panic!("not done: {other:?}"),
    }
}

fn installed(outcome: &PartOutcome) -> bool {
    matches!(outcome, PartOutcome::Installed { length: 5_000, .. })
}

#[test]
fn control_object_then_splash_then_boot_image() {
    let mut boot = TestBox::new(Boot::new(options()));
    play(&mut boot, CONTROL, &[]);
    let parts: Vec<_> = boot
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Part { part, by, .. } => Some((*part, *by)),
            _ => None,
        })
        .collect();
    assert_eq!(parts, [(Part::Splash, Protocol::Bootcast), (Part::Kernel, Protocol::Bootcast)]);
    let report = report(&boot);
    assert!(installed(&report.kernel) && installed(&report.splash));
    assert_eq!(report.diagnostic, PartOutcome::NotNamed, "nobody asked for it");
    assert!(boot.part(Part::Kernel) == Some(&noise(8, 5_000)));
    let stored = boot.storage.committed(stbcast_receiver::Role::Part(Part::Kernel)).unwrap();
    assert_eq!(stored.version.as_deref(), Some("4.6"));
}

#[test]
fn the_diagnostic_image_comes_when_asked_for() {
    let mut boot = TestBox::new(Boot::new(BootOptions { diagnostic: true, ..options() }));
    play(&mut boot, CONTROL, &[]);
    assert!(installed(&report(&boot).diagnostic));
}

#[test]
fn what_the_store_holds_is_not_downloaded() {
    let mut options = options();
    options.stored.kernel = Some("4.6".into());
    options.stored.splash = Some("1 ".into());
    let mut boot = TestBox::new(Boot::new(options));
    play(&mut boot, CONTROL, &[]);
    let report = report(&boot);
    assert_eq!(report.kernel, PartOutcome::UpToDate { version: "4.6".into() });
    assert!(installed(&report.splash), "versions are equal or not, nothing between");
    assert!(report.is_current());
}

#[test]
fn a_silent_splash_costs_one_attempt_and_the_boot_goes_on() {
    let mut boot = TestBox::new(Boot::new(options()));
    play(&mut boot, CONTROL, &[13]);
    let report = report(&boot);
    let once = FetchError::Silent { attempts: 1, timeout: limits::TIMEOUT };
    assert_eq!(report.splash, PartOutcome::Failed(once));
    assert!(installed(&report.kernel));
}

#[test]
fn a_silent_metadata_channel_ends_after_three_time_outs() {
    let mut boot = TestBox::new(Boot::new(options()));
    let begun = boot.now;
    play(&mut boot, CONTROL, &[2]);
    let silent = FetchError::Silent { attempts: 3, timeout: limits::TIMEOUT };
    assert_eq!(report(&boot).control, ControlOutcome::Failed(silent));
    assert!(!report(&boot).is_current());
    assert_eq!(boot.now.since(begun), limits::TIMEOUT.times(3));
    assert_eq!(boot.joined, None);
}

#[test]
fn a_control_object_no_box_could_use_is_tried_again_and_then_reported() {
    let mut boot = TestBox::new(Boot::new(options()));
    play(&mut boot, &CONTROL.replace("239.255.2.11", "10.0.0.1"), &[]);
    assert!(matches!(report(&boot).control, ControlOutcome::Unusable(_)));
    let unusable = Event::Control { by: Protocol::Bootcast, usable: false };
    let tries = boot.events.iter().filter(|e| **e == unusable).count();
    assert_eq!(tries, usize::from(limits::ATTEMPTS));
}

#[test]
fn a_name_that_could_be_a_path_is_never_joined() {
    let mut boot = TestBox::new(Boot::new(options()));
    play(&mut boot, &CONTROL.replace("software", "../../etc/passwd"), &[]);
    assert!(matches!(report(&boot).kernel, PartOutcome::BadName(_)));
    assert!(installed(&report(&boot).splash));
}

#[test]
fn counters_run_over_all_objects() {
    let mut boot = TestBox::new(Boot::new(options()));
    play(&mut boot, CONTROL, &[]);
    assert_eq!(boot.session.stats().stored, 1 + 5 + 5);
}
