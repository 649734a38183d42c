//! Sub-options and their bytes. Pure: nothing here knows of servers or line-ups.

use std::fmt;
use std::net::Ipv4Addr;

use super::space::{Definition, Kind};

/// Most bytes of a value, and of all sub-options together: boxes are not known to join options that were
/// split (RFC 3396).
pub const BYTES_MAX: usize = 255;

/// Most addresses of a list.
const ADDRESSES_MAX: usize = 4;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Printable letters of ASCII.
    Text(String),
    /// One or more addresses.
    Ipv4(Vec<Ipv4Addr>),
    /// One byte.
    U8(u8),
    /// Two bytes.
    U16(u16),
    /// Four bytes.
    U32(u32),
    /// One byte, 0 or 1.
    Bool(bool),
}

/// Why a word is no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Not of its kind.
    #[error("`{word}` is no {legal}")]
    Kind {
        /// The word.
        word: String,
        /// What is legal.
        legal: &'static str,
    },
    /// Text that a server's configuration, or a box, would not take.
    #[error("a text of {bytes} bytes: legal are 1 to {BYTES_MAX} printable letters of ASCII")]
    Text {
        /// Its length in bytes.
        bytes: usize,
    },
}

/// Why sub-options are no option 43.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A value is too long for its length byte.
    #[error("sub-option {code} has {bytes} bytes: at most {BYTES_MAX} fit")]
    Value {
        /// The sub-option.
        code: u8,
        /// Bytes of its value.
        bytes: usize,
    },
    /// All together are.
    #[error("the sub-options have {bytes} bytes in all: at most {BYTES_MAX} fit into option 43")]
    All {
        /// Bytes of all.
        bytes: usize,
    },
}

/// A sub-option with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubOption {
    /// What it is.
    pub definition: Definition,
    /// Of the kind that its definition says.
    pub value: Value,
}

impl Value {
    /// Reads a value of a kind.
    ///
    /// # Errors
    /// When the word is none.
    pub fn parse(kind: Kind, word: &str) -> Result<Self, ValueError> {
        let wrong = |legal| ValueError::Kind { word: word.to_owned(), legal };
        match kind {
            Kind::Text => Self::text(word),
            Kind::Ipv4 | Kind::Ipv4List => {
                let addresses: Option<Vec<_>> =
                    word.split(',').map(|it| it.trim().parse().ok()).collect();
                let most = if kind == Kind::Ipv4 { 1 } else { ADDRESSES_MAX };
                let addresses = addresses.filter(|it| it.len() <= most);
                addresses.map(Self::Ipv4).ok_or_else(|| wrong("IPv4 address"))
            }
            Kind::U8 => word.parse().map(Self::U8).map_err(|_| wrong("number from 0 to 255")),
            Kind::U16 => word.parse().map(Self::U16).map_err(|_| wrong("number from 0 to 65535")),
            Kind::U32 => {
                let number = match word.strip_prefix("0x") {
                    Some(hex) => u32::from_str_radix(hex, 16).ok(),
                    None => word.parse().ok(),
                };
                number.map(Self::U32).ok_or_else(|| wrong("number of 32 bits, as 0x00ff8000"))
            }
            Kind::Bool => match word {
                "true" => Ok(Self::Bool(true)),
                "false" => Ok(Self::Bool(false)),
                _ => Err(wrong("truth: true or false")),
            },
        }
    }

    /// A text.
    ///
    /// # Errors
    /// When it is empty, too long, or has letters that do not print.
    pub fn text(text: &str) -> Result<Self, ValueError> {
        let prints = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        match text.len() {
            1..=BYTES_MAX if prints => Ok(Self::Text(text.to_owned())),
            bytes => Err(ValueError::Text { bytes }),
        }
    }

    /// Its bytes.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Ipv4(addresses) => addresses.iter().flat_map(Ipv4Addr::octets).collect(),
            Self::U8(number) => vec![*number],
            Self::U16(number) => number.to_be_bytes().to_vec(),
            Self::U32(number) => number.to_be_bytes().to_vec(),
            Self::Bool(truth) => vec![u8::from(*truth)],
        }
    }
}

/// As people write it, without quotation marks.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Ipv4(addresses) => {
                let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
                f.write_str(&addresses.join(", "))
            }
            Self::U8(number) => number.fmt(f),
            Self::U16(number) => number.fmt(f),
            Self::U32(number) => number.fmt(f),
            Self::Bool(truth) => truth.fmt(f),
        }
    }
}

/// The bytes of option 43: each sub-option is its code, its length and its value. Nothing ends them: the
/// length of option 43 does.
///
/// # Errors
/// When they do not fit.
pub fn encode(options: &[SubOption]) -> Result<Vec<u8>, EncodeError> {
    let mut all = Vec::new();
    for SubOption { definition, value } in options {
        let (code, bytes) = (definition.code, value.bytes());
        let length = u8::try_from(bytes.len());
        let length = length.map_err(|_| EncodeError::Value { code, bytes: bytes.len() })?;
        all.extend([code, length]);
        all.extend(bytes);
    }
    if all.len() > BYTES_MAX {
        return Err(EncodeError::All { bytes: all.len() });
    }
    Ok(all)
}

/// A sub-option as it stands in bytes: its code and its value.
#[cfg(test)]
pub(super) fn decode(mut bytes: &[u8]) -> Option<Vec<(u8, Vec<u8>)>> {
    let mut all = Vec::new();
    while let [code, length, rest @ ..] = bytes {
        let (value, rest) = rest.split_at_checked(usize::from(*length))?;
        all.push((*code, value.to_vec()));
        bytes = rest;
    }
    bytes.is_empty().then_some(all)
}
