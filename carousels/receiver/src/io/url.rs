//! `infocast://GROUP[:PORT]/NAME`, `flute://GROUP:PORT/NAME`, `http://SERVER[:PORT]/PATH` and
//! `tftp://SERVER[:PORT]/PATH`, the ways to name one object.

use stbcast_bootcast::SourceUrl;
use stbcast_infocast::{DEFAULT_PORT, Name, NameError};
use stbcast_object::{Group, GroupError};

use crate::{FileName, FileNameError, Server, Target, TftpOptions};

const INFOCAST: &str = "infocast://";
const FLUTE: &str = "flute://";

/// What a server is asked for by.
const SERVERS: [&str; 2] = ["http://", "tftp://"];

/// Why a text does not name an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Another scheme, or none.
    #[error(
        "it does not begin with infocast://, flute://, http:// or tftp://: write \
         infocast://GROUP[:PORT]/NAME"
    )]
    Scheme,
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

/// Reads the URL of an object. Without a port that of an Infocast channel is 22222; that of a FLUTE
/// session is always written. IPv6 groups stand in brackets.
///
/// # Errors
/// When scheme, group or name are not legal.
pub fn parse_url(text: &str) -> Result<Target, UrlError> {
    if let Some(rest) = strip(text, INFOCAST) {
        let (group, name) = split(rest, Some(DEFAULT_PORT))?;
        return Ok(Target::infocast(group, Name::new(name)?));
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
        assert!(matches!(parse_url("flute://239.1.2.3/a"), Err(UrlError::Group(_))));
        assert!(matches!(parse_url("flute://239.1.2.3:5/a/b"), Err(UrlError::FileName(_))));
    }
}
