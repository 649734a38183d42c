//! Who is on air at a moment: what a schedule decides, and what programmes are made by.

use std::collections::HashSet;

use crate::lineup::{LineUp, ObjectId};

/// Which channels are on air, how fast, and what is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// By place in [`LineUp::channels`]: bits of IP per second, `None` off the air.
    pub channels: Vec<Option<u64>>,
    /// By place in [`LineUp::vendor_senders`]: whether it runs.
    pub vendor_senders: Vec<bool>,
    /// Objects that are left out of their channels.
    pub off: HashSet<ObjectId>,
    /// SHA-256 of each signed document that is not said.
    pub unsaid: HashSet<[u8; 32]>,
}

impl Roster {
    /// Everything is on air, each channel at its own rate.
    pub fn all(line_up: &LineUp) -> Self {
        let channels = line_up.channels.iter().map(|channel| Some(channel.bit_rate_bps)).collect();
        Self {
            channels,
            vendor_senders: vec![true; line_up.vendor_senders.len()],
            ..Self::default()
        }
    }
}
