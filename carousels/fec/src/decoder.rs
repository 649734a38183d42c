//! The box's door: the missing source symbols of a block.

use crate::error::{CodecError, SetupError};
use crate::geometry::Geometry;
use crate::identifiers::RepairId;
use crate::job::Job;
#[cfg(feature = "raptorq")]
use crate::raptorq;
use crate::scheme::Scheme;
use crate::stripes::width_within;
use crate::{rs8, rs16};

/// Where a box keeps what it received: source symbols at their place in the object, repair symbols
/// of unfinished blocks beside it.
pub trait Store {
    /// What storage says when it fails.
    type Error;

    /// Fills `into` with the object's bytes from `offset`. Only bytes of held source symbols are
    /// asked for, at most a symbol at a time, never beyond the object's end.
    ///
    /// # Errors
    /// When they cannot be read.
    fn read_source(&mut self, offset: u64, into: &mut [u8]) -> Result<(), Self::Error>;

    /// Fills `into` with bytes of a held repair symbol from `offset` within it.
    ///
    /// # Errors
    /// When they cannot be read.
    fn read_repair(
        &mut self,
        repair: RepairId,
        offset: usize,
        into: &mut [u8],
    ) -> Result<(), Self::Error>;

    /// Takes recovered bytes of the object at `offset`, part of a missing source symbol.
    ///
    /// # Errors
    /// When they cannot be written.
    fn write_source(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Self::Error>;
}

/// Recovers blocks of one object.
///
/// It holds no symbol: the box counts, asks [`Geometry::still_needed`], and calls
/// [`Decoder::recover`] when that is 0. Tables and work space are made at the first block that needs
/// them, so an object received whole costs nothing.
pub struct Decoder {
    geometry: Geometry,
    stripe_bytes: usize,
    codec: Codec,
}

enum Codec {
    Rs8(Option<rs8::ParityRows>),
    Rs16(Option<rs16::Decoder>),
    #[cfg(feature = "raptorq")]
    Raptorq,
}

impl Decoder {
    /// A decoder that keeps its work space within `memory_bytes`. Besides there are at most 160 KiB
    /// of rows and lists, and for `rs16` [`crate::RS16_TABLES_BYTES`] once in the process and 128 KiB
    /// on the stack. With 8 MiB the largest block of `rs16` is read in stripes of 256 columns.
    ///
    /// # Errors
    /// When the memory is too small for one stripe (`rs16` at K0 = 24,576: 2 MiB), for a block of
    /// RaptorQ, or when the scheme is not built in.
    pub fn new(geometry: Geometry, memory_bytes: usize) -> Result<Self, SetupError> {
        let scheme = geometry.scheme();
        let within = |bytes_per_column| {
            width_within(scheme, geometry.repair_bytes(), bytes_per_column, memory_bytes)
        };
        let (stripe_bytes, codec) = match scheme {
            Scheme::Rs8 => (within(rs8::decode_bytes_per_column(&geometry))?, Codec::Rs8(None)),
            Scheme::Rs16 => (within(rs16::decode_bytes_per_column(&geometry))?, Codec::Rs16(None)),
            #[cfg(feature = "raptorq")]
            Scheme::Raptorq => {
                let needed_bytes = raptorq::decode_bytes(&geometry);
                if needed_bytes > memory_bytes {
                    let given_bytes = memory_bytes;
                    return Err(SetupError::Memory { scheme, needed_bytes, given_bytes });
                }
                (geometry.repair_bytes(), Codec::Raptorq)
            }
            #[cfg(not(feature = "raptorq"))]
            Scheme::Raptorq => return Err(SetupError::NotBuilt { scheme }),
        };
        Ok(Self { geometry, stripe_bytes, codec })
    }

    /// What is decoded.
    pub const fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Passes over the symbols of a block that recovering it takes: one for each stripe.
    pub const fn passes(&self) -> usize {
        self.geometry.repair_bytes().div_ceil(self.stripe_bytes)
    }

    /// Recovers block `block`: `missing` are the indices of the source symbols it lacks, `repair`
    /// those of the repair symbols held, both rising. Virtual symbols are never missing. Every
    /// missing symbol has been written when it returns; after an error the missing symbols are as
    /// missing as before, whatever was written of them.
    ///
    /// # Errors
    /// When the lists make no sense or are too short, the store fails, or RaptorQ wants one more
    /// symbol ([`CodecError::Undecodable`]).
    pub fn recover<S: Store>(
        &mut self,
        block: u32,
        missing: &[u32],
        repair: &[u32],
        store: &mut S,
    ) -> Result<(), CodecError<S::Error>> {
        let job = Job::new(&self.geometry, block, missing, repair)?;
        if missing.is_empty() {
            return Ok(());
        }
        let scheme = self.geometry.scheme();
        let width = self.stripe_bytes;
        match &mut self.codec {
            Codec::Rs8(rows) => {
                let rows = made(rows, || rs8::ParityRows::new(&self.geometry))
                    .ok_or(CodecError::Backend { scheme })?;
                rs8::recover(rows, &job, width, store)
            }
            Codec::Rs16(codec) => made(codec, || rs16::Decoder::new(&self.geometry, width))
                .ok_or(CodecError::Backend { scheme })?
                .recover(&job, width, store),
            #[cfg(feature = "raptorq")]
            Codec::Raptorq => raptorq::recover(&job, store),
        }
    }
}

/// What is in `place`, made if it is not there.
fn made<T>(place: &mut Option<T>, make: impl FnOnce() -> Option<T>) -> Option<&mut T> {
    if place.is_none() {
        *place = make();
    }
    place.as_mut()
}
