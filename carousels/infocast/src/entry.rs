//! One object of a carousel, ready to be sent.

use alloc::sync::Arc;

use stbcast_object::{Datagram, Head, Micros, Slices, Tail};

use crate::check::compute;
use crate::{Check, Coverage, HEADER_BYTES, Header, Name, ObjectType, Precoding};

/// An object with its place on the wire. Made once per revision.
#[derive(Clone, Debug)]
pub struct Entry {
    name: Name,
    object_type: ObjectType,
    precoding: Precoding,
    check: Option<Check>,
    delay: Micros,
    content: Content,
    /// The encoded header of the first packet; only the number differs in the others.
    head: [u8; HEADER_BYTES],
    trailers: Trailers,
}

/// Where the bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Bytes the sender holds, cut into slices.
    Stored(Slices),
    /// Decimal Unix seconds, made at send time: one packet.
    UnixTime,
}

impl Content {
    const fn packets(&self) -> u32 {
        match self {
            Self::Stored(slices) => slices.count(),
            Self::UnixTime => 1,
        }
    }
}

/// Trailer values of a revision, computed once.
#[derive(Clone, Debug, Default)]
pub enum Trailers {
    /// The precoding has none, or they are made at send time.
    #[default]
    None,
    /// One per slice.
    PerSlice(Arc<[u32]>),
    /// The same on every packet.
    Same(u32),
}

/// Why an object cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// SHA-1 and unknown codes: nobody knows what a box expects behind the slice.
    #[error(
        "precoding {0} is never sent: legal are none, crc16, crc32 and the numbers 0, 1, 2, 4, 0x4000"
    )]
    Precoding(Precoding),
    /// The check's result does not fit the precoding's trailer.
    #[error("{check} makes {made} bytes, but precoding {precoding} carries {carried}")]
    CheckWidth {
        /// The check as stated.
        check: Check,
        /// Bytes it makes.
        made: usize,
        /// The precoding.
        precoding: Precoding,
        /// Bytes it carries.
        carried: usize,
    },
}

impl Entry {
    /// An object without its trailers. `check` is the default of the precoding where `None`;
    /// `delay` is the least span between two passes of the object.
    ///
    /// # Errors
    /// When the precoding cannot be sent or the check does not fit it.
    pub fn new(
        name: Name,
        object_type: ObjectType,
        precoding: Precoding,
        check: Option<Check>,
        content: Content,
    ) -> Result<Self, EntryError> {
        if !precoding.can_be_sent() {
            return Err(EntryError::Precoding(precoding));
        }
        let carried = precoding.trailer_bytes();
        let check = check.or(Check::default_for(carried));
        if let Some(check) = check {
            let made = check.algorithm.bytes();
            if made != carried {
                return Err(EntryError::CheckWidth { check, made, precoding, carried });
            }
        }
        let head = Header { object_type, precoding, number: 1, total: content.packets(), name };
        let (delay, head, trailers) = (Micros::ZERO, head.encode(), Trailers::None);
        Ok(Self { name, object_type, precoding, check, delay, content, head, trailers })
    }

    /// Sets the least span between two passes of this object.
    #[must_use]
    pub fn with_delay(mut self, delay: Micros) -> Self {
        self.delay = delay;
        self
    }

    /// Computes the trailers over the object's `bytes`, once per revision (4 bytes a slice).
    #[must_use]
    pub fn with_trailers_over(mut self, bytes: &[u8]) -> Self {
        let (Some(check), Content::Stored(slices)) = (self.check, self.content) else {
            return self;
        };
        if check.coverage == Coverage::Object {
            self.trailers = Trailers::Same(compute(check.algorithm, &[bytes]));
            return self;
        }
        let one = |index| {
            let range = slices.range(index);
            let end = usize::try_from(range.end).unwrap_or(usize::MAX);
            let start = usize::try_from(range.start).unwrap_or(usize::MAX);
            let slice = bytes.get(start..end).unwrap_or_default();
            self.trailer_over(check, index, slice)
        };
        self.trailers = Trailers::PerSlice((0..slices.count()).map(one).collect());
        self
    }

    fn trailer_over(&self, check: Check, index: u32, slice: &[u8]) -> u32 {
        match check.coverage {
            Coverage::Header => compute(check.algorithm, &[&self.head(index), slice]),
            Coverage::Payload | Coverage::Object => compute(check.algorithm, &[slice]),
        }
    }

    /// Object name.
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// Type code.
    pub const fn object_type(&self) -> ObjectType {
        self.object_type
    }

    /// Where the bytes come from.
    pub const fn content(&self) -> &Content {
        &self.content
    }

    /// Least span between two passes.
    pub const fn delay(&self) -> Micros {
        self.delay
    }

    /// Packets of one pass.
    pub const fn packets(&self) -> u32 {
        self.content.packets()
    }

    /// Bytes of the object; the longest the time can be for [`Content::UnixTime`].
    pub const fn length(&self) -> u64 {
        match &self.content {
            Content::Stored(slices) => slices.length(),
            Content::UnixTime => 10,
        }
    }

    /// Bytes each packet carries besides the slice.
    pub const fn overhead_bytes(&self) -> usize {
        HEADER_BYTES + self.precoding.trailer_bytes()
    }

    /// The encoded header of slice `index`.
    fn head(&self, index: u32) -> [u8; HEADER_BYTES] {
        let mut head = self.head;
        Header::renumber(&mut head, index.saturating_add(1));
        head
    }

    /// The datagram of slice `index`. `object` is this entry's place in the carousel.
    pub(crate) fn datagram(&self, object: usize, index: u32, unix_seconds: u64) -> Datagram {
        let mut head = Head::new();
        let _ = head.try_extend_from_slice(&self.head(index));
        let (body, value) = match &self.content {
            Content::Stored(slices) => {
                let value = match &self.trailers {
                    Trailers::None => 0,
                    Trailers::Same(value) => *value,
                    Trailers::PerSlice(values) => {
                        values.get(index as usize).copied().unwrap_or_default()
                    }
                };
                (slices.range(index), value)
            }
            Content::UnixTime => {
                let digits = Digits::of(unix_seconds);
                // 44 bytes of header and at most 20 digits fill the 64 bytes of a head.
                let _ = head.try_extend_from_slice(digits.as_bytes());
                let value =
                    self.check.map_or(0, |c| self.trailer_over(c, index, digits.as_bytes()));
                (0..0, value)
            }
        };
        let tail = self.check.map_or_else(Tail::new, |check| check.write(value));
        Datagram { object, head, body, tail }
    }
}

/// A number in decimal, without an allocation.
struct Digits {
    bytes: [u8; 20],
    start: usize,
}

impl Digits {
    fn of(mut number: u64) -> Self {
        let mut digits = Self { bytes: [b'0'; 20], start: 20 };
        for byte in digits.bytes.iter_mut().rev() {
            *byte = b'0' + u8::try_from(number % 10).unwrap_or_default();
            number /= 10;
            digits.start -= 1;
            if number == 0 {
                break;
            }
        }
        digits
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}
