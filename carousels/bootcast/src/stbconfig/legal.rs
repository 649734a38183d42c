//! What the value of an element may be: the kinds of the vendor's table (vendor document 002,
//! "Permanent parameters").

use core::fmt;
use core::net::{Ipv4Addr, SocketAddrV4};
use core::str::FromStr;

use stbcast_object::Group;

use crate::{Host, HttpUrl, Order, SourceUrl};

/// Longest value of an element, in bytes. A URL has at most [`crate::URL_BYTES_MAX`].
pub const VALUE_BYTES_MAX: usize = 1024;

/// Port of the metadata channel where none is written (Infocast notes §8.2).
const BOOTCAST_PORT: u16 = 22222;

/// Port of session announcements where none is written (Infocast notes §8.2).
const SAP_PORT: u16 = 9875;

/// Most digits of a key code, without `0x`.
const KEY_DIGITS_MAX: usize = 8;

const IR_PROTOCOLS: [&str; 7] = ["KREATVIR", "SEJIN", "RSTEP_KPN", "RSTEP", "NEC", "RC5", "RCMM"];

/// What is legal as the value of an element. Shown, it says so to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Legal {
    /// Any text, also none.
    Free,
    /// Any text of at least one character.
    Text,
    /// One of the four kinds of URL.
    Url,
    /// One of these words, spelt like that.
    Words(&'static [&'static str]),
    /// A whole number within a range.
    Integer(i64, i64),
    /// The IPv4 address of a host.
    Address,
    /// IPv4 addresses of hosts with commas between them.
    Addresses,
    /// A netmask.
    Netmask,
    /// Address and port of a host.
    Endpoint,
    /// Address and port of a host, and its MAC address.
    EndpointAtMac,
    /// A multicast group, with or without a port.
    Group,
    /// A multicast group, or the name that the domain name system knows it by.
    GroupOrName,
    /// Name or address of a server.
    Server,
    /// Name, address or URL of a web server.
    WebServer,
    /// In which order protocols are tried.
    Order,
    /// The code of a key.
    Key,
    /// Codes of keys with colons between them.
    Keys,
    /// Red, green and blue.
    Colour,
    /// Infrared protocols, and remote controls of each.
    Infrared,
}

/// `Yes` or `No`.
pub(super) const YES_NO: Legal = Legal::Words(&["Yes", "No"]);

impl Legal {
    /// Whether a value, without white space around it, is legal.
    pub fn takes(self, text: &str) -> bool {
        if text.len() > VALUE_BYTES_MAX || !is_line(text) {
            return false;
        }
        match self {
            Self::Free => true,
            Self::Text => !text.is_empty(),
            Self::Url => text.parse::<SourceUrl>().is_ok(),
            Self::Words(words) => words.contains(&text),
            Self::Integer(from, to) => integer(text).is_some_and(|it| (from..=to).contains(&it)),
            Self::Address => is_address(text),
            Self::Addresses => text.split(',').all(|address| is_address(address.trim_matches(' '))),
            Self::Netmask => text.parse().is_ok_and(is_netmask),
            Self::Endpoint => is_endpoint(text),
            Self::EndpointAtMac => {
                text.split_once('@').is_some_and(|(end, mac)| is_endpoint(end) && is_mac(mac))
            }
            Self::Group => group(text).is_some(),
            Self::GroupOrName => Group::parse(text, Some(SAP_PORT)).is_ok() || is_name(text),
            Self::Server => Host::new(text).is_ok(),
            Self::WebServer => Host::new(text).is_ok() || HttpUrl::parse(text).is_ok(),
            Self::Order => order(text).is_some(),
            Self::Key => is_key(text),
            Self::Keys => text.split(':').all(is_key),
            Self::Colour => {
                let parts = text.split(',').map(integer);
                parts.clone().count() == 3
                    && parts.into_iter().all(|it| it.is_some_and(|it| (0..=255).contains(&it)))
            }
            Self::Infrared => text.split(';').all(is_infrared),
        }
    }
}

impl fmt::Display for Legal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Free => write!(f, "at most {VALUE_BYTES_MAX} bytes of text in one line"),
            Self::Text => write!(f, "1 to {VALUE_BYTES_MAX} bytes of text in one line"),
            Self::Url => f.write_str(
                "infocast://GROUP[:PORT]/NAME, tftp://SERVER[:PORT]/PATH, local:// or \
                 http://SERVER[:PORT]/PATH",
            ),
            Self::Words(words) => listed(f, words),
            Self::Integer(from, to) => write!(f, "a whole number from {from} to {to}"),
            Self::Address => f.write_str("the IPv4 address of a host, as 192.0.2.1"),
            Self::Addresses => {
                f.write_str("IPv4 addresses of hosts with commas, as 192.0.2.1,192.0.2.2")
            }
            Self::Netmask => f.write_str("a netmask, as 255.255.255.0"),
            Self::Endpoint => f.write_str("ADDRESS:PORT, as 192.0.2.1:19997"),
            Self::EndpointAtMac => {
                f.write_str("ADDRESS:PORT@MAC, as 192.0.2.1:19997@00:11:22:33:44:55")
            }
            Self::Group => f.write_str("a multicast group, as 239.255.2.2:22222"),
            Self::GroupOrName => {
                f.write_str("a multicast group, as 224.2.127.254:9875, or a host name")
            }
            Self::Server => f.write_str("an address or a host name"),
            Self::WebServer => f.write_str("an address, a host name or http://SERVER[:PORT]/PATH"),
            Self::Order => f.write_str(
                "1 to 16 digits, with or without commas: 1 bootcast, 2 TFTP, 3 local storage, \
                 4 SAP, 6 HTTP, 7 USB",
            ),
            Self::Key => f.write_str("a hexadecimal key code, as 0x74"),
            Self::Keys => f.write_str("hexadecimal key codes with colons, as 0x74:0x58"),
            Self::Colour => f.write_str("red, green and blue from 0 to 255, as 0,128,255"),
            Self::Infrared => {
                f.write_str("PROTOCOL[:ID,ID...];PROTOCOL..., with protocols ")?;
                listed(f, &IR_PROTOCOLS)
            }
        }
    }
}

fn listed(f: &mut fmt::Formatter<'_>, words: &[&str]) -> fmt::Result {
    for (place, word) in words.iter().enumerate() {
        let between = match place {
            0 => "",
            _ if place + 1 == words.len() => " or ",
            _ => ", ",
        };
        write!(f, "{between}{word}")?;
    }
    Ok(())
}

/// A text that XML can hold and that comes back from it as it went in.
fn is_line(text: &str) -> bool {
    let legal = |c: char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
    text.trim() == text && text.chars().all(legal)
}

/// A whole number: digits that do not begin with a needless 0, which some would read as octal.
pub(super) fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|b| b.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'))
        && text != "-0";
    plain.then(|| text.parse().ok()).flatten()
}

/// A metadata channel.
pub(super) fn group(text: &str) -> Option<Group> {
    Group::parse(text, Some(BOOTCAST_PORT)).ok()
}

/// An order, with a digit between any two commas.
pub(super) fn order(text: &str) -> Option<Order> {
    let whole = |part: &str| part.bytes().any(|b| b.is_ascii_digit());
    text.split(',').all(whole).then(|| Order::from_str(text).ok()).flatten()
}

fn is_address(text: &str) -> bool {
    text.parse().is_ok_and(is_address_of)
}

fn is_netmask(mask: Ipv4Addr) -> bool {
    let bits = u32::from(mask);
    bits.leading_ones() == bits.count_ones()
}

fn is_endpoint(text: &str) -> bool {
    text.parse::<SocketAddrV4>().is_ok_and(|it| it.port() != 0 && is_address_of(*it.ip()))
}

const fn is_address_of(address: Ipv4Addr) -> bool {
    !address.is_multicast() && !address.is_broadcast()
}

fn is_mac(text: &str) -> bool {
    let octet = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
    text.split(':').count() == 6 && text.split(':').all(octet)
}

fn is_name(text: &str) -> bool {
    Host::new(text).is_ok() && text.parse::<Ipv4Addr>().is_err() && !text.starts_with('[')
}

fn is_key(text: &str) -> bool {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    (1..=KEY_DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit())
}

fn is_infrared(entry: &str) -> bool {
    let (protocol, ids) = match entry.split_once(':') {
        Some((protocol, ids)) => (protocol, Some(ids)),
        None => (entry, None),
    };
    let id = |text: &str| integer(text).is_some_and(|id| (0..=i64::from(u32::MAX)).contains(&id));
    IR_PROTOCOLS.contains(&protocol) && ids.is_none_or(|ids| ids.split(',').all(id))
}
