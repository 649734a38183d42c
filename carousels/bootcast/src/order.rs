//! In which order a box asks for an image (`SplashOrder`, `BootOrder`, `DiagnosticOrder`; Infocast
//! notes §8.1).

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

/// Most entries of an order.
const ENTRIES_MAX: usize = 16;

/// A way to an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// 1: by the control object of the metadata channel.
    Bootcast,
    /// 2: a file of a TFTP server.
    Tftp,
    /// 3: what the box holds.
    Local,
    /// 4: Session Announcement Protocol.
    Sap,
    /// 6: by the StbConfig of a web server.
    Http,
    /// 7: a USB device.
    Usb,
}

impl Protocol {
    /// All of them, by number.
    pub const ALL: [Self; 6] =
        [Self::Bootcast, Self::Tftp, Self::Local, Self::Sap, Self::Http, Self::Usb];

    /// The digit for it.
    pub const fn digit(self) -> char {
        match self {
            Self::Bootcast => '1',
            Self::Tftp => '2',
            Self::Local => '3',
            Self::Sap => '4',
            Self::Http => '6',
            Self::Usb => '7',
        }
    }

    /// Its name for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bootcast => "bootcast",
            Self::Tftp => "TFTP",
            Self::Local => "local storage",
            Self::Sap => "SAP",
            Self::Http => "HTTP",
            Self::Usb => "USB",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// One to sixteen ways, the first one first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Order(Vec<Protocol>);

/// Why a text is not an [`Order`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// No way, or more than sixteen.
    #[error("an order has 1 to 16 digits, not {entries}")]
    Entries {
        /// Digits of the text.
        entries: usize,
    },
    /// A character that stands for no way.
    #[error(
        "`{character}` is no way to an image: 1 bootcast, 2 TFTP, 3 local storage, 4 SAP, 6 HTTP, \
         7 USB, with or without commas"
    )]
    Character {
        /// The character.
        character: char,
    },
}

impl Order {
    /// An order of these ways.
    ///
    /// # Errors
    /// When there is none, or more than sixteen.
    pub fn new(ways: impl IntoIterator<Item = Protocol>) -> Result<Self, OrderError> {
        let ways: Vec<_> = ways.into_iter().collect();
        match ways.len() {
            1..=ENTRIES_MAX => Ok(Self(ways)),
            entries => Err(OrderError::Entries { entries }),
        }
    }

    /// What boxes do that are told nothing: `3,1,3`.
    pub fn usual() -> Self {
        Self([Protocol::Local, Protocol::Bootcast, Protocol::Local].into())
    }

    /// The ways.
    pub fn ways(&self) -> &[Protocol] {
        &self.0
    }

    /// Whether what the box holds may be used.
    pub fn has_local(&self) -> bool {
        self.0.contains(&Protocol::Local)
    }
}

impl FromStr for Order {
    type Err = OrderError;

    fn from_str(text: &str) -> Result<Self, OrderError> {
        let digits = text.chars().filter(|c| !matches!(c, ',' | ' '));
        if digits.clone().count() > ENTRIES_MAX {
            return Err(OrderError::Entries { entries: digits.count() });
        }
        let way = |character| {
            let way = Protocol::ALL.into_iter().find(|way| way.digit() == character);
            way.ok_or(OrderError::Character { character })
        };
        let ways: Result<Vec<_>, _> = digits.map(way).collect();
        Self::new(ways?)
    }
}

/// With commas, as the vendor's samples write it.
impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits: Vec<String> = self.0.iter().map(|way| way.digit().to_string()).collect();
        f.write_str(&digits.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_with_and_without_commas() {
        for text in ["3,1,3", "313", "3, 1, 3"] {
            assert_eq!(text.parse::<Order>().unwrap(), Order::usual());
        }
        assert_eq!("6,7".parse::<Order>().unwrap().to_string(), "6,7");
        assert!(!"6".parse::<Order>().unwrap().has_local());
    }

    #[test]
    fn what_stands_for_no_way_is_named() {
        let error = |text: &str| text.parse::<Order>().unwrap_err().to_string();
        assert!(error("3,5").starts_with("`5` is no way"));
        assert!(error("x").contains("1 bootcast"));
        assert_eq!(error(""), "an order has 1 to 16 digits, not 0");
        assert_eq!(error("31313131313131313"), "an order has 1 to 16 digits, not 17");
    }
}
