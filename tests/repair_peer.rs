//! A second box, written in Python from `carousels/PROTOCOL.md` alone, rebuilds objects from captures
//! with datagrams removed: layout, framing and both codes are its own (`tests/peer/repair_peer.py`).
#![cfg(feature = "peers")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "peer/capture.rs"]
mod capture;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::path::Path;

use capture::{Air, Dice, rebuild, second_box, thinned};
use sha2::{Digest, Sha256};
use stbcast_fec::{Choice, Encoder, Geometry, RepairId, Scheme};
use stbcast_flute::fdt::{Alternates, Announced, Companion, File, Unicast, toi_candidates};
use stbcast_flute::{
    AnnounceSession, CompanionSession, CompanionSettings, FdtSettings, Fti, Repair, Share, crc32,
};
use stbcast_infocast::{Carousel, Content, Entry, Name, ObjectType, Precoding};
use stbcast_object::{Datagram, Group, Micros, Slices};

const WALL: Micros = Micros::from_secs(1_790_000_000);
const REPAIR_TSI: u32 = 7;

/// Where a server would have the object.
fn unicast() -> Unicast {
    let list = "http://192.0.2.10:8080/images/boot http://boot.example/boot?x=1&y=2";
    Unicast::new(Alternates::new(list).unwrap(), 3.try_into().unwrap(), 1_800).unwrap()
}

/// An object on air with repair: what a headend has of it.
struct OnAir {
    image: Vec<u8>,
    geometry: Geometry,
    slice_bytes: u16,
    precoding: Precoding,
    /// Channel, companion and announce session.
    groups: [Group; 3],
}

impl OnAir {
    fn new(geometry: Geometry, slice_bytes: u16) -> Self {
        let mut dice = Dice(geometry.length() | 1);
        let image = (0..geometry.length()).map(|_| dice.below(256) as u8).collect();
        let group = |last| Group::new(IpAddr::from([239, 255, 2, last]), 22_222).unwrap();
        let groups = [group(11), group(12), group(3)];
        Self { image, geometry, slice_bytes, precoding: Precoding::NONE, groups }
    }

    fn source(&self) -> String {
        format!("infocast://{}/boot", self.groups[0])
    }

    /// The object as the announcement describes it, or only as the companion does.
    fn file(&self, announced: bool) -> File {
        let sha256: [u8; 32] = Sha256::digest(&self.image).into();
        let toi = toi_candidates(&sha256).next().unwrap();
        let fti = Fti::of_geometry(self.geometry);
        let mut file = File::new(&self.source(), toi).unwrap().with_fti(fti);
        file.sha256 = Some(sha256);
        let companion = Companion { group: self.groups[1], tsi: REPAIR_TSI };
        if announced {
            file.announced = Announced {
                slice_bytes: self.slice_bytes.try_into().ok(),
                companion: Some(companion),
                unicast: Some(unicast()),
                ..Announced::default()
            };
        }
        file
    }

    /// All repair symbols, in the order of a headend's store.
    fn store(&self, per_block: u32) -> Vec<u8> {
        let mut encoder = Encoder::new(self.geometry, 64 << 20).unwrap();
        let mut made: BTreeMap<RepairId, Vec<u8>> = BTreeMap::new();
        for block in 0..self.geometry.blocks() {
            for columns in encoder.stripes() {
                let bytes = |range: std::ops::Range<u64>| {
                    &self.image[range.start as usize..range.end as usize]
                };
                let emit = |index, stripe: &[u8]| {
                    made.entry(RepairId { block, index }).or_default().extend_from_slice(stripe);
                    Ok::<_, Infallible>(())
                };
                encoder.encode(block, columns, 0..per_block, bytes, emit).unwrap();
            }
        }
        made.into_values().flatten().collect()
    }

    fn carousel(&self) -> Carousel {
        let slices = Slices::new(self.image.len() as u64, self.slice_bytes.try_into().unwrap());
        let entry = Entry::new(
            Name::new("boot").unwrap(),
            ObjectType::BOOTCAST_FILE,
            self.precoding,
            None,
            Content::Stored(slices.unwrap()),
        );
        let entry = entry.unwrap().with_trailers_over(&self.image);
        Carousel::new(vec![entry], 20_000_000, 28, Micros::ZERO)
    }

    fn companion(&self, store: &[u8], per_block: u32) -> CompanionSession {
        let crcs = store.chunks(self.geometry.repair_bytes()).map(crc32).collect();
        let repair = Repair { store: 1, per_block, per_cycle: 0, crcs };
        let entry =
            stbcast_flute::Entry { file: self.file(false), object: 0, repair: Some(repair) };
        let settings = CompanionSettings {
            fdt: FdtSettings::new(REPAIR_TSI),
            symbols_per_1000_s: 100_000,
            share: Share::ALL,
        };
        CompanionSession::new(settings, vec![entry], WALL).unwrap()
    }

    /// One cycle of the channel, 0.15 repair symbols for each source symbol evenly between them, and
    /// the announcement each 1,000 slices: beside them stand those of the companion's own FDT.
    fn cycle(&self) -> Air {
        let [channel, companion_group, announce_group] = self.groups.map(|it| it.socket_addr());
        let per_block = self.geometry.repair_symbols(0).min(self.geometry.block_symbols());
        let store = self.store(per_block);
        let mut carousel = self.carousel();
        let mut companion = self.companion(&store, per_block);
        let files = vec![self.file(true)];
        let mut announce = AnnounceSession::new(FdtSettings::new(1), files, WALL).unwrap();
        let gather = |parts: &Datagram| {
            let whole = [&self.image, &store][parts.object];
            let body = &whole[parts.body.start as usize..parts.body.end as usize];
            [&parts.head, body, &parts.tail].concat()
        };
        let (mut air, mut now, mut owed) = (Air::new(), Micros::ZERO, 0);
        loop {
            while let stbcast_flute::Step::Fdt(bytes) = announce.next(now, WALL.after(now)) {
                air.push((announce_group, bytes));
            }
            match carousel.next(now, 0) {
                stbcast_infocast::Step::Datagram(parts) => air.push((channel, gather(&parts))),
                _ => return air,
            }
            now = now.after(Micros::from_millis(1));
            owed += 15 * u32::from(self.slice_bytes / self.geometry.symbol_bytes());
            while owed >= 100 {
                match companion.next(now, WALL.after(now)) {
                    stbcast_flute::Step::Fdt(bytes) => air.push((companion_group, bytes)),
                    stbcast_flute::Step::Datagram(parts) => {
                        owed -= 100;
                        air.push((companion_group, gather(&parts)));
                    }
                    step => panic!("{step:?}"),
                }
            }
        }
    }
}

/// What the second box says of `air`, and the object where it is whole.
fn peer(on_air: &OnAir, air: &Air, more: &[&str]) -> (Option<i32>, serde_json::Value, Vec<u8>) {
    rebuild(&on_air.source(), &on_air.groups[2].to_string(), air, more)
}

/// Rebuilds from one cycle with one datagram in twenty removed, and not without repair.
fn rebuilds(on_air: &OnAir, blocks: u32) {
    let name = format!("{:?}", on_air.geometry);
    assert_eq!(on_air.geometry.blocks(), blocks, "{name}");
    let air = thinned(on_air.cycle(), 20_260_921);
    let (code, figures, object) = peer(on_air, &air, &[]);
    assert_eq!(code, Some(0), "{name}: {figures}");
    assert!(object == on_air.image, "{name}");
    let figure = |name: &str| figures[name].as_u64().unwrap();
    assert_eq!(figure("blocks"), u64::from(blocks));
    assert_eq!(figure("slices"), figure("slices_received") + figure("missing"));
    assert!(figure("missing") > 0 && figure("repair_used") >= figure("missing"), "{figures}");
    assert_eq!(figures["refused"], serde_json::json!({}), "{name}");
    let (code, figures, object) = peer(on_air, &air, &["--without-repair"]);
    assert_eq!((code, object.is_empty()), (Some(1), true), "{figures}");
}

fn planned(choice: Choice, length: u64, slice_bytes: u16) -> OnAir {
    OnAir::new(Geometry::plan(choice, length, slice_bytes, 1_428).unwrap(), slice_bytes)
}

#[test]
fn the_peer_computes_the_vectors_of_both_codes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let done = second_box()
        .arg("self-test")
        .arg(root.join("carousels/fec/tests/vectors"))
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn the_peer_rebuilds_one_block_of_rs8() {
    rebuilds(&planned(Choice::Rs8, 200_001, 1_400), 1);
}

#[test]
fn the_peer_rebuilds_eight_blocks_of_rs8_of_which_six_are_short() {
    rebuilds(&planned(Choice::Rs8, 2 << 20, 1_400), 8);
}

#[test]
fn the_peer_rebuilds_one_block_of_rs16() {
    rebuilds(&planned(Choice::Rs16, 2 << 20, 1_400), 1);
}

#[test]
fn the_peer_rebuilds_blocks_of_rs16_with_virtual_symbols() {
    // 1,498 symbols: blocks of 375, 375, 374 and 374, coded as 400.
    let geometry = Geometry::new(Scheme::Rs16, 2 << 20, 1_400, 400).unwrap();
    rebuilds(&OnAir::new(geometry, 1_400), 4);
}

#[test]
fn the_peer_rebuilds_symbols_of_an_odd_length() {
    rebuilds(&planned(Choice::Rs8, 300_000, 1_399), 2);
    rebuilds(&planned(Choice::Rs16, 300_000, 1_399), 1);
    rebuilds(&planned(Choice::Rs16, 40_000, 67), 1);
}

#[test]
fn the_peer_rebuilds_slices_that_are_cut_into_symbols() {
    // The last slice has one symbol and a part of another.
    let length = 400 * 1_456 + 729;
    rebuilds(&planned(Choice::Rs8, length, 1_456), 5);
    rebuilds(&planned(Choice::Rs16, length, 1_456), 1);
    // The last slice has one symbol of its three.
    rebuilds(&planned(Choice::Rs16, 300 * 1_455 + 9, 1_455), 1);
}

#[test]
fn the_peer_rebuilds_what_is_sent_on_ipv6_with_trailers() {
    let mut on_air = planned(Choice::Auto, 250_000, 1_400);
    let group = |last| Group::new(IpAddr::from([0xff15, 0, 0, 0, 0, 0, 0, last]), 22_222).unwrap();
    on_air.groups = [group(11), group(12), group(3)];
    on_air.precoding = Precoding::CRC32;
    rebuilds(&on_air, 1);
}

#[test]
fn the_peer_knows_where_and_when_a_box_may_ask_a_server() {
    let on_air = planned(Choice::Rs8, 200_001, 1_400);
    let (code, figures, _) = peer(&on_air, &on_air.cycle(), &["--serial", "1931690851"]);
    assert_eq!(code, Some(0), "{figures}");
    let (unicast, release) = (unicast(), Sha256::digest(&on_air.image));
    let window = Micros::from_secs(u64::from(unicast.window_s()));
    let delay = stbcast_bootcast::delay("1931690851", &release, window);
    let expected = serde_json::json!({
        "urls": unicast.alternates.urls().collect::<Vec<_>>(),
        "after_cycles": unicast.after_cycles,
        "window_s": unicast.window_s(),
        "delay_us": delay.0,
    });
    assert_eq!(figures["unicast"], expected);
}

/// The repair datagrams of a recording.
fn repairs<'a>(on_air: &OnAir, air: &'a mut Air) -> impl Iterator<Item = &'a mut Vec<u8>> {
    let group = on_air.groups[1].socket_addr();
    air.iter_mut()
        .filter(move |(to, bytes)| *to == group && bytes[3] == 128)
        .map(|(_, bytes)| bytes)
}

fn with_right_crc(bytes: &mut [u8]) {
    let end = bytes.len() - 4;
    let crc = crc32(&bytes[..end]);
    bytes[end..].copy_from_slice(&crc.to_be_bytes());
}

#[test]
fn the_peer_counts_what_it_refuses_and_rebuilds_from_the_rest() {
    let on_air = planned(Choice::Auto, 200_000, 1_400);
    let mut air = thinned(on_air.cycle(), 5);
    let mut all = repairs(&on_air, &mut air);
    all.next().unwrap()[50] ^= 1;
    let contradiction = all.next().unwrap();
    // E.
    contradiction[27] += 1;
    with_right_crc(contradiction);
    let beyond = all.next().unwrap();
    // ESI.
    beyond[36..40].copy_from_slice(&255_u32.to_be_bytes());
    with_right_crc(beyond);
    drop(all);
    let (code, figures, object) = peer(&on_air, &air, &[]);
    assert_eq!(code, Some(0), "{figures}");
    assert!(object == on_air.image);
    assert_eq!(
        figures["refused"],
        serde_json::json!({ "crc": 1, "contradiction": 1, "symbol": 1 })
    );
}

#[test]
fn the_peer_tells_an_object_that_is_not_the_announced_one() {
    let on_air = planned(Choice::Auto, 200_000, 1_400);
    let mut air = thinned(on_air.cycle(), 5);
    for bytes in repairs(&on_air, &mut air) {
        bytes[50] ^= 1;
        with_right_crc(bytes);
    }
    let (code, figures, object) = peer(&on_air, &air, &[]);
    assert_eq!((code, object.is_empty()), (Some(1), true), "{figures}");
    assert!(figures["error"].as_str().unwrap().contains("SHA-256"), "{figures}");
}

#[test]
fn the_peer_mixes_no_revisions_of_an_object() {
    let old = planned(Choice::Auto, 200_000, 1_400);
    let mut new = planned(Choice::Auto, 200_000, 1_400);
    new.image[77_777] ^= 1;
    let mut air = thinned(old.cycle(), 5);
    air.truncate(air.len() / 2);
    // A session that is told another file goes on under another number.
    let next = new.cycle().into_iter().map(|(group, mut bytes)| {
        if group == new.groups[2].socket_addr() {
            bytes[19] = bytes[19].wrapping_add(1);
        }
        (group, bytes)
    });
    air.extend(thinned(next.collect(), 6));
    let (code, figures, object) = peer(&new, &air, &[]);
    assert_eq!(code, Some(0), "{figures}");
    assert!(object == new.image);
    assert!(figures["refused"]["slice_of_another_revision"].as_u64().unwrap() > 0, "{figures}");
}
