//! How datagrams go to the kernel: whatever the path, boxes see the same.

use super::harness::{Site, hear, join, metrics, noise};

/// A metric's value.
fn value(metrics: &str, name: &str) -> u64 {
    let line = metrics.lines().find(|line| line.starts_with(name)).expect(name);
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// One system call for each datagram, as far as two counters can tell that are read one after the
/// other while the headend goes on.
fn is_single(calls: u64, sent: u64) -> bool {
    calls.abs_diff(sent) * 4 < sent
}

/// Three cycles of a fast channel: the datagrams, system calls and datagrams sent until then.
fn three_cycles(path: &str, image: &[u8]) -> (Vec<Vec<u8>>, u64, u64) {
    let mut site = Site::new();
    let group = site.channel("images", 400_000, 1_000);
    site.object("boot", "boot.img", "precoding = \"crc32\"");
    site.object("splash", "splash.img", "");
    site.file("boot.img", image);
    site.file("splash.img", &image[..1_700]);
    let socket = join(&group);
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let headend = site.serve(&["--transmit", path, "--metrics", &address.to_string()]);
    let told = format!("interface lo: transmit path {path}");
    assert!(headend.log.iter().any(|line| line.contains(&told)), "{}", headend.log.join("\n"));
    let heard = hear(&socket, 3 * 104);
    let metrics = metrics(address);
    let calls = value(&metrics, "stbcast_send_calls_total");
    (heard, calls, value(&metrics, "stbcast_packets_sent_total"))
}

#[test]
fn every_path_sends_the_same_datagrams_in_the_same_order() {
    // Slices of 1,000 and a last one of 500 bytes, then an object without trailers.
    let image = noise(1, 101_500);
    let (plain, calls, sent) = three_cycles("send", &image);
    assert!(is_single(calls, sent), "{calls} system calls for {sent} datagrams");
    for path in ["gso", "sendmmsg"] {
        let (batched, calls, sent) = three_cycles(path, &image);
        assert!(batched == plain, "{path} sends other datagrams");
        assert!(calls * 4 <= sent, "{path}: {calls} system calls for {sent} datagrams");
    }
}

#[test]
fn a_burst_of_nothing_sends_single_datagrams_however_fast_the_channel_is() {
    let mut site = Site::new();
    let group = site.channel("images", 100_000, 1_000);
    site.replace("slice_bytes = 1000", "slice_bytes = 1000\nburst_us = 0");
    site.object("boot", "boot.img", "");
    site.file("boot.img", &noise(2, 100_000));
    let socket = join(&group);
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _headend = site.serve(&["--metrics", &address.to_string()]);
    hear(&socket, 200);
    let metrics = metrics(address);
    let sent = value(&metrics, "stbcast_packets_sent_total");
    let calls = value(&metrics, "stbcast_send_calls_total");
    assert!(is_single(calls, sent), "{calls} system calls for {sent} datagrams");
}
