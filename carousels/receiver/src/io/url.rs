//! `infocast://GROUP[:PORT]/NAME`, the way to name one object of one channel.

use stbcast_infocast::{DEFAULT_PORT, Name, NameError};
use stbcast_object::{Group, GroupError};

use crate::Target;

const SCHEME: &str = "infocast://";

/// Why a text does not name an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Another scheme, or none.
    #[error("it does not begin with infocast://: write infocast://GROUP[:PORT]/NAME")]
    Scheme,
    /// Nothing behind the group.
    #[error("the object's name is missing: write infocast://GROUP[:PORT]/NAME")]
    NoName,
    /// The group is none.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// The name is none.
    #[error(transparent)]
    Name(#[from] NameError),
}

/// Reads the URL of an object; without a port it is 22222. IPv6 groups stand in brackets.
///
/// # Errors
/// When scheme, group or name are not legal.
pub fn parse_url(text: &str) -> Result<Target, UrlError> {
    let scheme = text.get(..SCHEME.len()).ok_or(UrlError::Scheme)?;
    let rest = text.get(SCHEME.len()..).unwrap_or_default();
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return Err(UrlError::Scheme);
    }
    let (group, name) = rest.split_once('/').unwrap_or((rest, ""));
    let group = Group::parse(group, Some(DEFAULT_PORT))?;
    if name.is_empty() {
        return Err(UrlError::NoName);
    }
    Ok(Target { group, name: Name::new(name)? })
}

/// How an object is named to people.
pub(crate) fn url(target: &Target) -> String {
    format!("{SCHEME}{}/{}", target.group, target.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_and_its_target_are_the_same_thing() {
        for text in ["infocast://239.1.2.3:5/a", "infocast://[ff15::1]:22222/cfg.infocast"] {
            assert_eq!(url(&parse_url(text).unwrap()), text);
        }
    }

    #[test]
    fn the_port_may_be_left_out() {
        for text in ["infocast://239.1.2.3/a", "infocast://[ff15::1]/a", "INFOCAST://239.1.2.3/a"] {
            assert_eq!(parse_url(text).unwrap().group.port(), 22222, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(parse_url(""), Err(UrlError::Scheme));
        assert_eq!(parse_url("http://239.1.2.3/a"), Err(UrlError::Scheme));
        assert_eq!(parse_url("infocast:ä//239.1.2.3"), Err(UrlError::Scheme));
        assert_eq!(parse_url("infocast://239.1.2.3"), Err(UrlError::NoName));
        assert_eq!(parse_url("infocast://239.1.2.3/"), Err(UrlError::NoName));
        assert!(matches!(parse_url("infocast:///a"), Err(UrlError::Group(_))));
        assert!(matches!(parse_url("infocast://10.0.0.1/a"), Err(UrlError::Group(_))));
        assert!(matches!(parse_url("infocast://239.1.2.3/a/b"), Err(UrlError::Name(_))));
    }
}
