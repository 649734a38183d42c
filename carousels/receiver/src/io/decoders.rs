//! The decoder of each group that is heard.

use std::net::IpAddr;
use std::ops::Range;

use stbcast_object::Group;

use super::heard::LANES;
use crate::{GroupDecoder, Input, Listen};

/// One decoder for each lane.
#[derive(Default)]
pub(super) struct Decoders {
    lanes: [Option<GroupDecoder>; LANES],
}

impl Decoders {
    /// A group is heard in a lane. What is known of the group from before is kept.
    pub(super) fn join(
        &mut self,
        lane: usize,
        group: Group,
        source: Option<IpAddr>,
        listen: &Listen,
    ) {
        let known =
            self.lanes.iter_mut().find_map(|known| known.take_if(|one| one.group() == group));
        if let Some(place) = self.lanes.get_mut(lane) {
            *place = Some(known.unwrap_or_else(|| GroupDecoder::new(group, source, listen)));
        }
    }

    /// The input that a datagram of a lane is; its payload is a range of `bytes`.
    pub(super) fn decode(
        &mut self,
        lane: usize,
        from: IpAddr,
        bytes: &[u8],
    ) -> Option<Input<'static, Range<usize>>> {
        let decoder = self.lanes.get_mut(lane)?.as_mut()?;
        Some(decoder.decode(from, bytes, None))
    }
}
