//! `fetch` with an announce session, companions and FLUTE carousels over real multicast on the
//! loopback interface.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

mod air;
mod common;

use air::{assert_code, program, stderr, stdout};

#[test]
fn the_help_says_what_repair_needs() {
    for verb in ["fetch", "boot"] {
        let done = program(&[verb, "--help"]);
        assert_code(&done, 0);
        let text = stdout(&done);
        for wanted in ["--announce <GROUP[:PORT]>", "22223", "--memory <MIB>", "[default: 16]"] {
            assert!(text.contains(wanted), "{wanted} is not in {text}");
        }
    }
    let text = stdout(&program(&["fetch", "--help"]));
    for wanted in ["--repair <GROUP[:PORT]>", "flute://GROUP:PORT/NAME"] {
        assert!(text.contains(wanted), "{wanted} is not in {text}");
    }
}

#[test]
fn a_wrong_question_is_refused_with_the_reason() {
    let good = ["fetch", "infocast://239.1.1.1/image", "--output", "x"];
    let boot = ["boot", "--bootcast-id", "a", "--store", "x"];
    let cases: [(&[&str], &[&str], &str); 11] = [
        (&good, &["--announce", "10.0.0.1"], "not a multicast group"),
        (&good, &["--announce", "239.1.1.1:0"], "port 0"),
        (&good, &["--repair", "host"], "host"),
        (&good, &["--memory", "1"], "1 is not in 4..=4096"),
        (&good, &["--memory", "0"], "0 is not in 4..=4096"),
        (&good, &["--memory", "16M"], "invalid digit"),
        (&good, &["--announce", "ff15::1", "--source", "10.0.0.1"], "one is IPv4, the other IPv6"),
        (&good, &["--repair", "ff15::1", "--source", "10.0.0.1"], "one is IPv4, the other IPv6"),
        (&boot, &["--announce", "1.2.3.4"], "not a multicast group"),
        (&boot, &["--memory", "3"], "3 is not in 4..=4096"),
        (&["fetch", "flute://239.1.1.1/a", "--output", "x"], &[], "write ADDRESS:PORT"),
    ];
    for (arguments, more, reason) in cases {
        let done = program(&[arguments, more].concat());
        assert_code(&done, 2);
        assert!(stderr(&done).contains(reason), "{more:?}: {}", stderr(&done));
        assert_eq!(stdout(&done), "", "{arguments:?}");
    }
}
