//! The decoder of each group that is heard.

use std::net::IpAddr;
use std::ops::Range;

use stbcast_object::Group;

use super::heard::LANES;
use crate::{GroupDecoder, Input, Listen};

/// One decoder for each lane.
#[derive(Default)]
pub(super) struct Decoders {
    lanes: [Option<Known>; LANES],
}

/// What is known of a group.
struct Known {
    listen: Listen,
    decoder: GroupDecoder,
}

impl Decoders {
    /// A group is heard in a lane. What was learned of a channel is kept; what a
    /// FLUTE session says is to be told anew.
    pub(super) fn join(
        &mut self,
        lane: usize,
        group: Group,
        source: Option<IpAddr>,
        listen: Listen,
    ) {
        let same = |known: &mut Known| known.decoder.group() == group && known.listen == listen;
        let known = self.lanes.iter_mut().find_map(|known| known.take_if(same));
        let known = known.filter(|known| matches!(known.listen, Listen::Slices | Listen::Mag));
        if let Some(place) = self.lanes.get_mut(lane) {
            *place = Some(known.unwrap_or_else(|| {
                let decoder = GroupDecoder::new(group, source, &listen);
                Known { listen, decoder }
            }));
        }
    }

    /// The input that a datagram of a lane is; its payload is a range of `bytes`. What a description
    /// says of its life is held against the sender's clock alone: a box that boots may have none.
    pub(super) fn decode(
        &mut self,
        lane: usize,
        from: IpAddr,
        bytes: &[u8],
    ) -> Option<Input<'static, Range<usize>>> {
        let known = self.lanes.get_mut(lane)?.as_mut()?;
        Some(known.decoder.decode(from, bytes, None))
    }
}
