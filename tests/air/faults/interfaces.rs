//! Interfaces that go and come, and their addresses.

use std::net::IpAddr;
use std::time::Duration;

use rustix::process::Signal;

use super::super::harness::{Site, headend, noise};
use super::super::network::{Hosts, ip};
use super::ear::{Ear, Heard, now, rate};
use super::{free_address, lines, metric};

/// From when an interface is usable again to when it is sent on.
const BACK_WITHIN: Duration = Duration::from_secs(2);

/// What tells that an interface does not send, and that it does again.
const FAILS: &str = "interface air0: cannot send";
const AGAIN: &str = "interface air0: sending again";

const V6_GROUP: &str = "[ff15::2:11]:22222";
const KBPS: u32 = 4_000;

/// A site with a channel of `KBPS`, to a group, at an interface.
fn site(channels: &[(&str, &str)]) -> (Site, Vec<String>) {
    let mut site = Site::new();
    let mut groups = Vec::new();
    for (place, (group, interface)) in channels.iter().enumerate() {
        let free = site.channel(&format!("images-{place}"), KBPS, 1_000);
        site.channel_key(&format!("interface = \"{interface}\""));
        site.object("boot", "boot.img", "");
        if !group.is_empty() {
            site.replace(&free, group);
        }
        groups.push(if group.is_empty() { free } else { (*group).to_owned() });
    }
    site.file("boot.img", &noise(1, 100_000));
    (site, groups)
}

/// A second network between the two hosts.
fn second_network(hosts: &Hosts) {
    let [headend, boxes] = &hosts.names;
    ip([
        format!("link add air1 netns {headend} type veth peer name air1 netns {boxes}"),
        format!("-n {headend} addr add 10.78.0.1/24 dev air1"),
        format!("-n {boxes} addr add 10.78.0.2/24 dev air1"),
        format!("-n {headend} link set air1 up"),
        format!("-n {boxes} link set air1 up"),
    ]);
}

/// Whether a whole cycle of the image is among these, byte for byte.
fn has_cycle(heard: &[Heard], image: &[u8]) -> bool {
    let number = |heard: &Heard| u32::from_be_bytes(heard.bytes[4..8].try_into().unwrap());
    let Some(first) = heard.iter().position(|one| number(one) == 1) else { return false };
    let slices = image.len().div_ceil(1_000);
    let cycle = heard.iter().skip(first).take(slices);
    cycle.flat_map(|one| one.bytes[44..].to_vec()).collect::<Vec<u8>>() == image
}

#[test]
fn an_interface_that_goes_down_and_up_is_sent_on_again_and_others_do_not_notice() {
    let hosts = Hosts::new();
    second_network(&hosts);
    let (site, groups) = site(&[("", "air0"), ("", "air1")]);
    let [here, there] = &hosts.names;
    let (ear, other) = (Ear::join(there, &groups[0], "air0"), Ear::join(there, &groups[1], "air1"));
    let address = free_address(&hosts);
    let mut headend = hosts.serve(&site, &["--metrics", &address.to_string()]);
    ear.until(BACK_WITHIN, |_| true);
    other.drain();
    ip([format!("-n {here} link set air0 down")]);
    headend.wait_for(FAILS);
    let meanwhile = other.hear_for(Duration::from_secs(2));
    ear.drain();
    ip([format!("-n {here} link set air0 up")]);
    ear.until(BACK_WITHIN, |_| true);
    headend.wait_for(AGAIN);
    let heard = ear.hear_for(Duration::from_secs(1));
    assert!(has_cycle(&heard, &noise(1, 100_000)), "no whole cycle in {} datagrams", heard.len());
    let kbps = rate(&meanwhile) / 1_000.0;
    assert!((kbps / f64::from(KBPS) - 1.0).abs() < 0.02, "the other interface: {kbps} kbit/s");
    let kbps = rate(&heard) / 1_000.0;
    assert!((kbps / f64::from(KBPS) - 1.0).abs() < 0.11, "this interface: {kbps} kbit/s");
    let errors = |channel| metric(&hosts, address, "stbcast_send_errors_total", channel);
    assert!(errors("images-0") > 0.0);
    assert!(errors("images-1") == 0.0);
    assert_eq!((lines(&headend, FAILS), lines(&headend, AGAIN)), (1, 1), "{:#?}", headend.log);
}

#[test]
fn an_interface_without_a_carrier_is_told_of_once_and_so_is_its_return() {
    let hosts = Hosts::new();
    let (site, groups) = site(&[("", "air0")]);
    let there = &hosts.names[1];
    let mut headend = hosts.serve(&site, &[]);
    ip([format!("-n {there} link set air0 down")]);
    headend.wait_for("interface air0: no carrier");
    ip([format!("-n {there} link set air0 up")]);
    headend.wait_for(AGAIN);
    Ear::join(there, &groups[0], "air0").until(BACK_WITHIN, |_| true);
}

#[test]
fn an_interface_that_is_deleted_and_made_again_is_sent_on_again() {
    let hosts = Hosts::new();
    let (site, groups) = site(&[("", "air0"), (V6_GROUP, "air0")]);
    let [here, there] = &hosts.names;
    let mut headend = hosts.serve(&site, &[]);
    ip([format!("-n {here} link del air0")]);
    headend.wait_for(FAILS);
    ip([
        // Not the number it had.
        format!("-n {here} link add filler type veth peer name filler1"),
        format!("link add air0 netns {here} type veth peer name air0 netns {there}"),
        format!("-n {there} addr add 10.77.0.2/24 dev air0"),
        format!("-n {there} addr add fd77::2/64 dev air0 nodad"),
        format!("-n {there} link set air0 up"),
        format!("-n {here} link set air0 up"),
    ]);
    let ears: Vec<Ear> = groups.iter().map(|group| Ear::join(there, group, "air0")).collect();
    ip([
        format!("-n {here} addr add 10.77.0.1/24 dev air0"),
        format!("-n {here} addr add fd77::1/64 dev air0 nodad"),
    ]);
    let sources: [IpAddr; 2] = ["10.77.0.1".parse().unwrap(), "fd77::1".parse().unwrap()];
    for (ear, source) in ears.iter().zip(sources) {
        ear.until(BACK_WITHIN, |heard| heard.from == source);
    }
    headend.wait_for(AGAIN);
    let heard = ears[0].hear_for(Duration::from_secs(1));
    assert!(has_cycle(&heard, &noise(1, 100_000)));
    assert_eq!((lines(&headend, FAILS), lines(&headend, AGAIN)), (1, 1), "{:#?}", headend.log);
}

#[test]
fn an_address_that_changes_is_sent_from_within_two_seconds() {
    let hosts = Hosts::new();
    let (site, groups) = site(&[("", "air0"), (V6_GROUP, "air0")]);
    let [here, there] = &hosts.names;
    let ears: Vec<Ear> = groups.iter().map(|group| Ear::join(there, group, "air0")).collect();
    let _headend = hosts.serve(&site, &[]);
    let sources: [IpAddr; 2] = ["10.77.0.9".parse().unwrap(), "fd77::9".parse().unwrap()];
    ip([
        format!("-n {here} addr del 10.77.0.1/24 dev air0"),
        format!("-n {here} addr add 10.77.0.9/24 dev air0"),
        format!("-n {here} addr del fd77::1/64 dev air0"),
        format!("-n {here} addr add fd77::9/64 dev air0 nodad"),
    ]);
    let changed = now();
    for (ear, source) in ears.iter().zip(sources) {
        let heard = ear.until(BACK_WITHIN * 2, |heard| heard.from == source);
        let after = Duration::from_nanos(heard[heard.len() - 1].at.saturating_sub(changed));
        assert!(after < BACK_WITHIN, "{source} after {after:?}");
        let later = ear.hear_for(Duration::from_millis(500));
        assert!(later.iter().all(|heard| heard.from == source), "{source}");
    }
}

#[test]
fn a_channel_at_an_address_is_silent_while_nobody_has_the_address() {
    let hosts = Hosts::new();
    let (site, groups) = site(&[("", "10.77.0.1")]);
    let [here, there] = &hosts.names;
    let ear = Ear::join(there, &groups[0], "air0");
    let mut headend = hosts.serve(&site, &[]);
    ip([
        format!("-n {here} addr del 10.77.0.1/24 dev air0"),
        format!("-n {here} addr add 10.77.0.9/24 dev air0"),
    ]);
    headend.wait_for(FAILS);
    ear.drain();
    assert!(ear.hear_for(Duration::from_millis(500)).is_empty(), "sent from an address of another");
    ip([format!("-n {here} addr add 10.77.0.1/24 dev air0")]);
    ear.until(BACK_WITHIN, |heard| heard.from == IpAddr::from([10, 77, 0, 1]));
    headend.wait_for(AGAIN);
}

#[test]
fn a_reload_while_an_interface_is_away_goes_on_air_and_one_with_an_unknown_interface_does_not() {
    let hosts = Hosts::new();
    let (mut site, groups) = site(&[("", "air0")]);
    let [here, there] = &hosts.names;
    let mut headend = hosts.serve(&site, &[]);
    ip([format!("-n {here} link set air0 name away0")]);
    headend.wait_for(FAILS);
    let image = noise(2, 50_000);
    site.file("boot.img", &image);
    headend.signal(Signal::HUP);
    headend.wait_for("line-up 2 is on air");
    ip([format!("-n {here} link set away0 name air0")]);
    headend.wait_for(AGAIN);
    let ear = Ear::join(there, &groups[0], "air0");
    assert!(has_cycle(&ear.hear_for(Duration::from_secs(1)), &image));
    site.replace("\"air0\"", "\"nope0\"");
    site.write();
    headend.signal(Signal::HUP);
    headend.wait_for("no interface `nope0`");
    headend.wait_for("the old line-up stays on air");
    ear.until(BACK_WITHIN, |_| true);
}

#[test]
fn a_headend_that_starts_without_its_interface_ends_and_says_which_there_are() {
    let hosts = Hosts::new();
    let (site, _) = site(&[("", "nope0")]);
    let mut program = super::super::harness::Program::start(
        hosts
            .on(0, &headend())
            .arg("serve")
            .env("XDG_STATE_HOME", site.path("state"))
            .arg(site.write())
            .arg("--spool")
            .arg(site.path("spool")),
    );
    let line = program.wait_for("no interface `nope0`");
    assert!(line.contains("air0 (10.77.0.1)"), "{line}");
    assert_eq!(program.finish().0, 1);
}
