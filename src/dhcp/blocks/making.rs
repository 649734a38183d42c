//! Sub-options of what a line-up has.

use std::net::{IpAddr, SocketAddrV4};

use crate::dhcp::{Family, SubOption, Value};
use crate::lineup::Channel;

/// Sub-options in the making.
pub(super) struct Options {
    family: Family,
    pub(super) all: Vec<SubOption>,
}

impl Options {
    pub(super) const fn new(family: Family) -> Self {
        Self { family, all: Vec::new() }
    }

    pub(super) fn add(&mut self, name: &str, value: Value) {
        self.all
            .extend(self.family.definition(name).map(|definition| SubOption { definition, value }));
    }

    pub(super) fn text(&mut self, name: &str, text: &str) -> Result<(), String> {
        let value = Value::text(text).map_err(|error| format!("{name}: {error}"))?;
        self.add(name, value);
        Ok(())
    }

    /// An address and its port.
    pub(super) fn place(&mut self, [ip, port]: [&str; 2], place: SocketAddrV4) {
        self.add(ip, Value::Ipv4(vec![*place.ip()]));
        self.add(port, Value::U16(place.port()));
    }
}

/// The one that is meant, where there is one.
pub(super) fn one<T>(
    mut all: impl Iterator<Item = T>,
    what: &str,
    name: impl Fn(&T) -> &String,
) -> Result<Option<T>, String> {
    let first = all.next();
    match (first, all.next()) {
        (Some(first), Some(second)) => Err(format!(
            "`{}` and `{}` both {what}, and option 43 has room for one: name those that are meant with --channel",
            name(&first),
            name(&second)
        )),
        (first, _) => Ok(first),
    }
}

/// Where an IPv4 channel is sent.
pub(super) fn ipv4(channel: &Channel) -> Result<SocketAddrV4, String> {
    match channel.group.address() {
        IpAddr::V4(address) => Ok(SocketAddrV4::new(address, channel.group.port())),
        IpAddr::V6(_) => Err(format!(
            "channel `{}` is on {}: DHCP for IPv4 has no room for it",
            channel.name, channel.group
        )),
    }
}
