//! Which image a MAG channel carries, as far as its packets tell.
//!
//! What is announced does not name serial numbers. But where one takes the place of another, slices are of
//! another image from there on, whatever else is told or not: the next one, where one is announced.

use stbcast_object::Micros;

use super::Described;
use crate::limits::REVISION_CONTRADICTIONS;
use crate::{Rejection, Revision, Slice};

/// Serial number and length of the image on the channel, and how many packets in a row had others.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heard {
    image: Option<(u16, u32)>,
    others: u32,
    /// The image heard beside it that would fit as well, and how many packets it had.
    rival: Option<((u16, u32), u32)>,
    /// Whether the object was whole with another one, and not what is announced.
    has_gone_over: bool,
}

/// What a slice tells of the image on its channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// It is of the same as those before, or of the first one.
    Same,
    /// It is of another one, for which too few speak yet.
    Other,
    /// The channel has gone over to another one.
    Changed,
}

impl Heard {
    /// Takes note of a slice; whether it `fits` what is received.
    fn note(&mut self, revision: &Revision, fits: bool) -> Told {
        let Revision::Mag(on_air) = revision else { return Told::Same };
        let image = (on_air.serial, on_air.length);
        if self.image.map_or(fits, |heard| heard == image) {
            (self.image, self.others) = (Some(image), 0);
            return Told::Same;
        }
        self.others += 1;
        if fits {
            let packets = self.rival.filter(|(rival, _)| *rival == image).map_or(0, |(_, n)| n);
            self.rival = Some((image, packets.saturating_add(1)));
        }
        // One that was chosen for good reason is left when it has not been heard for a whole cycle.
        let few = REVISION_CONTRADICTIONS.min(revision.slices());
        let needed = if self.has_gone_over { revision.slices().max(few) } else { few };
        if self.others < needed {
            return Told::Other;
        }
        *self = Self { image: Some(image), rival: self.rival, ..Self::default() };
        Told::Changed
    }

    /// What is held came to be whole and is not what is announced: where the channel has carried another
    /// image that would fit, it is that one.
    fn go_over(&mut self) -> bool {
        let Some((rival, packets)) = self.rival else { return false };
        if packets < REVISION_CONTRADICTIONS || self.image == Some(rival) {
            return false;
        }
        *self = Self { image: Some(rival), has_gone_over: true, ..Self::default() };
        true
    }
}

impl<P: Clone> Described<P> {
    /// Whether a slice has the number and length of one of the object's.
    fn fits(&self, slice: &Slice) -> bool {
        let Some((_, assembly)) = &self.current else { return false };
        let (layout, length) = (&assembly.layout, slice.revision.length());
        slice.revision.slices() == layout.slices()
            && length.is_none_or(|length| length == layout.length())
            && layout.has_slice(slice.index, slice.length)
    }

    /// Takes note of what a slice tells of its revision; goes over to the next one where it is on air.
    pub(super) fn hear_revision(&mut self, now: Micros, slice: &Slice) -> Result<(), Rejection> {
        let fits = self.fits(slice);
        if !fits && self.next.is_none() {
            return Err(Rejection::ContradictsAnnouncement);
        }
        match self.heard.note(&slice.revision, fits) {
            Told::Same => {}
            Told::Other => return Err(Rejection::OtherRevision),
            Told::Changed => self.on_channel_changed(now, slice),
        }
        if self.fits(slice) { Ok(()) } else { Err(Rejection::ContradictsAnnouncement) }
    }

    /// Two senders on one group: goes over to the other one's image; whether there is one.
    pub(super) fn go_over(&mut self) -> bool {
        let mut heard = self.heard;
        let is_over = heard.go_over();
        if is_over {
            self.drop_held();
            self.heard = heard;
        }
        is_over
    }

    fn on_channel_changed(&mut self, now: Micros, slice: &Slice) {
        let heard = self.heard;
        if self.next.is_some() {
            self.switch_to_next(now);
        } else if !self.is_expected() && !self.has_companion() {
            // It was announced before it was on air, and what came until now is of the one before.
            self.drop_held();
        }
        if self.fits(slice) {
            self.heard = heard;
        }
    }
}
