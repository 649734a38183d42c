//! Interfaces by name or address, as multicast sockets want them.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

mod watch;
pub(crate) use watch::Watch;

/// An interface of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interface {
    /// Its name.
    pub(crate) name: String,
    /// Its IPv4 address, which IPv4 multicast needs.
    pub(crate) ipv4: Option<Ipv4Addr>,
    /// Its index, which IPv6 multicast needs.
    pub(crate) index: Option<u32>,
}

/// Why an interface is not found.
#[derive(Debug)]
pub(crate) enum NotFound {
    /// There is none; the message lists what there is.
    Absent(String),
    /// The system did not list them.
    Unlisted(io::Error),
}

/// Finds the interface that has this name or this address.
///
/// # Errors
/// When there is none, or the system is short of something.
pub(crate) fn find(text: &str) -> Result<Interface, NotFound> {
    let all = if_addrs::get_if_addrs().map_err(NotFound::Unlisted)?;
    let address = text.parse::<IpAddr>().ok();
    let mut matching = all.iter().filter(|one| one.name == text || Some(one.ip()) == address);
    let Some(first) = matching.next() else {
        let mut known: Vec<_> = all.iter().map(|i| format!("{} ({})", i.name, i.ip())).collect();
        known.sort();
        let known = known.join(", ");
        return Err(NotFound::Absent(format!("no interface `{text}`: there are {known}")));
    };
    let ipv4 = |one: &if_addrs::Interface| match one.ip() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    };
    let ipv4 = match address {
        Some(IpAddr::V4(address)) => Some(address),
        _ => all.iter().filter(|one| one.name == first.name).find_map(ipv4),
    };
    Ok(Interface { name: first.name.clone(), ipv4, index: first.index })
}

/// One name for an interface that is written by name here and by address there, so that a budget and the
/// channels it is for meet. What this machine does not have stays as it is written. Looks at the system.
pub(crate) fn canonical(written: &str) -> String {
    find(written).map_or_else(|_| written.to_owned(), |found| found.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_its_address_are_one_interface_and_an_absent_one_stays_as_it_is_written() {
        let by_address = canonical("127.0.0.1");
        assert_ne!(by_address, "127.0.0.1");
        assert_eq!(canonical(&by_address), by_address);
        assert_eq!(canonical("no-such-interface"), "no-such-interface");
    }
}
