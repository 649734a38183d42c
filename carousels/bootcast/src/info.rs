//! Reading and writing the bootcast information text.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use stbcast_object::{Group, GroupError};

/// Largest text taken, in bytes. Real ones have some hundred.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;

/// Longest name or version taken, in bytes. On the wire a name has at most 30.
const VALUE_BYTES_MAX: usize = 255;

/// Unknown keys kept; a text with more is refused.
const UNKNOWN_KEYS_MAX: usize = 64;

/// The three images a bootcast information can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// The boot image, `bc_kernel_*`. Every box needs it.
    Kernel,
    /// The splash, `bc_splash_*`. Without it the screen stays black while booting.
    Splash,
    /// The diagnostic image, `bc_diagnostic_*`, since 5.0.1.
    Diagnostic,
}

impl Part {
    /// All parts in the order the text is written.
    pub const ALL: [Self; 3] = [Self::Kernel, Self::Splash, Self::Diagnostic];

    /// The word in the keys.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Splash => "splash",
            Self::Diagnostic => "diagnostic",
        }
    }
}

/// Where an image is on air, and which version it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRef {
    /// Channel that carries it.
    pub group: Group,
    /// Object name on that channel.
    pub name: String,
    /// Version, compared by a box as a string and for equality alone.
    pub version: String,
}

/// A whole bootcast information.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootcastInfo {
    /// The boot image.
    pub kernel: ImageRef,
    /// The splash, where there is one.
    pub splash: Option<ImageRef>,
    /// The diagnostic image, where there is one.
    pub diagnostic: Option<ImageRef>,
    /// Keys nobody knows, with their values, as they came.
    pub unknown: Vec<(String, String)>,
}

/// Why a text is not a bootcast information.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InfoError {
    /// More bytes than any real text has.
    #[error("the text has {bytes} bytes: at most 16384 are taken")]
    TooLong {
        /// Bytes of the text.
        bytes: usize,
    },
    /// The text is not UTF-8.
    #[error("byte {at} is not UTF-8 text")]
    NotText {
        /// Position of the first bad byte, from 0.
        at: usize,
    },
    /// A line with a key and no value, or with more than one value.
    #[error("line {line}: `{key}` needs exactly one value, it has {values}")]
    Values {
        /// Line from 1.
        line: usize,
        /// The key.
        key: String,
        /// Values found.
        values: usize,
    },
    /// A value longer than any box would keep.
    #[error("line {line}: the value of `{key}` has {bytes} bytes: at most 255 are taken")]
    ValueTooLong {
        /// Line from 1.
        line: usize,
        /// The key.
        key: String,
        /// Bytes of the value.
        bytes: usize,
    },
    /// The same key with two different values.
    #[error("line {line}: `{key}` was given before with another value")]
    Twice {
        /// Line from 1.
        line: usize,
        /// The key.
        key: String,
    },
    /// An address that is not a multicast group and port.
    #[error("{key}: {error}")]
    Address {
        /// The key.
        key: String,
        /// What is wrong with it.
        error: GroupError,
    },
    /// A part that is named only in part, or the boot image missing.
    #[error("{key} is missing")]
    Missing {
        /// The key.
        key: String,
    },
    /// Too many keys nobody knows.
    #[error("more than 64 unknown keys")]
    TooManyUnknown,
}

fn key(part: Part, field: &str) -> String {
    ["bc_", part.word(), "_", field].concat()
}

impl BootcastInfo {
    /// One part, where the text names it.
    pub const fn part(&self, part: Part) -> Option<&ImageRef> {
        match part {
            Part::Kernel => Some(&self.kernel),
            Part::Splash => self.splash.as_ref(),
            Part::Diagnostic => self.diagnostic.as_ref(),
        }
    }

    /// Reads a text as it came from the wire: CRLF, blank lines, NUL at the end and unknown keys
    /// are tolerated.
    ///
    /// # Errors
    /// When a box could not use it; the message names line or key.
    pub fn parse(bytes: &[u8]) -> Result<Self, InfoError> {
        if bytes.len() > TEXT_BYTES_MAX {
            return Err(InfoError::TooLong { bytes: bytes.len() });
        }
        let text = core::str::from_utf8(bytes)
            .map_err(|error| InfoError::NotText { at: error.valid_up_to() })?;
        let mut pairs = pairs(text.trim_end_matches('\0'))?;
        let mut part = |part| take_part(&mut pairs, part);
        let kernel = part(Part::Kernel)?
            .ok_or_else(|| InfoError::Missing { key: key(Part::Kernel, "addr") })?;
        let (splash, diagnostic) = (part(Part::Splash)?, part(Part::Diagnostic)?);
        if pairs.len() > UNKNOWN_KEYS_MAX {
            return Err(InfoError::TooManyUnknown);
        }
        Ok(Self { kernel, splash, diagnostic, unknown: pairs })
    }
}

fn pairs(text: &str) -> Result<Vec<(String, String)>, InfoError> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for (line, words) in text.lines().map(str::split_whitespace).enumerate() {
        let line = line + 1;
        let mut words = words;
        let Some(key) = words.next().map(ToString::to_string) else { continue };
        let (Some(value), None) = (words.next(), words.next()) else {
            let values = text.lines().nth(line - 1).unwrap_or("").split_whitespace().count() - 1;
            return Err(InfoError::Values { line, key, values });
        };
        if value.len() > VALUE_BYTES_MAX {
            return Err(InfoError::ValueTooLong { line, key, bytes: value.len() });
        }
        match pairs.iter().find(|(known, _)| *known == key) {
            Some((_, known)) if known == value => {}
            Some(_) => return Err(InfoError::Twice { line, key }),
            None => pairs.push((key, value.to_string())),
        }
    }
    Ok(pairs)
}

fn take_part(pairs: &mut Vec<(String, String)>, part: Part) -> Result<Option<ImageRef>, InfoError> {
    let mut take = |field| {
        let key = key(part, field);
        let place = pairs.iter().position(|(known, _)| *known == key);
        place.map(|place| pairs.remove(place).1).ok_or(InfoError::Missing { key })
    };
    match (take("addr"), take("name"), take("version")) {
        (Err(_), Err(_), Err(_)) => Ok(None),
        (address, name, version) => {
            let group = Group::parse(&address?, None)
                .map_err(|error| InfoError::Address { key: key(part, "addr"), error })?;
            Ok(Some(ImageRef { group, name: name?, version: version? }))
        }
    }
}

impl FromStr for BootcastInfo {
    type Err = InfoError;
    fn from_str(text: &str) -> Result<Self, InfoError> {
        Self::parse(text.as_bytes())
    }
}

impl fmt::Display for BootcastInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in Part::ALL {
            if let Some(image) = self.part(part) {
                let word = part.word();
                writeln!(f, "bc_{word}_addr {}", image.group)?;
                writeln!(f, "bc_{word}_name {}", image.name)?;
                writeln!(f, "bc_{word}_version {}", image.version)?;
            }
        }
        self.unknown.iter().try_for_each(|(key, value)| writeln!(f, "{key} {value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KERNEL: &str =
        "bc_kernel_addr 224.2.2.11:22222\nbc_kernel_name software_1700\nbc_kernel_version 4.3\n";

    fn error(text: &str) -> String {
        text.parse::<BootcastInfo>().unwrap_err().to_string()
    }

    #[test]
    fn a_text_is_read_and_written_back() {
        let text =
            [KERNEL, "bc_splash_addr 224.2.2.13:11111\nbc_splash_name s\nbc_splash_version 1\n"]
                .concat();
        let info: BootcastInfo = text.parse().unwrap();
        assert_eq!(info.kernel.name, "software_1700");
        assert_eq!(info.splash.as_ref().unwrap().group.port(), 11111);
        assert_eq!(info.to_string(), text);
    }

    #[test]
    fn carriage_returns_blank_lines_nul_and_unknown_keys_are_tolerated() {
        let text = KERNEL.replace('\n', "\r\n\r\n") + "bc_theme_name x\n\t\n\0\0";
        let info: BootcastInfo = text.parse().unwrap();
        assert_eq!(info.kernel.version, "4.3");
        assert_eq!(info.unknown, [("bc_theme_name".into(), "x".into())]);
    }

    #[test]
    fn what_a_box_would_trip_over_is_named() {
        assert_eq!(error(""), "bc_kernel_addr is missing");
        assert_eq!(
            error(&KERNEL.replace("4.3", "")),
            "line 3: `bc_kernel_version` needs exactly one value, it has 0"
        );
        assert!(error(&KERNEL.replace("4.3", "4 3")).contains("it has 2"));
        assert!(error(&KERNEL.replace("224.2", "10.2")).contains("bc_kernel_addr: 10.2.2.11"));
        assert!(error(&[KERNEL, "bc_kernel_name other"].concat()).contains("line 4"));
        assert!(
            error(&[KERNEL, "bc_splash_name s"].concat()).contains("bc_splash_addr is missing")
        );
        assert!(error(&"x".repeat(TEXT_BYTES_MAX + 1)).contains("16385 bytes"));
        assert!(error(&KERNEL.replace("4.3", &"4".repeat(256))).contains("has 256 bytes"));
        assert_eq!(BootcastInfo::parse(b"ab\xff"), Err(InfoError::NotText { at: 2 }));
        let many: String = (0..65).map(|n| alloc::format!("k{n} v\n")).collect();
        assert_eq!(error(&[KERNEL, &many].concat()), "more than 64 unknown keys");
    }

    proptest! {
        #[test]
        fn any_bytes_in_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = BootcastInfo::parse(&bytes);
        }

        #[test]
        fn what_is_written_is_read(
            port in 1u16.., name in "[!-~]{1,30}", version in "[!-~]{1,40}", splash: bool,
        ) {
            let group = Group::new([239, 1, 2, 3].into(), port).unwrap();
            let image = ImageRef { group, name, version };
            let splash = splash.then(|| image.clone());
            let info = BootcastInfo { kernel: image, splash, diagnostic: None, unknown: Vec::new() };
            prop_assert_eq!(info.to_string().parse::<BootcastInfo>().unwrap(), info);
        }
    }
}
