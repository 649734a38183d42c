//! A datagram before it is gathered: parts, so that image bytes are never copied.

use core::ops::Range;

use arrayvec::ArrayVec;

/// Bytes in front of the slice: protocol header, and small payloads made at send time.
pub type Head = ArrayVec<u8, 64>;

/// Bytes behind the slice: the trailer of a precoding.
pub type Tail = ArrayVec<u8, 4>;

/// One datagram as `head + object[body] + tail`. The sender gathers the three from where they lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Which object of the carousel `body` points into, by its place in the line-up.
    pub object: usize,
    /// Bytes in front.
    pub head: Head,
    /// Byte range of the object; may be empty.
    pub body: Range<u64>,
    /// Bytes behind.
    pub tail: Tail,
}

impl Datagram {
    /// Bytes of UDP payload.
    pub fn bytes(&self) -> usize {
        let body = self.body.end.saturating_sub(self.body.start);
        self.head.len() + usize::try_from(body).unwrap_or(usize::MAX) + self.tail.len()
    }
}
