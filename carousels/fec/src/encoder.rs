//! The headend's door: repair symbols of a block.

use core::ops::Range;

use crate::error::{CodecError, SetupError};
use crate::geometry::Geometry;
use crate::job::width;
#[cfg(feature = "raptorq")]
use crate::raptorq;
use crate::scheme::Scheme;
use crate::stripes::{Stripes, width_within};
use crate::{rs8, rs16};

/// Makes the repair symbols of an object, a block and a stripe at a time.
///
/// Blocks and stripes may come in any order and, with an encoder each, from several threads. The
/// repair store of a headend is filled so:
///
/// ```
/// use stbcast_fec::{Choice, Encoder, Geometry};
///
/// let object = vec![7_u8; 100_000];
/// let geometry = Geometry::plan(Choice::Auto, 100_000, 1_400, 1_428)?;
/// let mut encoder = Encoder::new(geometry, 1 << 20)?;
/// let mut written = 0;
/// for block in 0..geometry.blocks() {
///     for columns in encoder.stripes() {
///         let all = 0..geometry.repair_symbols(block);
///         encoder.encode(
///             block,
///             columns,
///             all,
///             |range| &object[range.start as usize..range.end as usize],
///             |_index, stripe| {
///                 written += stripe.len();
///                 Ok::<_, std::convert::Infallible>(())
///             },
///         )?;
///     }
/// }
/// assert_eq!(written, 183 * 1_400);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct Encoder {
    geometry: Geometry,
    stripe_bytes: usize,
    codec: Codec,
}

enum Codec {
    Rs8(rs8::ParityRows),
    Rs16(rs16::Encoder),
    #[cfg(feature = "raptorq")]
    Raptorq(raptorq::Encoder),
}

impl Encoder {
    /// An encoder that keeps its work space within `memory_bytes`. Besides there are at most 160 KiB
    /// of rows, and for `rs16` [`crate::RS16_TABLES_BYTES`] once in the process. `rs16` is
    /// the faster the wider its stripes: narrow ones visit every page of a block for a few bytes. The
    /// largest block takes 22 MiB in one stripe, 8 MiB in three.
    ///
    /// # Errors
    /// When the memory is too small for one stripe, or the scheme is not built in.
    pub fn new(geometry: Geometry, memory_bytes: usize) -> Result<Self, SetupError> {
        let scheme = geometry.scheme();
        let within = |bytes_per_column| {
            width_within(scheme, geometry.repair_bytes(), bytes_per_column, memory_bytes)
        };
        let refused = SetupError::NotBuilt { scheme };
        let (stripe_bytes, codec) = match scheme {
            Scheme::Rs8 => {
                let width = within(rs8::encode_bytes_per_column(&geometry))?;
                (width, Codec::Rs8(rs8::ParityRows::new(&geometry).ok_or(refused)?))
            }
            Scheme::Rs16 => {
                let width = within(rs16::encode_bytes_per_column(&geometry))?;
                (width, Codec::Rs16(rs16::Encoder::new(&geometry, width)))
            }
            #[cfg(feature = "raptorq")]
            Scheme::Raptorq => {
                let needed_bytes = raptorq::encode_bytes(&geometry);
                if needed_bytes > memory_bytes {
                    let given_bytes = memory_bytes;
                    return Err(SetupError::Memory { scheme, needed_bytes, given_bytes });
                }
                (usize::from(u16::MAX) + 1, Codec::Raptorq(raptorq::Encoder::new()))
            }
            #[cfg(not(feature = "raptorq"))]
            Scheme::Raptorq => return Err(refused),
        };
        Ok(Self { geometry, stripe_bytes, codec })
    }

    /// What is encoded.
    pub const fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The stripes to encode each block in; together they are whole repair symbols. RaptorQ has
    /// one.
    pub fn stripes(&self) -> Stripes {
        Stripes::new(self.geometry.repair_bytes(), self.stripe_bytes)
    }

    /// Encodes one stripe of one block and emits that stripe of each repair symbol whose index is
    /// in `repairs`, in order.
    ///
    /// `object` gives bytes of the object by range; it is asked once for each source symbol of the
    /// block, and never beyond the object's end. For `rs16` the cost does not depend on `repairs`;
    /// for RaptorQ a call costs the set-up of the block, so ask for many symbols at once.
    ///
    /// # Errors
    /// When block, columns or repair indices do not exist, `object` gives fewer bytes than asked
    /// for, or `emit` fails ([`CodecError::Store`]).
    pub fn encode<'a, E>(
        &mut self,
        block: u32,
        columns: Range<usize>,
        repairs: Range<u32>,
        mut object: impl FnMut(Range<u64>) -> &'a [u8],
        emit: impl FnMut(u32, &[u8]) -> Result<(), E>,
    ) -> Result<(), CodecError<E>> {
        let geometry = &self.geometry;
        if block >= geometry.blocks() {
            return Err(CodecError::Block { block, blocks: geometry.blocks() });
        }
        if repairs.end > geometry.repair_symbols(block) {
            return Err(CodecError::Symbol { index: repairs.end.saturating_sub(1) });
        }
        if !self.stripes().any(|stripe| stripe == columns) {
            return Err(CodecError::Columns { start: columns.start, end: columns.end });
        }
        let source = |index| {
            let range = geometry.stripe(block, index, &columns);
            let wanted = width(&range);
            let bytes: &'a [u8] = if wanted == 0 { &[] } else { object(range) };
            if bytes.len() == wanted {
                Ok(bytes)
            } else {
                Err(CodecError::Object { bytes: bytes.len(), wanted })
            }
        };
        let count = geometry.source_symbols(block);
        match &mut self.codec {
            Codec::Rs8(rows) => rs8::encode(rows, count, repairs, columns.len(), source, emit),
            Codec::Rs16(codec) => {
                codec.encode(geometry, count, repairs, columns.len(), source, emit)
            }
            #[cfg(feature = "raptorq")]
            Codec::Raptorq(codec) => codec.encode(geometry, count, repairs, source, emit),
        }
    }
}
