//! What metadata says of the parts, in whatever form it came.

use alloc::string::String;

use stbcast_bootcast::stbconfig::{BootImage, DOCUMENT_BYTES_MAX, PermanentParams};
use stbcast_bootcast::{BootcastInfo, HttpUrl, ImageRef, Part, SourceUrl, StbConfig, TftpUrl};
use stbcast_infocast::{Name, NameError};

use super::report::MetadataError;
use crate::Target;

/// Largest metadata taken, in bytes: a StbConfig.
pub(super) const BYTES_MAX: u64 = DOCUMENT_BYTES_MAX as u64;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Where an image is and which version it is.
#[derive(Clone, Debug)]
pub(super) struct Direction {
    pub place: Result<Place, NameError>,
    /// Compared for equality alone; empty where metadata says none.
    pub version: String,
}

/// Where an image is.
#[derive(Clone, Debug)]
pub(super) enum Place {
    OnAir(Target),
    Tftp(TftpUrl),
    Http(HttpUrl),
    /// In the store.
    Local,
}

/// What metadata says of each part.
#[derive(Clone, Debug, Default)]
pub(super) struct Directions {
    /// What the box is to keep.
    pub permanent: PermanentParams,
    kernel: Option<Direction>,
    splash: Option<Direction>,
    diagnostic: Option<Direction>,
}

impl Directions {
    /// Reads metadata of either form: a StbConfig begins with `<`, a bootcast information does not.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, MetadataError> {
        let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes).trim_ascii_start();
        if text.starts_with(b"<") {
            Ok(Self::of_config(StbConfig::parse(bytes)?))
        } else {
            Ok(Self::of_info(BootcastInfo::parse(bytes)?))
        }
    }

    pub(super) const fn get(&self, part: Part) -> Option<&Direction> {
        match part {
            Part::Kernel => self.kernel.as_ref(),
            Part::Splash => self.splash.as_ref(),
            Part::Diagnostic => self.diagnostic.as_ref(),
        }
    }

    fn of_info(info: BootcastInfo) -> Self {
        let direction = |ImageRef { group, name, version }: ImageRef| {
            let place = Name::new(&name).map(|name| Place::OnAir(Target::infocast(group, name)));
            Direction { place, version }
        };
        let BootcastInfo { kernel, splash, diagnostic, .. } = info;
        Self {
            permanent: PermanentParams::default(),
            kernel: Some(direction(kernel)),
            splash: splash.map(direction),
            diagnostic: diagnostic.map(direction),
        }
    }

    fn of_config(config: StbConfig) -> Self {
        let StbConfig { boot, permanent } = config;
        Self {
            permanent,
            kernel: Some(Direction::of_image(boot.kernel)),
            splash: boot.splash.map(Direction::of_image),
            diagnostic: boot.diagnostic.map(Direction::of_image),
        }
    }
}

impl Direction {
    fn of_image(BootImage { url, version }: BootImage) -> Self {
        let place = match url {
            SourceUrl::Infocast { group, name } => {
                Name::new(&name).map(|name| Place::OnAir(Target::infocast(group, name)))
            }
            SourceUrl::Tftp(url) => Ok(Place::Tftp(url)),
            SourceUrl::Http(url) => Ok(Place::Http(url)),
            SourceUrl::Local => Ok(Place::Local),
        };
        Self { place, version: version.unwrap_or_default() }
    }
}
