//! The ways to one part, in the order the box was told (`BootOrder` and its like).
//!
//! ```text
//!  3 local storage   the version held is the one on air, or nobody can say: use it; else go on
//!  1 bootcast        ask the metadata channel, fetch what it names
//!  6 HTTP            ask the web server, fetch what its StbConfig names
//!  2 TFTP            fetch the file that the box was told
//! ```
//!
//! A way that fails leads to the next one. Metadata is asked for once in a boot.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use stbcast_bootcast::{Part, Protocol, TftpUrl};

use super::directions::{Directions, Place};
use super::options::BootOptions;
use super::report::PartOutcome;
use crate::{Server, Target};

/// What is known of a source of metadata.
pub(super) enum Metadata {
    /// It was not asked yet.
    Unknown,
    Known(Box<Directions>),
    /// It did not come, or cannot be used.
    Gone,
}

/// Where the box stands on its way to a part.
pub(super) struct Walk {
    pub part: Part,
    ways: Vec<Protocol>,
    place: usize,
    /// Servers left of the TFTP way that stands first; `None` before it was begun.
    servers: Option<VecDeque<TftpUrl>>,
    /// How the last way ended.
    failed: Option<PartOutcome>,
}

/// What is to be done next.
pub(super) enum Move {
    /// Ask for metadata by this way.
    Ask(Protocol),
    /// Fetch the part.
    Fetch { target: Target, version: String, by: Protocol },
    /// The way cannot be gone, because it is not supported, or the box was not told enough.
    Closed { way: Protocol, supported: bool },
    /// The next way.
    Skip,
    /// The part is done.
    End(PartOutcome),
}

impl Walk {
    pub(super) fn new(part: Part, options: &BootOptions) -> Self {
        let ways = options.orders.get(part).ways().to_vec();
        Self { part, ways, place: 0, servers: None, failed: None }
    }

    /// The way that was gone ended so; the next one is to be gone.
    pub(super) fn failed(&mut self, outcome: PartOutcome) {
        self.failed = Some(outcome);
        if self.servers.as_ref().is_none_or(VecDeque::is_empty) {
            self.skip();
        }
    }

    pub(super) fn skip(&mut self) {
        self.place += 1;
        self.servers = None;
    }

    /// What is next, from what is known by now.
    pub(super) fn next<'m>(
        &mut self,
        options: &BootOptions,
        metadata: impl Fn(Protocol) -> Option<&'m Metadata>,
    ) -> Move {
        let Some(way) = self.ways.get(self.place).copied() else {
            return Move::End(self.failed.take().unwrap_or(PartOutcome::NotNamed));
        };
        match way {
            Protocol::Local => self.local(options, metadata),
            Protocol::Bootcast | Protocol::Http => match metadata(way) {
                None => Move::Closed { way, supported: true },
                Some(Metadata::Unknown) => Move::Ask(way),
                Some(Metadata::Gone) => Move::Skip,
                Some(Metadata::Known(directions)) => self.directed(options, directions, way),
            },
            Protocol::Tftp => self.tftp(options),
            Protocol::Sap | Protocol::Usb => Move::Closed { way, supported: false },
        }
    }

    /// What the box holds: used when it is what metadata ahead names, or when nobody can say.
    fn local<'m>(
        &self,
        options: &BootOptions,
        metadata: impl Fn(Protocol) -> Option<&'m Metadata>,
    ) -> Move {
        let Some(version) = options.stored.get(self.part) else { return Move::Skip };
        if options.ignore_version {
            return Move::End(PartOutcome::Kept { version: version.clone() });
        }
        if let Some(failed) = &self.failed {
            return Move::End(failed.clone());
        }
        let mut could_be_asked = false;
        for way in &self.ways {
            match metadata(*way) {
                None => continue,
                Some(Metadata::Unknown) => return Move::Ask(*way),
                Some(Metadata::Gone) => {}
                Some(Metadata::Known(directions)) => match directions.get(self.part) {
                    Some(direction) if direction.version == *version => {
                        return Move::End(PartOutcome::UpToDate { version: version.clone() });
                    }
                    Some(_) => return Move::Skip,
                    None => {}
                },
            }
            could_be_asked = true;
        }
        Move::End(if could_be_asked {
            PartOutcome::NotNamed
        } else {
            PartOutcome::Kept { version: version.clone() }
        })
    }

    fn directed(&mut self, options: &BootOptions, directions: &Directions, by: Protocol) -> Move {
        let Some(direction) = directions.get(self.part) else { return Move::Skip };
        let (held, version) = (options.usable(self.part), direction.version.clone());
        if held == Some(&version) {
            return Move::End(PartOutcome::UpToDate { version });
        }
        let target = match &direction.place {
            Err(error) => {
                self.failed = Some(PartOutcome::BadName(*error));
                return Move::Skip;
            }
            Ok(Place::Local) => {
                let held = held.cloned().map(|version| PartOutcome::Kept { version });
                return held.map_or(Move::Skip, Move::End);
            }
            Ok(Place::OnAir(target)) => target.clone(),
            Ok(Place::Http(url)) => {
                Target::Unicast(Server::Http(url.with_query(&options.whole_query())))
            }
            Ok(Place::Tftp(url)) => {
                let options = options.tftp.as_ref().map(|tftp| tftp.options).unwrap_or_default();
                Target::Unicast(Server::Tftp { url: url.clone(), options })
            }
        };
        Move::Fetch { target, version, by }
    }

    /// The next server: all of them in turn, as often as the pool is to be tried.
    fn tftp(&mut self, options: &BootOptions) -> Move {
        let way = Protocol::Tftp;
        let Some(tftp) = &options.tftp else { return Move::Closed { way, supported: true } };
        let Some(file) = tftp.file(self.part) else { return Move::Skip };
        let servers = self.servers.get_or_insert_with(|| {
            let pool = tftp.servers.iter().cycle();
            let tries = tftp.servers.len() * usize::from(tftp.pool_attempts);
            let url = |host: &stbcast_bootcast::Host| {
                TftpUrl::new(host.clone(), TftpUrl::PORT, file).ok()
            };
            pool.take(tries).filter_map(url).collect()
        });
        let Some(url) = servers.pop_front() else { return Move::Skip };
        let target = Target::Unicast(Server::Tftp { url, options: tftp.options });
        // A file has no version; what is held is never known to be the same.
        Move::Fetch { target, version: String::new(), by: way }
    }
}
