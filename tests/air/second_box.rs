//! What `stbcast serve` sends, rebuilt by the box that was written in Python from PROTOCOL.md alone
//! (`tests/peer/repair_peer.py`), from a recording without one datagram in twenty.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::capture::{Air, rebuild, thinned};
use super::harness::{DEADLINE, Site, alone, join, noise};

/// Hears all groups until `enough` says so of what has been heard.
#[track_caller]
pub(crate) fn record(groups: &[&str], mut enough: impl FnMut(&Air) -> bool) -> Air {
    let sockets: Vec<(SocketAddr, UdpSocket)> =
        groups.iter().map(|group| (group.parse().unwrap(), join(group))).collect();
    for (_, socket) in &sockets {
        socket.set_nonblocking(true).unwrap();
    }
    let (mut air, mut buffer) = (Air::new(), [0; 9_000]);
    let end = Instant::now() + DEADLINE;
    while !enough(&air) {
        assert!(Instant::now() < end, "{} datagrams in {DEADLINE:?}", air.len());
        let heard = air.len();
        for (group, socket) in &sockets {
            while let Ok(length) = socket.recv(&mut buffer) {
                air.push((*group, buffer[..length].to_vec()));
            }
        }
        if air.len() == heard {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    air
}

/// A channel with repair on air, heard for a cycle and three announcements.
fn rebuilds(length: usize, slice_bytes: u32, repair: &str, code: &str, blocks: u64) {
    let _alone = alone();
    let image = noise(length as u64, length);
    let mut site = Site::new();
    let announce = site.announce();
    let group = site.channel("images", 20_000, slice_bytes);
    let companion = site.repair(repair);
    site.object("boot", "boot.img", "type = 5");
    site.file("boot.img", &image);
    let _headend = site.serve(&[]);
    let count = |air: &Air, group: &str| {
        let group: SocketAddr = group.parse().unwrap();
        air.iter().filter(|(to, _)| *to == group).count()
    };
    let slices = length.div_ceil(slice_bytes as usize);
    let air = record(&[&group, &companion, &announce], |air| {
        count(air, &group) > slices && count(air, &announce) >= 3
    });
    // Of the channel one cycle, so that repair is needed; then not one datagram in twenty.
    let channel: SocketAddr = group.parse().unwrap();
    let mut heard = 0;
    let one_cycle = air.into_iter().filter(|(to, _)| {
        heard += usize::from(*to == channel);
        *to != channel || heard <= slices
    });
    let air = thinned(one_cycle.collect(), 20_260_921);
    let source = format!("infocast://{group}/boot");
    let (exit, figures, object) = rebuild(&source, &announce, &air, &[]);
    assert_eq!(exit, Some(0), "{figures}");
    assert!(object == image, "{figures}");
    assert_eq!((figures["code"].as_str(), figures["blocks"].as_u64()), (Some(code), Some(blocks)));
    assert!(figures["missing"].as_u64().unwrap() > 0, "{figures}");
    assert_eq!(figures["refused"], serde_json::json!({}), "{figures}");
    let (exit, figures, _) = rebuild(&source, &announce, &air, &["--without-repair"]);
    assert_eq!(exit, Some(1), "{figures}");
}

#[test]
fn one_block_of_rs8() {
    rebuilds(200_001, 1_400, "ratio = 0.25", "rs8", 1);
}

#[test]
fn several_blocks_of_rs8_of_which_some_are_short() {
    rebuilds(2 << 20, 1_400, "ratio = 0.25, fec = \"rs8\"", "rs8", 8);
}

#[test]
fn one_block_of_rs16() {
    rebuilds(1 << 20, 1_399, "ratio = 0.25", "rs16", 1);
}

#[test]
fn two_blocks_of_rs16() {
    // 8,193 symbols in blocks of 4,097 and 4,096.
    rebuilds(8_192 * 200 + 1, 200, "ratio = 0.25, fec = \"rs16-small\"", "rs16", 2);
}
