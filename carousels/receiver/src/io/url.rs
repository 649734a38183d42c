//! `infocast://GROUP[:PORT]/NAME`, `mag://GROUP:PORT`, `flute://GROUP:PORT/NAME`,
//! `http://SERVER[:PORT]/PATH` and `tftp://SERVER[:PORT]/PATH`, the ways to name one object; and what
//! `igmp://GROUP:PORT` is in the metadata of MAG boxes.

use stbcast_bootcast::SourceUrl;
use stbcast_infocast::{DEFAULT_PORT, Name, NameError};
use stbcast_object::{Group, GroupError};

use crate::{FileName, FileNameError, Server, Target, TftpOptions};

const INFOCAST: &str = "infocast://";
const MAG: &str = "mag://";
const IGMP: &str = "igmp://";
const FLUTE: &str = "flute://";

/// What a server is asked for by.
const SERVERS: [&str; 2] = ["http://", "tftp://"];

/// Why a text does not name an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Another scheme, or none.
    #[error(
        "it does not begin with infocast://, mag://, flute://, http:// or tftp://: write \
         infocast://GROUP[:PORT]/NAME"
    )]
    Scheme,
    /// What vendors of several families write, each for a format of its own.
    #[error("igmp:// is of MAG or of Dune, whose formats differ: write mag://GROUP:PORT")]
    Igmp,
    /// Something behind the group of a MAG channel.
    #[error("a MAG channel carries one image without a name: write mag://GROUP:PORT")]
    MagPath,
    /// The URL of a server is none.
    #[error(transparent)]
    Server(#[from] stbcast_bootcast::UrlError),
    /// Nothing behind the group.
    #[error(
        "the object's name is missing: write infocast://GROUP[:PORT]/NAME or \
         flute://GROUP:PORT/NAME"
    )]
    NoName,
    /// The group is none.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// The name is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The name is none of a file.
    #[error(transparent)]
    FileName(#[from] FileNameError),
}

/// Reads the URL of an object. Without a port that of an Infocast channel is 22222; those of MAG channels
/// and FLUTE sessions are always written. IPv6 groups stand in brackets.
///
/// # Errors
/// When scheme, group or name are not legal.
pub fn parse_url(text: &str) -> Result<Target, UrlError> {
    if let Some(rest) = strip(text, INFOCAST) {
        let (group, name) = split(rest, Some(DEFAULT_PORT))?;
        return Ok(Target::infocast(group, Name::new(name)?));
    }
    if let Some(rest) = strip(text, MAG) {
        return mag(rest);
    }
    if strip(text, IGMP).is_some() {
        return Err(UrlError::Igmp);
    }
    if SERVERS.iter().any(|scheme| strip(text, scheme).is_some()) {
        return match text.parse()? {
            SourceUrl::Http(url) => Ok(Target::Unicast(Server::Http(url))),
            SourceUrl::Tftp(url) => {
                Ok(Target::Unicast(Server::Tftp { url, options: TftpOptions::default() }))
            }
            _ => Err(UrlError::Scheme),
        };
    }
    let rest = strip(text, FLUTE).ok_or(UrlError::Scheme)?;
    let (group, name) = split(rest, None)?;
    Ok(Target::Flute { group, name: FileName::new(name)? })
}

/// Reads a URL of the metadata of MAG boxes, where `igmp://GROUP:PORT` is `mag://GROUP:PORT` (MAG notes
/// §1.2). Others are as [`parse_url`] reads them.
///
/// # Errors
/// When scheme, group or name are not legal.
pub fn parse_mag_url(text: &str) -> Result<Target, UrlError> {
    strip(text, IGMP).map_or_else(|| parse_url(text), mag)
}

fn mag(group: &str) -> Result<Target, UrlError> {
    if group.contains('/') {
        return Err(UrlError::MagPath);
    }
    Ok(Target::Mag { group: Group::parse(group, None)? })
}

fn strip<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let (front, rest) = text.split_at_checked(scheme.len())?;
    front.eq_ignore_ascii_case(scheme).then_some(rest)
}

fn split(rest: &str, port: Option<u16>) -> Result<(Group, &str), UrlError> {
    let (group, name) = rest.split_once('/').unwrap_or((rest, ""));
    let group = Group::parse(group, port)?;
    if name.is_empty() { Err(UrlError::NoName) } else { Ok((group, name)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_and_its_target_are_the_same_thing() {
        for text in [
            "infocast://239.1.2.3:5/a",
            "infocast://[ff15::1]:22222/cfg.infocast",
            "flute://239.1.2.3:4000/image_1113.bin",
            "mag://224.50.0.51:9001",
            "http://www.example.com:8080/images/1113?serial=7",
            "tftp://192.0.2.1/pub/kernel.bin",
        ] {
            assert_eq!(parse_url(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn the_port_may_be_left_out() {
        for text in ["infocast://239.1.2.3/a", "infocast://[ff15::1]/a", "INFOCAST://239.1.2.3/a"] {
            assert_eq!(parse_url(text).unwrap().group().unwrap().port(), 22222, "{text}");
        }
    }

    #[test]
    fn igmp_is_mag_in_the_metadata_of_mag_boxes_alone() {
        let mag = parse_url("mag://224.50.0.51:9001");
        for text in ["igmp://224.50.0.51:9001", "IGMP://224.50.0.51:9001", "mag://224.50.0.51:9001"]
        {
            assert_eq!(parse_mag_url(text), mag, "{text}");
        }
        assert_eq!(parse_url("igmp://224.50.0.51:9001"), Err(UrlError::Igmp));
        assert_eq!(parse_mag_url("igmp://224.50.0.51:9001/a"), Err(UrlError::MagPath));
        assert_eq!(parse_mag_url("udp://@224.50.0.51:9001"), Err(UrlError::Scheme));
        assert_eq!(parse_mag_url("tftp://192.0.2.1/a"), parse_url("tftp://192.0.2.1/a"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(parse_url(""), Err(UrlError::Scheme));
        assert_eq!(parse_url("https://192.0.2.1/a"), Err(UrlError::Scheme));
        assert_eq!(parse_url("local://"), Err(UrlError::Scheme));
        assert!(matches!(parse_url("http://user@192.0.2.1/a"), Err(UrlError::Server(_))));
        assert!(matches!(parse_url("tftp://192.0.2.1/"), Err(UrlError::Server(_))));
        assert_eq!(parse_url("infocast:ä//239.1.2.3"), Err(UrlError::Scheme));
        assert_eq!(parse_url("infocast://239.1.2.3"), Err(UrlError::NoName));
        assert_eq!(parse_url("infocast://239.1.2.3/"), Err(UrlError::NoName));
        assert!(matches!(parse_url("infocast:///a"), Err(UrlError::Group(_))));
        assert!(matches!(parse_url("infocast://10.0.0.1/a"), Err(UrlError::Group(_))));
        assert!(matches!(parse_url("infocast://239.1.2.3/a/b"), Err(UrlError::Name(_))));
        assert!(matches!(parse_url("mag://224.50.0.51"), Err(UrlError::Group(_))));
        assert!(matches!(parse_url("mag://10.0.0.1:9001"), Err(UrlError::Group(_))));
        for path in ["mag://224.50.0.51:9001/", "mag://224.50.0.51:9001/imageupdate"] {
            assert_eq!(parse_url(path), Err(UrlError::MagPath));
        }
        assert!(matches!(parse_url("flute://239.1.2.3/a"), Err(UrlError::Group(_))));
        assert!(matches!(parse_url("flute://239.1.2.3:5/a/b"), Err(UrlError::FileName(_))));
    }
}
