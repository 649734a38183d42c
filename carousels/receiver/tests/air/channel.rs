//! The carousel of a channel, whichever format it has.

use stbcast_mag::{Description, Stream};
use stbcast_object::{Datagram, Micros};

use super::image::Image;

/// What comes next on a channel.
pub(super) enum Turn {
    Description(Vec<u8>),
    Slice(Datagram),
    Nothing,
}

pub(super) enum Channel {
    Infocast(Box<stbcast_infocast::Carousel>),
    Mag(Box<stbcast_mag::Carousel>),
}

impl Channel {
    /// A channel with these objects; one on a MAG channel has no others beside it.
    pub(super) fn of(images: &[Image]) -> Self {
        if let [Image { serial: Some(serial), .. }] = images {
            let description = Description::new("MAG254 219").unwrap();
            let description_repeat = Micros::from_millis(100);
            let slices = images[0].cut();
            let stream = Stream { serial: *serial, description, description_repeat, slices };
            let pause = Micros::from_millis(100);
            return Self::Mag(Box::new(stbcast_mag::Carousel::new(stream, pause).unwrap()));
        }
        let slices = images.iter().map(Image::slices).collect();
        let carousel = stbcast_infocast::Carousel::new(slices, 100_000_000, 28, Micros::ZERO);
        Self::Infocast(Box::new(carousel))
    }

    pub(super) fn next(&mut self, now: Micros, wall: Micros) -> Turn {
        match self {
            Self::Infocast(carousel) => match carousel.next(now, wall.0 / 1_000_000) {
                stbcast_infocast::Step::Datagram(datagram) => Turn::Slice(datagram),
                _ => Turn::Nothing,
            },
            Self::Mag(carousel) => match carousel.next(now) {
                stbcast_mag::Step::Description(bytes) => Turn::Description(bytes),
                stbcast_mag::Step::Datagram(datagram) => Turn::Slice(datagram),
                _ => Turn::Nothing,
            },
        }
    }

    pub(super) fn between_cycles(&self) -> bool {
        match self {
            Self::Infocast(carousel) => carousel.between_cycles(),
            Self::Mag(carousel) => carousel.between_cycles(),
        }
    }
}
