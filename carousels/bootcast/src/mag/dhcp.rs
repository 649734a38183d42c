//! What a box does that is told a version by DHCP (root file systems since 0.1.62; MAG notes §1.2).

use core::fmt;

/// What a box is told at a DHCP lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced<'a> {
    /// `update_ver`, option 26.
    pub version: &'a str,
    /// `update_url`, option 24: where the image is.
    pub url: &'a str,
}

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnnouncedDecision {
    /// Nothing: the version is the one that runs.
    Same,
    /// Nothing: the URL is none that it knows.
    NoUrl,
    /// Nothing: the header of the image says another version than DHCP, or none.
    Contradicted,
    /// It reboots into Bootstrap, whose own rule comes next.
    Reboots {
        /// Whether it read the header before: not from a multicast carousel.
        checked: bool,
    },
}

impl fmt::Display for AnnouncedDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Same => "nothing: the version announced is the one that runs",
            Self::NoUrl => "nothing: the URL announced is none of http, tftp and igmp",
            Self::Contradicted => "nothing: the image's header has another version than DHCP says",
            Self::Reboots { checked: true } => {
                "it reboots into Bootstrap: the version announced is another, and so says the image"
            }
            Self::Reboots { checked: false } => {
                "it reboots into Bootstrap: the version announced is another (no look at the image: \
                 it comes by multicast)"
            }
        })
    }
}

impl Announced<'_> {
    /// What a box that runs `image_version` does; `header_version` is what `Image Version:` says within the
    /// first 1,000 bytes of the image. A lower number is another one, too.
    pub fn decide(&self, image_version: &str, header_version: Option<&str>) -> AnnouncedDecision {
        if self.version.is_empty() || self.version == image_version {
            return AnnouncedDecision::Same;
        }
        match self.url.split_once("://").map(|(scheme, _)| scheme) {
            Some("igmp") => AnnouncedDecision::Reboots { checked: false },
            Some("http" | "tftp") if header_version == Some(self.version) => {
                AnnouncedDecision::Reboots { checked: true }
            }
            Some("http" | "tftp") => AnnouncedDecision::Contradicted,
            _ => AnnouncedDecision::NoUrl,
        }
    }
}
