//! Which interface to listen on.

use std::net::{IpAddr, Ipv4Addr};

use if_addrs::{IfAddr, get_if_addrs};

/// An interface of this machine, as joining a group wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its number in the system; never zero.
    pub index: u32,
    /// Its IPv4 address: the one asked for, else its first.
    pub ipv4: Option<Ipv4Addr>,
}

/// Why an interface cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InterfaceError {
    /// The system does not say what interfaces there are.
    #[error("cannot list the interfaces of this machine: {0}")]
    List(std::io::Error),
    /// No interface has this name or address.
    #[error("there is no interface `{wanted}`: there are {known}")]
    Unknown {
        /// What was asked for.
        wanted: String,
        /// Every name with its addresses.
        known: String,
    },
}

/// One address of one interface, as the system lists them.
struct Listed {
    name: String,
    index: u32,
    address: IpAddr,
}

impl Interface {
    /// Finds an interface by its name or one of its addresses.
    ///
    /// # Errors
    /// When there is none; the message lists those there are.
    pub fn resolve(wanted: &str) -> Result<Self, InterfaceError> {
        let listed = get_if_addrs().map_err(InterfaceError::List)?;
        let listed: Vec<_> = listed
            .into_iter()
            .filter_map(|interface| {
                let address = match &interface.addr {
                    IfAddr::V4(v4) => IpAddr::V4(v4.ip),
                    IfAddr::V6(v6) => IpAddr::V6(v6.ip),
                };
                let index = interface.index.filter(|index| *index != 0)?;
                Some(Listed { name: interface.name, index, address })
            })
            .collect();
        find(&listed, wanted)
    }
}

fn find(listed: &[Listed], wanted: &str) -> Result<Interface, InterfaceError> {
    let address = wanted.parse::<IpAddr>().ok();
    let is_wanted = |entry: &&Listed| match address {
        Some(address) => entry.address == address,
        None => entry.name == wanted,
    };
    let found = listed.iter().find(is_wanted).ok_or_else(|| InterfaceError::Unknown {
        wanted: wanted.escape_debug().to_string(),
        known: known(listed),
    })?;
    let first_ipv4 = || {
        let same = listed.iter().filter(|entry| entry.index == found.index);
        same.filter_map(|entry| as_ipv4(entry.address)).next()
    };
    let ipv4 = address.and_then(as_ipv4).or_else(first_ipv4);
    Ok(Interface { name: found.name.clone(), index: found.index, ipv4 })
}

const fn as_ipv4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(ipv4) => Some(ipv4),
        IpAddr::V6(_) => None,
    }
}

fn known(listed: &[Listed]) -> String {
    if listed.is_empty() {
        return "none".to_owned();
    }
    let words: Vec<_> =
        listed.iter().map(|entry| format!("{} ({})", entry.name, entry.address)).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Vec<Listed> {
        [(1, "lo", "127.0.0.1"), (1, "lo", "::1"), (2, "lan", "192.0.2.7"), (2, "lan", "fe80::1")]
            .into_iter()
            .map(|(index, name, address)| Listed {
                name: name.to_owned(),
                index,
                address: address.parse().unwrap(),
            })
            .collect()
    }

    #[test]
    fn name_and_each_address_mean_the_same_interface() {
        for wanted in ["lan", "192.0.2.7", "fe80::1"] {
            let found = find(&machine(), wanted).unwrap();
            assert_eq!((found.index, found.ipv4), (2, Some([192, 0, 2, 7].into())), "{wanted}");
        }
    }

    #[test]
    fn an_unknown_one_is_refused_with_those_there_are() {
        let message = find(&machine(), "eth7").unwrap_err().to_string();
        assert!(message.contains("`eth7`") && message.contains("lan (192.0.2.7)"), "{message}");
        assert!(find(&machine(), "192.0.2.8").is_err());
        assert!(find(&[], "lo").unwrap_err().to_string().ends_with("there are none"));
    }

    #[test]
    fn the_loopback_of_this_machine_is_found() {
        let found = Interface::resolve("127.0.0.1").unwrap();
        assert_eq!(found.ipv4, Some(Ipv4Addr::LOCALHOST));
    }
}
