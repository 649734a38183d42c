//! Where an object is on air: `infocast://GROUP:PORT/NAME`, `flute://GROUP:PORT/NAME` or
//! `mag://GROUP:PORT`.

use stbcast_object::Group;

use crate::limits::URL_BYTES_MAX;

/// The kind of channel that carries an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carousel {
    /// KreaTV's object carousel.
    Infocast,
    /// RFC 6726.
    Flute,
    /// Infomir's image carousel, which carries one object.
    Mag,
}

/// A source URL, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source<'a> {
    /// The kind of channel.
    pub carousel: Carousel,
    /// Its group.
    pub group: Group,
    /// The name of the object on it: one path segment without a percent sign; empty where the carousel
    /// carries one object and no name.
    pub name: &'a str,
}

impl<'a> Source<'a> {
    /// Reads a source URL; `None` where it is not one of the three forms of at most 512 printable
    /// ASCII characters.
    pub fn parse(url: &'a str) -> Option<Self> {
        if url.len() > URL_BYTES_MAX || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let (scheme, rest) = url.split_once("://")?;
        let carousel = match scheme {
            "infocast" => Carousel::Infocast,
            "flute" => Carousel::Flute,
            "mag" => {
                let group = Group::parse(rest, None).ok()?;
                return Some(Self { carousel: Carousel::Mag, group, name: "" });
            }
            _ => return None,
        };
        let (group, name) = rest.split_once('/')?;
        let group = Group::parse(group, None).ok()?;
        let plain = !name.contains(['/', '\\', '%', '?', '#']);
        (plain && !matches!(name, "" | "." | "..")).then_some(Self { carousel, group, name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_of_one_object_is_named_by_its_group_alone() {
        let source = Source::parse("mag://239.255.50.51:9001").unwrap();
        assert_eq!((source.carousel, source.name), (Carousel::Mag, ""));
        assert_eq!(source.group, Group::parse("239.255.50.51:9001", None).unwrap());
        for url in [
            "mag://239.255.50.51",
            "mag://239.255.50.51:9001/",
            "mag://239.255.50.51:9001/a",
            "mag://10.0.0.1:1",
            "infocast://239.1.1.1:5",
        ] {
            assert_eq!(Source::parse(url), None, "{url}");
        }
    }
}
