//! The last resort, with real programs: a headend that announces where to ask, one that is asked, and
//! a box whose channel falls silent.

use std::net::SocketAddr;
use std::path::Path;

use super::asking::answering;
use super::harness::{Program, Site, hear, join, noise, receiver};

const IMAGE_BYTES: usize = 400_000;

/// A server that has `image`, on air where nobody listens.
fn server(image: &[u8]) -> (Site, Program, SocketAddr) {
    let mut site = Site::new();
    site.channel("elsewhere", 1_000, 1_400);
    site.object("boot", "boot.img", "");
    site.file("boot.img", image);
    let (headend, address) = answering(&site, &[]);
    (site, headend, address)
}

/// A headend that takes about four seconds for a cycle of `image` and names `address`.
fn slow_headend(image: &[u8], address: &str, window_s: u32) -> (Site, Program, String, String) {
    let mut site = Site::new();
    let announce = site.announce();
    let group = site.channel("images", 850, 1_400);
    site.object("boot", "boot.img", "");
    site.file("boot.img", image);
    site.add(&format!(
        "[unicast]\nurl = \"http://{address}/images/{{sha256}}\"\nafter_cycles = 1\n\
         window_s = {window_s}\n"
    ));
    let headend = site.serve(&[]);
    (site, headend, announce, group)
}

/// A box that fetches `boot` and has no patience with a silent channel.
fn fetch(announce: &str, group: &str, output: &Path, more: &[&str]) -> Program {
    let url = format!("infocast://{group}/boot");
    let mut command = receiver();
    command.args(["fetch", &url, "--announce", announce, "--interface", "127.0.0.1", "--json"]);
    command.args(["--timeout", "1", "--attempts", "1", "--output"]).arg(output).args(more);
    Program::start(&mut command)
}

fn figures(stdout: &str) -> serde_json::Value {
    serde_json::from_str(stdout).unwrap_or_else(|error| panic!("{error} in {stdout}"))
}

/// Lets the box hear a part of a cycle, and then nothing more.
fn hear_a_part(headend: Program, fetch: &mut Program, group: &str) {
    fetch.wait_for("announced: ");
    // The box hears what is heard here, of less than the 286 slices of a cycle.
    assert_eq!(hear(&join(group), 80).len(), 80);
    drop(headend);
}

#[test]
fn a_box_whose_channel_falls_silent_gets_the_rest_from_the_server_that_was_announced() {
    let image = noise(5, IMAGE_BYTES);
    let (_server, _asked, address) = server(&image);
    let (site, headend, announce, group) = slow_headend(&image, &address.to_string(), 1);
    let output = site.path("fetched");
    let host = format!("--unicast-host={address}");
    let mut fetch = fetch(&announce, &group, &output, &[&host, "--serial", "1931690851"]);
    hear_a_part(headend, &mut fetch, &group);
    fetch.wait_for("servers may be asked for what is missing in");
    let (code, stdout) = fetch.finish();
    let figures = figures(&stdout);
    assert_eq!(code, 0, "{figures}");
    assert!(std::fs::read(&output).unwrap() == image);
    let of = |name: &str| figures[name].as_u64().unwrap();
    let heard = of("stored") * 1_400;
    let http_bytes = of("http_bytes");
    assert!(heard > 0 && http_bytes > 0, "{figures}");
    assert!(http_bytes <= IMAGE_BYTES as u64 - heard + 1_400, "no more than is missing: {figures}");
    assert!(of("requests") <= 5, "neighbours are asked for together: {figures}");
    assert_eq!(figures["check"], "SHA-256 as announced");
    assert_eq!(figures["announced"]["alternate_window_s"], 1);
}

#[test]
fn nobody_is_asked_whom_the_operator_of_the_box_does_not_name() {
    let image = noise(6, IMAGE_BYTES);
    let (_server, _asked, address) = server(&image);
    let (site, headend, announce, group) = slow_headend(&image, &address.to_string(), 0);
    let output = site.path("fetched");
    let mut fetch = fetch(&announce, &group, &output, &["--unicast-host=192.0.2.10"]);
    hear_a_part(headend, &mut fetch, &group);
    let (code, stdout) = fetch.finish();
    let figures = figures(&stdout);
    assert_eq!(code, 1, "{figures}");
    assert_eq!(figures["requests"], 0);
    assert!(figures["error"].as_str().unwrap().contains("silent"), "{figures}");
    assert!(!output.exists());
}

#[test]
fn a_server_that_is_gone_is_given_up_and_the_box_says_so() {
    let image = noise(7, IMAGE_BYTES);
    let (_server, asked, address) = server(&image);
    drop(asked);
    let (site, headend, announce, group) = slow_headend(&image, &address.to_string(), 0);
    let output = site.path("fetched");
    let mut fetch = fetch(&announce, &group, &output, &["--unicast"]);
    hear_a_part(headend, &mut fetch, &group);
    fetch.wait_for("the server cannot be reached");
    fetch.signal(rustix::process::Signal::INT);
    let (code, _) = fetch.finish();
    assert_eq!(code, 1);
    assert!(!output.exists());
}
