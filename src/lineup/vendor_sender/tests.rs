use std::path::Path;

use super::super::{Reading, VendorSender, parse};

const CHANNEL: &str = r#"
[[channel]]
name = "images"
carousel = "infocast"
group = "239.255.2.11:22222"
bit_rate_kbps = 1000
slice_bytes = 1400
[[channel.object]]
name = "time"
source = { kind = "time" }
"#;

const SENDER: &str = r#"
[[vendor_sender]]
name = "dune tv-101"
program = "/opt/dune/dune_file_multicast_server.x86"
group = "239.255.60.1:5000"
file = "tv101.dff"
"#;

fn read(text: &str) -> Reading {
    parse(text, Path::new("/line-ups"))
}

fn senders(more: &str) -> Vec<VendorSender> {
    let reading = read(&format!("{CHANNEL}{SENDER}{more}"));
    reading.line_up.unwrap_or_else(|| panic!("refused: {:?}", reading.findings)).vendor_senders
}

#[track_caller]
fn refused(text: &str, why: &str) {
    let reading = read(text);
    let errors: Vec<_> = reading.errors().map(ToString::to_string).collect();
    assert!(errors.iter().any(|it| it.contains(why)), "{errors:?} without `{why}`");
}

fn words(sender: &VendorSender) -> String {
    let words: Vec<_> =
        sender.arguments().iter().map(|it| it.to_str().unwrap().to_owned()).collect();
    words.join(" ")
}

#[test]
fn the_vendors_defaults_are_ours_and_are_told_to_it() {
    let [sender] = &senders("")[..] else { panic!("one sender") };
    let told = "-s 256 -t 1 -n 0 -d 0 -i 2 -v 1 239.255.60.1 5000 /line-ups/tv101.dff";
    assert_eq!(words(sender), told);
    assert_eq!(sender.url(), "igmp://239.255.60.1:5000");
    assert!(sender.is_estimated);
    assert_eq!(sender.counted_bps, 256 * 1_024 * 8 * 11 / 10);
}

#[test]
fn every_key_reaches_the_program_or_the_budget() {
    let more = "kbytes_per_s = 512\nttl = 4\niterations = 3\ndelay_s = 5\ninfo_s = 30\nverbosity = 0\n\
                interface = \"eth1\"\ncounted_kbps = 4300\nversion = \"130221_1050_b4\"\nschedule = \"night\"\n\
                [[schedule]]\nname = \"night\"\ntimezone = \"UTC\"\n[[schedule.window]]\nfrom = \"01:00\"\n\
                to = \"02:00\"\n[[interface]]\nname = \"eth1\"\nbit_rate_kbps = 9000\n";
    let channel = CHANNEL.replace("slice_bytes", "interface = \"eth1\"\nslice_bytes");
    let reading = read(&format!("{channel}{SENDER}{more}"));
    let line_up = reading.line_up.unwrap_or_else(|| panic!("{:?}", reading.findings));
    let [sender] = &line_up.vendor_senders[..] else { panic!("one sender") };
    let told = "-s 512 -t 4 -n 3 -d 5 -i 30 -v 0 239.255.60.1 5000 /line-ups/tv101.dff";
    assert_eq!(words(sender), told);
    assert_eq!((sender.counted_bps, sender.is_estimated), (4_300_000, false));
    assert_eq!((sender.schedule, sender.version.as_deref()), (Some(0), Some("130221_1050_b4")));
}

#[test]
fn values_that_the_program_does_not_take_are_refused() {
    let with = |line: &str| format!("{CHANNEL}{SENDER}{line}\n");
    refused(&with("info_s = 31"), "info_s 31 is not in 1 to 30");
    refused(&with("verbosity = 6"), "verbosity 6 is not in 0 to 5");
    refused(&with("kbytes_per_s = 0"), "kbytes_per_s 0 is not in 1 to");
    refused(&with("schedule = \"night\""), "no schedule `night`");
    refused(&with("version = \"a b\""), "without spaces");
    refused(&with("speed = 3"), "unknown key `speed`");
    let other = |from: &str, to: &str| format!("{CHANNEL}{}", SENDER.replace(from, to));
    refused(&other(":5000", ""), "write ADDRESS:PORT");
    refused(&other("239.255.60.1", "[ff15::1]"), "IPv4 alone");
    refused(&other("tv101.dff", ""), "an empty path");
}

#[test]
fn a_sender_has_a_name_and_a_group_of_its_own() {
    let other = |from: &str, to: &str| format!("{CHANNEL}{}", SENDER.replace(from, to));
    refused(&other("dune tv-101", "images"), "the name of a channel");
    refused(&other("dune tv-101", "announce"), "the name of a channel");
    refused(&format!("{CHANNEL}{SENDER}{SENDER}"), "stands twice");
    refused(&other("239.255.60.1:5000", "239.255.2.11:22222"), "a mixture of both");
    let announced = format!("announce = \"239.255.60.1\"\n{CHANNEL}{SENDER}");
    refused(&announced, "the announce session share the group address");
    let reading = read(&other("239.255.60.1:5000", "239.255.2.11:22223"));
    let warned = reading.warnings().any(|it| it.message.contains("receives both"));
    assert!(warned, "{:?}", reading.findings);
}

#[test]
fn where_budgets_are_stated_its_interface_is_too() {
    let channel = CHANNEL.replace("slice_bytes", "interface = \"eth1\"\nslice_bytes");
    let budget = "[[interface]]\nname = \"eth1\"\nbit_rate_kbps = 9000\n";
    refused(&format!("{channel}{SENDER}{budget}"), "has no `interface`");
}
