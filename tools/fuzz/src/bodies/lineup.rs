//! Line-up files.

use std::collections::HashSet;
use std::path::Path;

use stbcast::lineup::{Channel, DunePlace, LineUp, Protocol, Source};
use stbcast_object::Micros;
use stbcast_object::limits::IP_PACKET_BYTES_MAX;

/// A line-up file of any kind: a line-up or an error, findings inside the file, and every value
/// of a line-up in its range.
pub fn lineup(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let reading = stbcast::lineup::parse(text, Path::new("/line-ups"));
    assert_eq!(reading.line_up.is_none(), reading.errors().next().is_some());
    for (line, column) in reading.findings.iter().filter_map(|finding| finding.at) {
        let length = text.split('\n').nth(line.wrapping_sub(1)).map(|line| line.chars().count());
        let inside = length.is_some_and(|length| (1..=length + 1).contains(&column));
        assert!(inside, "{:?}", reading.findings);
    }
    let Some(line_up) = reading.line_up else { return };
    assert!(!line_up.channels.is_empty());
    assert_distinct(line_up.channels.iter().map(|channel| &channel.name));
    line_up.channels.iter().for_each(|channel| assert_channel(&line_up, channel));
    assert_lists(&line_up);
    assert_distinct(line_up.stbconfigs.iter().map(|stbconfig| &stbconfig.name));
    let parts = line_up.stbconfigs.iter().flat_map(|stbconfig| stbconfig.parts());
    for (_, object) in parts.flatten().map(|id| line_up.object(id).expect("an object")) {
        assert!(matches!(object.source, Source::File(_)), "an image is a file");
    }
}

/// Each list is answered at a path of its own, and names what is there.
fn assert_lists(line_up: &LineUp) {
    let mut paths = Vec::new();
    let is_file = |id| matches!(line_up.object(id).expect("an object").1.source, Source::File(_));
    for list in &line_up.update_lists {
        paths.push(list.path.clone());
        assert!(!list.entries.is_empty());
        for entry in &list.entries {
            assert!(entry.object.is_none_or(is_file));
            let by_hand = entry.name.is_some() && entry.date.is_some() && entry.url.is_some();
            assert!(entry.object.is_some() || by_hand);
        }
    }
    for dune in &line_up.dunes {
        paths.extend(dune.lists.iter().map(|variant| dune.list_path(*variant)));
        paths.extend(dune.checker.iter().flat_map(|_| dune.checker_paths()));
        paths.extend(dune.bootstrap.iter().flat_map(|_| dune.bootstrap_paths()));
        for place in [dune.checker, dune.bootstrap].into_iter().flatten() {
            assert_ne!(dune.firmwares[place].place, DunePlace::Nowhere);
        }
        for firmware in &dune.firmwares {
            match firmware.place {
                DunePlace::Object { id, .. } => assert!(is_file(id)),
                DunePlace::Sender(place) => assert!(place < line_up.vendor_senders.len()),
                DunePlace::Nowhere | DunePlace::Url(_) => {}
            }
        }
    }
    let mut seen = HashSet::new();
    for path in paths {
        assert!(path.starts_with('/') && !path.starts_with("/images/"), "{path}");
        assert!(seen.insert(path.to_ascii_lowercase()), "{path} is answered twice");
    }
}

fn assert_channel(line_up: &LineUp, channel: &Channel) {
    const DAY: Micros = Micros::from_secs(86_400);
    assert!((1_000..=100_000_000_000).contains(&channel.bit_rate_bps));
    assert!(channel.dscp <= 63 && channel.burst_delay <= DAY);
    assert!(!channel.objects.is_empty());
    assert_distinct(channel.objects.iter().map(|object| object.name));
    let header = match channel.protocol {
        Protocol::Infocast => stbcast_infocast::HEADER_BYTES,
        Protocol::Flute => stbcast_flute::SOURCE_HEAD_BYTES,
        Protocol::Mag => stbcast_mag::HEADER_BYTES,
    };
    assert_eq!(channel.mag.is_some(), channel.protocol == Protocol::Mag);
    assert!(channel.mag.is_none() || channel.objects.len() == 1);
    for object in &channel.objects {
        let trailer = object.precoding.trailer_bytes();
        let slice = usize::from(channel.slice_bytes.get());
        let ip_bytes = channel.group.ip_udp_bytes() + header + slice + trailer;
        assert!(ip_bytes <= IP_PACKET_BYTES_MAX);
        assert!(object.precoding.can_be_sent() && object.delay <= DAY);
        assert!(object.check.is_none_or(|check| check.algorithm.bytes() == trailer));
        let fine =
            |v: &String| (1..=255).contains(&v.len()) && v.bytes().all(|b| b.is_ascii_graphic());
        assert!(object.version.as_ref().is_none_or(fine));
        assert!(object.name.as_bytes().iter().all(u8::is_ascii_graphic));
        assert!(object.source.named().all(|id| line_up.object(id).is_some()));
        match &object.source {
            Source::File(path) => {
                assert!(path.is_absolute(), "a relative path is one below the line-up's directory");
            }
            Source::StbConfig(name) => assert!(line_up.stbconfig(name).is_some()),
            Source::Reboot(name) => assert!(line_up.reboot(name).is_some()),
            Source::Time | Source::Bootcast { .. } => {}
        }
    }
}

fn assert_distinct<T: Eq + std::hash::Hash>(items: impl Iterator<Item = T>) {
    let mut seen = HashSet::new();
    items.for_each(|item| assert!(seen.insert(item), "a name stands twice"));
}
