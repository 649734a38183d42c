//! Where the bytes of an object are served over HTTP too, and when a box may ask for some of them.

use alloc::string::String;
use core::fmt;
use core::num::NonZeroU8;

use super::limits::{
    AFTER_CYCLES_DEFAULT, ALTERNATES_MAX, URL_BYTES_MAX, WINDOW_S_DEFAULT, WINDOW_S_MAX,
};
use super::{Location, LocationError};

/// What the announce session says of unicast repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unicast {
    /// Where the same bytes are served.
    pub alternates: Alternates,
    /// Cycles of the object that a box has heard before it may ask.
    pub after_cycles: NonZeroU8,
    window_s: u32,
}

/// Why unicast repair cannot be announced so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnicastError {
    /// No URL, or more than a box reads.
    #[error("{count} alternate URLs: 1 to {ALTERNATES_MAX} are legal")]
    Count {
        /// URLs as given.
        count: usize,
    },
    /// All together are too long.
    #[error(
        "alternate URLs of {bytes} bytes: with the spaces between them 1 to {URL_BYTES_MAX} are legal"
    )]
    Length {
        /// Bytes as given, with the spaces between URLs.
        bytes: usize,
    },
    /// One that is no URL.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// One that a box cannot ask.
    #[error("an alternate URL that is neither http nor https")]
    Scheme,
    /// A window that is too long.
    #[error("a window of {window_s} s: 0 to {WINDOW_S_MAX} are legal")]
    Window {
        /// Seconds as given.
        window_s: u32,
    },
}

impl Unicast {
    /// Boxes may ask `alternates` once they have heard `after_cycles` cycles, spread over
    /// `window_s` seconds, 0 to 86,400.
    ///
    /// # Errors
    /// When the window is longer.
    pub fn new(
        alternates: Alternates,
        after_cycles: NonZeroU8,
        window_s: u32,
    ) -> Result<Self, UnicastError> {
        let fits = window_s <= WINDOW_S_MAX;
        fits.then_some(Self { alternates, after_cycles, window_s })
            .ok_or(UnicastError::Window { window_s })
    }

    /// The same where nothing is said of cycles and window.
    pub const fn of(alternates: Alternates) -> Self {
        Self { alternates, after_cycles: AFTER_CYCLES_DEFAULT, window_s: WINDOW_S_DEFAULT }
    }

    /// Seconds over which boxes spread their first requests, 0 to 86,400.
    pub const fn window_s(&self) -> u32 {
        self.window_s
    }
}

/// One to four http or https URLs, with the spaces between them at most 512 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Alternates(String);

impl Alternates {
    /// Checks a list of URLs, as it stands in the attribute.
    ///
    /// # Errors
    /// As [`UnicastError`] says.
    pub fn new(list: &str) -> Result<Self, UnicastError> {
        let mut text = String::new();
        let count = list.split_ascii_whitespace().count();
        if count == 0 || count > ALTERNATES_MAX {
            return Err(UnicastError::Count { count });
        }
        let spaces = count - 1;
        let bytes = list.split_ascii_whitespace().map(str::len).sum::<usize>() + spaces;
        if bytes > URL_BYTES_MAX {
            return Err(UnicastError::Length { bytes });
        }
        for url in list.split_ascii_whitespace() {
            Location::new(url)?;
            if !url.starts_with("http://") && !url.starts_with("https://") {
                return Err(UnicastError::Scheme);
            }
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(url);
        }
        Ok(Self(text))
    }

    /// The URLs in their order.
    pub fn urls(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ')
    }

    /// The list as it stands in the attribute.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Alternates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec::Vec;

    fn refused(list: &str) -> UnicastError {
        Alternates::new(list).unwrap_err()
    }

    #[test]
    fn a_list_is_read_url_by_url() {
        let list =
            Alternates::new(" http://a.example/x?y=1  https://[2001:db8::1]:8443/z\t").unwrap();
        let urls: Vec<_> = list.urls().collect();
        assert_eq!(urls, ["http://a.example/x?y=1", "https://[2001:db8::1]:8443/z"]);
        assert_eq!(list.as_str(), "http://a.example/x?y=1 https://[2001:db8::1]:8443/z");
    }

    #[test]
    fn what_no_box_could_ask_is_refused() {
        assert_eq!(refused(" "), UnicastError::Count { count: 0 });
        assert_eq!(refused(&"http://a/ ".repeat(5)), UnicastError::Count { count: 5 });
        assert_eq!(refused("http://a/ file:///etc/passwd"), UnicastError::Scheme);
        assert_eq!(refused("HTTP://a/"), UnicastError::Scheme);
        assert!(matches!(refused("http://a/../b"), UnicastError::Location(LocationError::Path)));
        assert!(matches!(refused("http://a/\u{e9}"), UnicastError::Location(_)));
    }

    #[test]
    fn the_list_as_a_whole_is_short() {
        let url = |bytes: usize| format!("http://a/{}", "x".repeat(bytes - 9));
        assert!(Alternates::new(&url(512)).is_ok());
        assert!(Alternates::new(&format!("{} {}", url(200), url(311))).is_ok());
        let long = format!("{} {}", url(200), url(312));
        assert_eq!(refused(&long), UnicastError::Length { bytes: 513 });
    }

    #[test]
    fn no_window_is_longer_than_a_day() {
        let list = Alternates::new("http://a/").unwrap();
        let new = |window_s| Unicast::new(list.clone(), AFTER_CYCLES_DEFAULT, window_s);
        assert_eq!(new(86_400).unwrap().window_s(), 86_400);
        assert_eq!(new(86_401), Err(UnicastError::Window { window_s: 86_401 }));
        assert_eq!(Unicast::of(list.clone()), new(3_600).unwrap());
    }
}
