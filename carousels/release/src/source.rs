//! Where an object is on air: `infocast://GROUP:PORT/NAME` or `flute://GROUP:PORT/NAME`.

use stbcast_object::Group;

use crate::limits::URL_BYTES_MAX;

/// The kind of channel that carries an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carousel {
    /// KreaTV's object carousel.
    Infocast,
    /// RFC 6726.
    Flute,
}

/// A source URL, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source<'a> {
    /// The kind of channel.
    pub carousel: Carousel,
    /// Its group.
    pub group: Group,
    /// The name of the object on it: one path segment without a percent sign.
    pub name: &'a str,
}

impl<'a> Source<'a> {
    /// Reads a source URL; `None` where it is not one of the two forms of at most 512 printable
    /// ASCII characters.
    pub fn parse(url: &'a str) -> Option<Self> {
        if url.len() > URL_BYTES_MAX || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let (scheme, rest) = url.split_once("://")?;
        let carousel = match scheme {
            "infocast" => Carousel::Infocast,
            "flute" => Carousel::Flute,
            _ => return None,
        };
        let (group, name) = rest.split_once('/')?;
        let group = Group::parse(group, None).ok()?;
        let plain = !name.contains(['/', '\\', '%', '?', '#']);
        (plain && !matches!(name, "" | "." | "..")).then_some(Self { carousel, group, name })
    }
}
