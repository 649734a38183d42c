//! Interfaces that go down, come back as others, or change their address, while channels are on air.
//!
//! A socket keeps the source address and the number of the interface it was opened with. So the
//! interfaces are looked at twice a second, and where a socket opened now would stand on something
//! else, the channel goes on with one. An interface that is only down needs nothing: the system refuses
//! what is sent, and takes it again when it is up.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use if_addrs::Interface;

use crate::transmit::{Footing, Sockets, Tie, TransmitError, open};

/// From one look at the interfaces to the next.
const LOOK: Duration = Duration::from_millis(500);

/// After a change sockets are compared for so long: addresses become usable seconds after they are there.
const RESTLESS: Duration = Duration::from_secs(10);

/// Sockets are compared this often where no interface changes, since routes may.
const CALM: Duration = Duration::from_secs(10);

/// Keeps the sockets of all channels on their interfaces.
pub(crate) struct Watch {
    sockets: Sockets,
    /// When interfaces were looked at last, and sockets compared last.
    looked: Option<Instant>,
    compared: Option<Instant>,
    /// Until when sockets are compared at each look.
    restless: Option<Instant>,
    seen: HashSet<Interface>,
    /// Interfaces that do not send by their name in the log, and since when.
    troubles: HashMap<String, Instant>,
}

/// What a socket that is opened stands on, or that there is nothing to stand on.
type Ground = Result<Footing, TransmitError>;

impl Watch {
    /// Watches these sockets, those that are opened later among them.
    pub(crate) fn new(sockets: Sockets) -> Self {
        let (looked, compared, restless) = (None, None, None);
        let (seen, troubles) = (HashSet::new(), HashMap::new());
        Self { sockets, looked, compared, restless, seen, troubles }
    }

    /// Looks at the interfaces, where it is time to.
    pub(crate) fn poll(&mut self, now: Instant) {
        if self.looked.is_some_and(|at| now.saturating_duration_since(at) < LOOK) {
            return;
        }
        self.looked = Some(now);
        match if_addrs::get_if_addrs() {
            Ok(seen) => self.look(now, seen.into_iter().collect()),
            Err(error) => tracing::debug!("cannot list interfaces: {error}"),
        }
    }

    fn look(&mut self, now: Instant, seen: HashSet<Interface>) {
        let ties = self.sockets.ties();
        let first = self.compared.is_none();
        if seen != self.seen {
            self.seen = seen;
            self.restless = (!first).then(|| now + RESTLESS);
        }
        if first {
            // All have just been opened.
            self.compared = Some(now);
        }
        let is_restless = self.restless.is_some_and(|until| now < until);
        let is_stale = self.compared.is_some_and(|at| now.saturating_duration_since(at) >= CALM);
        let waits = ties.iter().any(|tie| tie.footing().is_none() || tie.failing().is_some());
        if is_restless || is_stale || waits {
            self.compared = Some(now);
            compare(&ties);
        }
        self.tell(now, &ties);
    }

    /// One line when an interface stops sending, and one when it sends again.
    fn tell(&mut self, now: Instant, ties: &[Arc<Tie>]) {
        let mut by_interface: HashMap<&str, (Vec<&Tie>, usize)> = HashMap::new();
        for tie in ties {
            let (failing, all) = by_interface.entry(tie.shown()).or_default();
            *all += 1;
            if tie.failing().is_some() {
                failing.push(tie);
            }
        }
        self.troubles.retain(|interface, _| by_interface.contains_key(interface.as_str()));
        for (interface, (failing, all)) in by_interface {
            let why = match failing.first() {
                Some(tie) => tie.failing().map(|error| {
                    let (name, some, all) = (&tie.spec().name, failing.len(), all);
                    format!("cannot send channel {name}, one of {some} of {all}: {error}")
                }),
                None => {
                    self.is_unplugged(interface).then(|| "no carrier: nothing leaves".to_owned())
                }
            };
            match (why, self.troubles.get(interface)) {
                (Some(why), None) => {
                    tracing::error!("interface {interface}: {why}");
                    self.troubles.insert(interface.to_owned(), now);
                }
                (None, Some(since)) => {
                    let seconds = now.saturating_duration_since(*since).as_secs_f64();
                    tracing::info!("interface {interface}: sending again, after {seconds:.1} s");
                    self.troubles.remove(interface);
                }
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
    }

    fn is_unplugged(&self, interface: &str) -> bool {
        self.seen.iter().any(|one| one.name == interface && !one.is_oper_up())
    }
}

/// Gives every channel another socket that stands on something else than one opened now would.
fn compare(ties: &[Arc<Tie>]) {
    let mut grounds: HashMap<_, Ground> = HashMap::new();
    let mut moved: HashMap<&str, (usize, Footing)> = HashMap::new();
    for tie in ties {
        let ground =
            grounds.entry(kind(tie)).or_insert_with(|| open(tie.spec()).map(|it| it.footing));
        match ground {
            Ok(footing) if tie.footing() != Some(*footing) => {
                if let Ok(opened) = open(tie.spec()) {
                    moved.entry(tie.shown()).or_insert((0, opened.footing)).0 += 1;
                    tie.renew(opened);
                }
            }
            Err(TransmitError::Interface(_)) if tie.footing().is_some() => tie.unplug(),
            // What the system refuses now it refuses the socket there is, too.
            Ok(_) | Err(_) => {}
        }
    }
    for (interface, (count, footing)) in moved {
        let source = footing.source.map_or_else(|| "nowhere".to_owned(), |it| it.to_string());
        tracing::info!("interface {interface}: {count} channels opened anew, sent from {source}");
    }
}

/// Sockets of one kind stand on the same: interface, family, and scope of the group. Where the routing
/// table decides, it may by the group.
fn kind(tie: &Tie) -> (Option<&str>, IpAddr) {
    let channel = tie.spec();
    let group = channel.group.address();
    let group = match (group, &channel.interface) {
        (IpAddr::V4(_), Some(_)) => IpAddr::from([224, 0, 0, 0]),
        (IpAddr::V6(group), Some(_)) => {
            let [first, ..] = group.segments();
            IpAddr::from([first & 0xff0f, 0, 0, 0, 0, 0, 0, 0])
        }
        (group, None) => group,
    };
    (channel.interface.as_deref(), group)
}
