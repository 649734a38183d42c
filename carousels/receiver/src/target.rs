//! Which object a box wants.

use alloc::string::String;
use core::fmt;

use stbcast_flute::fdt::Location;
use stbcast_infocast::Name;
use stbcast_object::Group;

use crate::{Listen, Server};

/// An object. As text it is its source URL, by which announcements name what is on air.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `infocast://GROUP:PORT/NAME`: an object of an Infocast channel.
    Infocast {
        /// Channel that carries it.
        group: Group,
        /// Its name there.
        name: Name,
    },
    /// `mag://GROUP:PORT`: the image of a MAG channel.
    Mag {
        /// Channel that carries it, and nothing else.
        group: Group,
    },
    /// `flute://GROUP:PORT/NAME`: a file of a FLUTE session.
    Flute {
        /// Group of the session.
        group: Group,
        /// The last part of its URL.
        name: FileName,
    },
    /// `http://SERVER/PATH` or `tftp://SERVER/PATH`: a file of a server.
    Unicast(Server),
}

impl Target {
    /// An object of an Infocast channel.
    pub const fn infocast(group: Group, name: Name) -> Self {
        Self::Infocast { group, name }
    }

    /// Where the object itself is sent; `None` where it is asked for.
    pub const fn group(&self) -> Option<Group> {
        match self {
            Self::Infocast { group, .. } | Self::Mag { group } | Self::Flute { group, .. } => {
                Some(*group)
            }
            Self::Unicast(_) => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Infocast { group, name } => write!(f, "infocast://{group}/{name}"),
            Self::Mag { group } => write!(f, "mag://{group}"),
            Self::Flute { group, name } => write!(f, "{FLUTE}{group}/{}", name.0),
            Self::Unicast(server) => server.fmt(f),
        }
    }
}

const FLUTE: &str = "flute://";

/// How an object of slices is told from others on its channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sliced {
    /// On an Infocast channel, by its name.
    Infocast(Name),
    /// A MAG channel carries nothing else.
    Mag,
}

impl Sliced {
    /// What is to be heard on its channel.
    pub(crate) const fn listen(self) -> Listen {
        match self {
            Self::Infocast(_) => Listen::Slices,
            Self::Mag => Listen::Mag,
        }
    }

    /// Whether a slice of this name is one of the object's.
    pub(crate) fn is_named(self, name: Option<Name>) -> bool {
        match self {
            Self::Infocast(own) => name == Some(own),
            Self::Mag => name.is_none(),
        }
    }
}

/// The name of a file of a FLUTE session: one part of a path that leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName(String);

/// Why a text is not a [`FileName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a file name is one part of a URL: 1 to 450 printable ASCII characters without / ? # and \\"
)]
pub struct FileNameError;

/// Longest name: a URL of 512 characters has room for it, scheme and group.
const NAME_BYTES_MAX: usize = 450;

impl FileName {
    /// Checks a name.
    ///
    /// # Errors
    /// When it is empty or too long, or could be more than one part of a path.
    pub fn new(text: &str) -> Result<Self, FileNameError> {
        let location = Location::new(text).map_err(|_| FileNameError)?;
        let fits = location.name() == text && text.len() <= NAME_BYTES_MAX;
        fits.then(|| Self(text.into())).ok_or(FileNameError)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether `location`, as a session's FDT has it, is the object called `wanted`.
///
/// Names of Infocast objects are whole URLs. A file of a FLUTE session may be called by its URL, by
/// its name alone, or, by senders that are not ours, by another URL that ends in the name.
pub(crate) fn names(wanted: &str, location: &str) -> bool {
    if wanted == location {
        return true;
    }
    let Some(rest) = wanted.strip_prefix(FLUTE) else { return false };
    let Some((_, name)) = rest.split_once('/') else { return false };
    let front = location.strip_suffix(name);
    front.is_some_and(|front| front.is_empty() || front.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_file_is_found_by_url_name_or_the_end_of_another_url() {
        let group = Group::parse("239.1.1.1:5", None).unwrap();
        let name = FileName::new("image.bin").unwrap();
        let wanted = Target::Flute { group, name }.to_string();
        assert_eq!(wanted, "flute://239.1.1.1:5/image.bin");
        for location in [&*wanted, "image.bin", "file:///image.bin", "a/image.bin"] {
            assert!(names(&wanted, location), "{location}");
        }
        for location in ["", "xximage.bin", "image.bin2", "flute://239.1.1.1:5/", "mage.bin"] {
            assert!(!names(&wanted, location), "{location}");
        }
    }

    #[test]
    fn an_infocast_object_is_found_by_its_whole_url() {
        let group = Group::parse("239.1.1.1:5", None).unwrap();
        let wanted = Target::infocast(group, Name::new("a").unwrap()).to_string();
        assert!(names(&wanted, "infocast://239.1.1.1:5/a"));
        assert!(!names(&wanted, "infocast://239.1.1.2:5/a") && !names(&wanted, "a"));
    }

    #[test]
    fn what_is_more_than_one_part_of_a_path_is_no_file_name() {
        for text in ["", "a/b", "..", "a?b", "a#b", "http://a/b", "a b", &"a".repeat(451)] {
            assert!(FileName::new(text).is_err(), "{text}");
        }
        assert_eq!(FileName::new("software_1113.bin").unwrap().as_str(), "software_1113.bin");
    }
}
