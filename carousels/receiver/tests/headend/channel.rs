//! The carousel of a channel, whichever format it has.

use stbcast_infocast::{Content, Entry, ObjectType, Precoding};
use stbcast_mag::{Description, Stream};
use stbcast_object::{Datagram, Micros, Slices};

use super::{Revision, name};

/// What a MAG channel pauses between two cycles.
const PAUSE: Micros = Micros::from_millis(100);

/// What comes next on a channel.
pub enum Turn {
    Description(Vec<u8>),
    Slice(Datagram),
}

pub enum Channel {
    Infocast(Box<stbcast_infocast::Carousel>),
    Mag(Box<stbcast_mag::Carousel>),
}

impl Channel {
    /// A channel with one object.
    pub fn of(revision: &Revision) -> Self {
        let slices = Slices::new(revision.bytes.len() as u64, revision.slice_bytes).unwrap();
        let Some(serial) = revision.serial else {
            let content = Content::Stored(slices);
            let entry = Entry::new(name(), ObjectType(5), Precoding(1), None, content).unwrap();
            let entries = vec![entry];
            let carousel = stbcast_infocast::Carousel::new(entries, 10_000_000, 28, Micros::ZERO);
            return Self::Infocast(Box::new(carousel));
        };
        let description = Description::new("MAG254 219").unwrap();
        let description_repeat = Micros::from_millis(100);
        let stream = Stream { serial, description, description_repeat, slices };
        Self::Mag(Box::new(stbcast_mag::Carousel::new(stream, PAUSE).unwrap()))
    }

    /// What it sends now; `None` where it pauses.
    pub fn next(&mut self, now: Micros) -> Option<Turn> {
        use stbcast_infocast::Step as Infocast;
        use stbcast_mag::Step as Mag;
        loop {
            return match self {
                Self::Infocast(carousel) => match carousel.next(now, 0) {
                    Infocast::Datagram(datagram) => Some(Turn::Slice(datagram)),
                    Infocast::CycleEnd => continue,
                    Infocast::Idle { .. } => None,
                },
                Self::Mag(carousel) => match carousel.next(now) {
                    Mag::Description(bytes) => Some(Turn::Description(bytes)),
                    Mag::Datagram(datagram) => Some(Turn::Slice(datagram)),
                    Mag::CycleEnd => continue,
                    Mag::Idle { .. } => None,
                },
            };
        }
    }
}
