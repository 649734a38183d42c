//! What a DHCP server has to tell boxes for a line-up: the vendor options (option 43) of KreaTV, of TeleTec and
//! Infomir (MAG) and of Dune.
//!
//! ```text
//!  line-up ─> blocks: who gets what ─┬─> option: the bytes of option 43   (pure)
//!                                    └─> isc | kea | dnsmasq: the same in the words of a server
//! ```
//!
//! Public facts: MAG and Dune notes §1.5, §2.2; KreaTV's space: Infocast notes §8.2.

mod blocks;
mod dnsmasq;
mod isc;
mod kea;
mod option;
mod space;

pub use blocks::{Block, Blocks, Match, Wanted, blocks};
pub use option::{EncodeError, SubOption, Value, ValueError, encode};
pub use space::{Definition, Family, Kind, Phase};

/// A DHCP server whose words are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// ISC `dhcpd`.
    Isc,
    /// ISC Kea, `kea-dhcp4`.
    Kea,
    /// `dnsmasq`.
    Dnsmasq,
}

/// The blocks in the words of a server, to be included in its configuration.
pub fn print(server: Server, blocks: &[Block]) -> String {
    match server {
        Server::Isc => isc::print(blocks),
        Server::Kea => kea::print(blocks),
        Server::Dnsmasq => dnsmasq::print(blocks),
    }
}

/// Bytes as people write them: `03 04 e0 0a 00 32`.
pub fn hex(bytes: &[u8], between: &str) -> String {
    let bytes: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(between)
}

#[cfg(test)]
mod tests;
