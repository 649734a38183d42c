//! What a release says of an object, in the words of a fetch.

use alloc::string::String;
use core::num::NonZeroU16;

use stbcast_bootcast::Part;
use stbcast_flute::fdt::{Alternates, Companion, Unicast, toi_candidates};
use stbcast_infocast::Name;
use stbcast_release::{Carousel, Object, ObjectKind};

use crate::{Announcement, Content, FileName, Target};

/// The slot of an object; `None` where it has none.
pub(super) const fn part_of(kind: ObjectKind) -> Option<Part> {
    match kind {
        ObjectKind::Image => Some(Part::Kernel),
        ObjectKind::Splash => Some(Part::Splash),
        ObjectKind::Diagnostic => Some(Part::Diagnostic),
        ObjectKind::Config => None,
    }
}

/// Where an object is on air; `None` where its name is none that could be asked for.
pub(super) fn target_of(object: &Object) -> Option<Target> {
    let source = object.source()?;
    let group = source.group;
    Some(match source.carousel {
        Carousel::Infocast => Target::infocast(group, Name::new(source.name).ok()?),
        Carousel::Mag => Target::Mag { group },
        Carousel::Flute => Target::Flute { group, name: FileName::new(source.name).ok()? },
    })
}

/// What an object is; `None` where its layout makes no geometry.
pub(super) fn announcement_of(object: &Object) -> Option<Announcement> {
    let geometry = match object.layout {
        Some(layout) => Some(layout.geometry(object.length).ok()?),
        None => None,
    };
    let symbol_bytes = object.layout.map_or(object.slice_bytes, |layout| layout.symbol_bytes);
    let companion = object.companion.map(|one| Companion { group: one.group, tsi: one.tsi });
    let kind = None;
    Some(Announcement {
        toi: toi_candidates(&object.sha256).next().unwrap_or(1).into(),
        length: Some(object.length),
        sha256: Some(object.sha256),
        slice_bytes: Some(object.slice_bytes),
        symbol_bytes: Some(symbol_bytes),
        geometry,
        companion,
        kind,
        unicast: servers_of(object),
        supersedes: None,
    })
}

fn servers_of(object: &Object) -> Option<Unicast> {
    let list: String = object.http.join(" ");
    Unicast::new(Alternates::new(&list).ok()?, object.http_after, object.http_window_s).ok()
}

/// The bytes that its slot is to hold.
pub(super) fn content_of(object: &Object) -> Content {
    let symbol_bytes: NonZeroU16 =
        object.layout.map_or(object.slice_bytes, |layout| layout.symbol_bytes);
    Content { sha256: object.sha256, length: object.length, symbol_bytes: symbol_bytes.get() }
}
