//! Operations on the sessions of a box, read from the bytes.

use std::net::{IpAddr, Ipv4Addr};

use stbcast_bootcast::{BootcastInfo, ImageRef, Part};
use stbcast_infocast::{Name, Packet, Precoding};
use stbcast_object::{Group, Micros};
use stbcast_receiver::limits::{LISTED_OBJECTS_MAX, LISTED_SENDERS_MAX};
use stbcast_receiver::{
    Boot, BootOptions, BootReport, Census, Fetch, FetchError, FetchOptions, PartOutcome, Role,
    Target,
};

use super::{RIVAL, SENDER, Script, Sent, channel, noise, wanted};

mod air;
mod mag;
mod rig;
mod watched;

use self::air::Air;
pub use self::mag::mag_ops;
use self::rig::{Rig, assert_counted};
pub use self::watched::Watched;

/// Any datagrams from any senders to a census: what it keeps is bounded, and nothing goes uncounted.
pub fn census_ops(data: &[u8]) {
    let mut script = Script(data);
    let (mut census, mut now, mut heard) = (Census::default(), Micros::ZERO, 0u64);
    while let Some(kind) = script.byte() {
        let (from, before) = (IpAddr::V4(Ipv4Addr::new(192, 0, 2, kind & 0x0f)), heard);
        let mut observe = |datagram: &[u8], span: u64| {
            now = now.after(Micros(span));
            census.observe(now, from, datagram, 28);
            heard += 1;
        };
        match kind >> 4 {
            // A crowd of names.
            15 => (0..40u64).for_each(|n| {
                let name = Name::new(&format!("crowd.{before}.{n}")).expect("a name");
                observe(&Sent::plain(name, Vec::new()).packet(1, 2, b"x"), n);
            }),
            // Packet and total are taken from the script, so that passes and periods come about.
            high @ 8..15 => {
                let (number, total) = (script.byte().unwrap_or(1), script.byte().unwrap_or(1));
                let name = Name::new(&format!("object.{high}")).expect("a name");
                let precoding = Precoding(u16::from(number >> 6));
                let object = Sent { precoding, ..Sent::plain(name, Vec::new()) };
                let (number, total) = (u32::from(number & 0x3f), u32::from(total));
                observe(&object.packet(number, total, script.block()), 1_000);
            }
            // The clock may even go backwards.
            7 => now = Micros(u64::from(script.byte().unwrap_or(0)) << 56),
            _ => observe(script.block(), 100),
        }
    }
    let mut counted = census.other_names() + census.stats().rejected_total();
    counted += census.stats().descriptions;
    if let Some(image) = census.image() {
        assert!((1..=LISTED_SENDERS_MAX).contains(&image.senders.len()));
        counted += image.datagrams;
    }
    assert!(census.objects().count() <= LISTED_OBJECTS_MAX);
    for (_, object) in census.objects() {
        assert!((1..=LISTED_SENDERS_MAX).contains(&object.senders.len()));
        let longest = u64::from(object.revision.total) * Packet::BYTES_MAX as u64;
        assert!(object.length().is_none_or(|length| length <= longest));
        assert!(object.cycle().is_none_or(|cycle| cycle <= Micros::NEVER));
        counted += object.datagrams;
    }
    assert_eq!((counted, census.stats().datagrams), (heard, heard));
    let _ = census.bit_rate_bps(census.span());
}

/// A fetch while two honest revisions are on air one after the other, among loss, duplicates,
/// forgeries, silence and failing storage. See [`Air::assert_committed`] for what may be committed;
/// [`Rig`] and [`Watched`] hold what every session keeps to.
pub fn fetch_ops(data: &[u8]) {
    let mut script = Script(data);
    let mut air = Air::new(&mut script);
    let options = FetchOptions {
        source: air.pinned.then_some(SENDER),
        length_max: air.length_max,
        ..FetchOptions::default()
    };
    let target = Target::infocast(channel(2), wanted());
    let mut rig = Rig::new(Fetch::new(target, options), air.length_max);
    while let (Some(op), Some(n)) = (script.byte(), script.byte()) {
        match op % 8 {
            0 => (0..=n % 64).for_each(|_| air.play(&mut rig)),
            1 => (0..=n % 64).for_each(|_| air.lose(&mut rig)),
            2 => air.change_due = true,
            3 => (0..=n % 12).for_each(|_| rig.hear(SENDER, &air.last)),
            4 => air.forge(n, &mut script, &mut rig),
            5 => air.strange(SENDER, script.block(), &mut rig),
            6 => rig.pass_time(n),
            _ => rig.storage.fail_later(n, script.byte().unwrap_or(0)),
        }
        air.assert_committed(&rig);
        assert_counted(rig.session.stats());
    }
    // An honest channel is enough, whatever came before.
    if !(air.forged || air.misled) {
        rig.storage.fault = (0, 0);
        // A change that is due comes with the next pass: five of the longer revision are enough.
        let longest = air.revisions.iter().map(|revision| revision.slices.len()).max().unwrap_or(0);
        (0..6 * longest).for_each(|_| air.play(&mut rig));
        assert!(rig.is_over(), "five passes without loss did not complete the object");
        air.assert_committed(&rig);
    }
    rig.assert_ends(8);
    assert_eq!(rig.completed, rig.storage.commits == 1, "completed means committed");
    assert!(rig.storage.commits <= 1);
}

/// A boot whose control object is taken from the input. Only roles reach the storage, only channels
/// that the control object names are joined, and the report tells what happened.
pub fn boot_ops(data: &[u8]) {
    let mut script = Script(data);
    let flags = script.byte().unwrap_or(0);
    let length = usize::from(script.byte().unwrap_or(0)) * 8;
    let text = script.take(length);
    let control = Sent::cut(wanted(), text, 64, false);
    let info = BootcastInfo::parse(text).ok();
    let mut options = BootOptions { length_max: 4_096, ..BootOptions::new(channel(2), wanted()) };
    options.diagnostic = flags & 1 != 0;
    options.source = (flags & 2 != 0).then_some(SENDER);
    options.stored.kernel = (flags & 4 != 0).then(|| "4.6".to_owned());
    options.stored.splash = (flags & 8 != 0).then(|| "1".to_owned());
    options.attempts = 1 + (flags >> 4) % 3;
    let unequal = flags & 0x40 != 0;

    let mut rig = Rig::new(Boot::new(options), 4_096);
    let mut forged = false;
    while let (Some(op), Some(n)) = (script.byte(), script.byte()) {
        let Some(joined) = rig.joined else { break };
        match op % 8 {
            // A pass of everything on the channel joined; the bits of `n` are lost.
            0..4 => {
                let on_air = on_air(joined, &control, info.as_ref(), unequal);
                let lost = if op % 8 == 0 { n } else { 0 };
                for (index, datagram) in on_air.iter().flat_map(Sent::pass).enumerate() {
                    if lost >> (index % 8) & 1 == 0 && rig.joined == Some(joined) {
                        rig.hear(SENDER, &datagram);
                    }
                }
            }
            4 => {
                forged = true;
                rig.hear([SENDER, RIVAL][usize::from(n & 1)], script.block());
            }
            5 => rig.storage.fail_later(n, script.byte().unwrap_or(0)),
            _ => rig.pass_time(n),
        }
        if let (Some(group), false) = (rig.joined, forged) {
            let named = Part::ALL.iter().filter_map(|part| info.as_ref()?.part(*part));
            let mut legal = named.map(|image| image.group).chain([channel(2)]);
            assert!(legal.any(|legal| legal == group), "nobody named {group}");
        }
    }
    rig.assert_ends(64);
    let committed = rig.storage.memory.committed(Role::Control);
    assert!(forged || committed.is_none_or(|committed| committed.bytes == text));
    assert!(rig.storage.memory.committed(Role::Object).is_none(), "a boot has no such object");
    let report = rig.report.as_ref().expect("a boot ends with a report");
    Part::ALL.iter().for_each(|part| assert_outcome(*part, report, &rig.storage, forged, unequal));
}

/// What the report says of a part is what the storage saw.
fn assert_outcome(part: Part, report: &BootReport, storage: &Watched, forged: bool, unequal: bool) {
    let role = Role::Part(part);
    let committed = storage.memory.committed(role);
    if let PartOutcome::Installed { version, length, .. } = report.part(part) {
        let committed = committed.expect("installed means committed");
        assert_eq!(committed.version.as_ref(), Some(version));
        assert_eq!(committed.bytes.len() as u64, *length);
        assert!(forged || committed.bytes == image_on_air(unequal).concat());
    } else {
        assert!(committed.is_none(), "committed, but the report does not say so");
    }
    if matches!(report.part(part), PartOutcome::Failed(FetchError::Storage { .. })) {
        assert!(storage.failed_for.contains(&role), "the storage of {part:?} never failed");
    }
}

/// What an honest line-up sends on `group`.
fn on_air(group: Group, control: &Sent, info: Option<&BootcastInfo>, unequal: bool) -> Vec<Sent> {
    let mut on_air: Vec<Sent> =
        (group == channel(2)).then(|| control.clone()).into_iter().collect();
    for part in Part::ALL {
        let Some(ImageRef { group: at, name, .. }) = info.and_then(|info| info.part(part)) else {
            continue;
        };
        let known = |name| on_air.iter().any(|sent| sent.name == name);
        if let (true, Ok(name)) = (*at == group, Name::new(name))
            && !known(name)
        {
            on_air.push(Sent::plain(name, image_on_air(unequal)));
        }
    }
    on_air
}

fn image_on_air(unequal: bool) -> Vec<Vec<u8>> {
    Sent::cut(wanted(), &noise(3, 600), 64, unequal).slices
}
