//! What a box tells a web server of itself: the parameters behind `?` (vendor documents 002 and
//! 003). Older boxes send fewer of them.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write as _};

/// Longest query read, in bytes; what stands behind is not looked at.
pub(crate) const QUERY_BYTES_MAX: usize = 2048;

/// Longest value kept, in bytes.
const VALUE_BYTES_MAX: usize = 255;

/// The parameters of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct BootQuery {
    /// The bootcast id of the model.
    pub product: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// MAC address, since boot loader 5.
    pub mac: Option<String>,
    /// Version of the boot loader.
    pub fw_version: Option<String>,
    /// Version of the boot image the box holds.
    pub kernel_version: Option<String>,
    /// Version of the splash the box holds.
    pub splash_version: Option<String>,
    /// Version of the diagnostic image the box holds, since boot loader 5.
    pub diagnostic_version: Option<String>,
}

impl BootQuery {
    /// The names of the parameters, in the vendor's order.
    pub const NAMES: [&'static str; 7] = [
        "product",
        "serial",
        "mac",
        "fw_version",
        "kernel_version",
        "splash_version",
        "diagnostic_version",
    ];

    /// Reads what stands behind `?`. The first value of a name counts. Other names, empty values,
    /// values of more than 255 bytes and such that are not text are passed over.
    pub fn parse(query: &str) -> Self {
        let mut parsed = Self::default();
        let mut ends = (0..=query.len().min(QUERY_BYTES_MAX)).rev();
        let end = ends.find(|&end| query.is_char_boundary(end)).unwrap_or(0);
        for pair in query.get(..end).unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Some(place) = Self::NAMES.iter().position(|known| *known == name) else { continue };
            let Some(value) = plain(value) else { continue };
            if let Some(slot) = parsed.values_mut().into_iter().nth(place) {
                slot.get_or_insert(value);
            }
        }
        parsed
    }

    /// The values, in the order of [`BootQuery::NAMES`].
    pub const fn values(&self) -> [&Option<String>; 7] {
        [
            &self.product,
            &self.serial,
            &self.mac,
            &self.fw_version,
            &self.kernel_version,
            &self.splash_version,
            &self.diagnostic_version,
        ]
    }

    const fn values_mut(&mut self) -> [&mut Option<String>; 7] {
        [
            &mut self.product,
            &mut self.serial,
            &mut self.mac,
            &mut self.fw_version,
            &mut self.kernel_version,
            &mut self.splash_version,
            &mut self.diagnostic_version,
        ]
    }
}

/// As a query, without `?`. Only what boxes send unescaped stays so: letters, digits and `-._~:/`
/// (the colons of a MAC address, RFC 3986 §3.4).
impl fmt::Display for BootQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut mark = "";
        for (name, value) in Self::NAMES.iter().zip(self.values()) {
            let Some(value) = value else { continue };
            write!(f, "{mark}{name}=")?;
            mark = "&";
            for byte in value.bytes() {
                match byte {
                    b if b.is_ascii_alphanumeric() || b"-._~:/".contains(&b) => {
                        f.write_char(char::from(b))?;
                    }
                    b => write!(f, "%{b:02X}")?,
                }
            }
        }
        Ok(())
    }
}

/// A value with its percent signs undone, where it is text that can be used.
fn plain(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len().min(VALUE_BYTES_MAX + 1));
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
        if bytes.len() > VALUE_BYTES_MAX {
            return None;
        }
    }
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn the_query_of_a_box_is_read_and_written() {
        let text = "product=arris-vip4302wbt-dev&serial=1931690851&mac=00:02:9b:00:01:02\
                    &fw_version=6.3&kernel_version=1.0&splash_version=1.0&diagnostic_version=1.0";
        let query = BootQuery::parse(text);
        assert_eq!(query.mac.as_deref(), Some("00:02:9b:00:01:02"));
        assert_eq!(query.to_string(), text);
        let old = "product=motorola-vip1903&serial=1931690851&fw_version=3.03";
        assert_eq!(BootQuery::parse(old).to_string(), old);
    }

    #[test]
    fn what_nobody_can_use_is_passed_over() {
        let query =
            BootQuery::parse("a=b&serial=&serial=1&serial=2&mac=%zz&&product&fw_version=%ff");
        assert_eq!(query, BootQuery { serial: Some("1".into()), ..BootQuery::default() });
        let long = ["serial=", &"1".repeat(256)].concat();
        assert_eq!(BootQuery::parse(&long), BootQuery::default());
        let late = ["x=", &"y".repeat(3000), "&serial=1"].concat();
        assert_eq!(BootQuery::parse(&late), BootQuery::default());
    }

    #[test]
    fn percent_signs_are_undone() {
        let query = BootQuery::parse("product=a%2Fb+c&mac=00%3A02%3a9b");
        assert_eq!(query.product.as_deref(), Some("a/b c"));
        assert_eq!(query.mac.as_deref(), Some("00:02:9b"));
        assert_eq!(query.to_string(), "product=a/b%20c&mac=00:02:9b");
    }

    proptest! {
        #[test]
        fn any_text_in_never_panics(text in "\\PC{0,200}") {
            let _ = BootQuery::parse(&text);
        }

        #[test]
        fn what_is_written_is_read(values in proptest::collection::vec(proptest::option::of("\\PC{1,40}"), 7)) {
            let mut query = BootQuery::default();
            for (slot, value) in query.values_mut().into_iter().zip(values) {
                *slot = value;
            }
            prop_assert_eq!(BootQuery::parse(&query.to_string()), query);
        }
    }
}
