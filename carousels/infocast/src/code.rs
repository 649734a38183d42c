//! The two code fields: object type and precoding, as words and as numbers.

use core::fmt;
use core::str::FromStr;

/// The 16-bit object type. Any number is legal; the words are those of the configuration file.
///
/// Which numbers a box expects for `bootcastinfo` and `bootcastfile` is not known (Infocast notes
/// §2.1, §13.1); the numbers here are the likeliest, and a line-up can state another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectType(pub u16);

/// The 16-bit precoding: how the trailer behind each slice is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Precoding(pub u16);

/// A word that is neither a known code nor a number of 16 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("legal are {legal}, or a number from 0 to 65535 (0x for hexadecimal)")]
pub struct CodeError {
    /// The legal words, for the message.
    pub legal: &'static str,
}

impl ObjectType {
    /// Platform configuration and other text (proven on a live network).
    pub const GENERIC: Self = Self(1);
    /// Bootcast information of a model (inferred).
    pub const BOOTCAST_INFO: Self = Self(4);
    /// Boot image or splash (inferred).
    pub const BOOTCAST_FILE: Self = Self(5);
    /// Time in an unknown format (inferred).
    pub const TIME: Self = Self(6);
    /// Decimal Unix seconds (proven on a live network).
    pub const UTC_TIME: Self = Self(7);

    const WORDS: [(&'static str, Self); 5] = [
        ("generic", Self::GENERIC),
        ("bootcastinfo", Self::BOOTCAST_INFO),
        ("bootcastfile", Self::BOOTCAST_FILE),
        ("time", Self::TIME),
        ("utctime", Self::UTC_TIME),
    ];
}

impl Precoding {
    /// Nothing, of the sender family called OIS.
    pub const NONE_OIS: Self = Self(0);
    /// Nothing.
    pub const NONE: Self = Self(1);
    /// A CRC of 16 bits behind each slice.
    pub const CRC16: Self = Self(2);
    /// SHA-1 somewhere (unknown where): read, never sent.
    pub const SHA1: Self = Self(3);
    /// A CRC of 32 bits behind each slice.
    pub const CRC32: Self = Self(4);
    /// A CRC of 32 bits behind each slice, of the sender family called OIS.
    pub const CRC32_OIS: Self = Self(0x4000);

    const WORDS: [(&'static str, Self); 6] = [
        ("none-ois", Self::NONE_OIS),
        ("crc32-ois", Self::CRC32_OIS),
        ("none", Self::NONE),
        ("crc16", Self::CRC16),
        ("sha1", Self::SHA1),
        ("crc32", Self::CRC32),
    ];

    /// Bytes of trailer behind each slice (Infocast notes §9.2). Zero for codes nobody knows.
    pub const fn trailer_bytes(self) -> usize {
        match self {
            Self::CRC16 => 2,
            Self::CRC32 => 4,
            Self(code) if code & Self::CRC32_OIS.0 != 0 => 4,
            _ => 0,
        }
    }

    /// Whether a sender may use it: what it puts on the wire is known, or at least stated.
    pub const fn can_be_sent(self) -> bool {
        matches!(self, Self::NONE_OIS | Self::NONE | Self::CRC16 | Self::CRC32 | Self::CRC32_OIS)
    }
}

fn number(text: &str) -> Option<u16> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u16::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn code(text: &str, words: impl IntoIterator<Item = (&'static str, u16)>) -> Option<u16> {
    let word = words.into_iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
    word.map(|(_, code)| code).or_else(|| number(text))
}

impl FromStr for ObjectType {
    type Err = CodeError;
    fn from_str(text: &str) -> Result<Self, CodeError> {
        let legal = "generic, bootcastinfo, bootcastfile, time, utctime";
        code(text, Self::WORDS.map(|(w, c)| (w, c.0))).map(Self).ok_or(CodeError { legal })
    }
}

impl FromStr for Precoding {
    type Err = CodeError;
    fn from_str(text: &str) -> Result<Self, CodeError> {
        let legal = "none, crc16, crc32";
        code(text, Self::WORDS.map(|(w, c)| (w, c.0))).map(Self).ok_or(CodeError { legal })
    }
}

impl fmt::Display for ObjectType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::WORDS.iter().find(|(_, code)| code == self) {
            Some((word, _)) => f.pad(word),
            None => fmt::Display::fmt(&self.0, f),
        }
    }
}

impl fmt::Display for Precoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::WORDS.iter().find(|(_, code)| code == self) {
            Some((word, _)) => f.pad(word),
            None => fmt::Display::fmt(&self.0, f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn words_and_numbers_name_the_same_codes() {
        assert_eq!("BootcastFile".parse(), Ok(ObjectType::BOOTCAST_FILE));
        assert_eq!("5".parse(), Ok(ObjectType::BOOTCAST_FILE));
        assert_eq!("0x4000".parse(), Ok(Precoding::CRC32_OIS));
        assert_eq!("16384".parse(), Ok(Precoding::CRC32_OIS));
        assert_eq!("none".parse(), Ok(Precoding::NONE));
        assert!("crc64".parse::<Precoding>().is_err());
        assert!("65536".parse::<ObjectType>().is_err());
    }

    #[test]
    fn codes_are_shown_as_words_where_there_is_one() {
        assert_eq!(format!("{} {}", ObjectType(7), ObjectType(40_960)), "utctime 40960");
        assert_eq!(format!("{:<6}|", Precoding::CRC16), "crc16 |");
        assert_eq!(format!("{}", Precoding(0)), "none-ois");
    }

    #[test]
    fn every_word_with_bit_fourteen_carries_four_bytes() {
        for code in [0x4000, 0x4001, 0xffff, 4] {
            assert_eq!(Precoding(code).trailer_bytes(), 4, "{code:#x}");
        }
        for code in [0, 1, 3, 5, 0x8000] {
            assert_eq!(Precoding(code).trailer_bytes(), 0, "{code:#x}");
        }
        assert_eq!(Precoding::CRC16.trailer_bytes(), 2);
    }
}
