//! What can go wrong with a codec.

use crate::scheme::Scheme;

/// Why a codec cannot be set up for a geometry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// Not even the narrowest stripe fits.
    #[error("{scheme} needs {needed_bytes} bytes of memory here, {given_bytes} are allowed")]
    Memory {
        /// The scheme.
        scheme: Scheme,
        /// Least bytes that would do.
        needed_bytes: usize,
        /// Bytes the caller allows.
        given_bytes: usize,
    },
    /// The cargo feature of this codec is off.
    #[error("{scheme} is not built in")]
    NotBuilt {
        /// The scheme.
        scheme: Scheme,
    },
}

/// Why a block was not coded. `E` is what the caller's own storage says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError<E> {
    /// The object has no such block.
    #[error("block {block} of {blocks}")]
    Block {
        /// Block as asked for.
        block: u32,
        /// Blocks the object has.
        blocks: u32,
    },
    /// The byte columns are not one of [`crate::Encoder::stripes`].
    #[error("columns {start} to {end} are no stripe of this codec")]
    Columns {
        /// First column.
        start: usize,
        /// Column behind the last.
        end: usize,
    },
    /// A symbol index beyond the block, or not in rising order.
    #[error("symbol index {index} is out of range or out of order")]
    Symbol {
        /// The index.
        index: u32,
    },
    /// Too few symbols are held.
    #[error("{missing} more symbols are needed")]
    TooFew {
        /// Symbols that are lacking.
        missing: u32,
    },
    /// The object gave another number of bytes than it has at that place.
    #[error("the object gave {bytes} bytes for {wanted}")]
    Object {
        /// Bytes given.
        bytes: usize,
        /// Bytes asked for.
        wanted: usize,
    },
    /// These symbols do not suffice although they are enough in number; one more will do. Only
    /// RaptorQ says so, and rarely.
    #[error("block {block} wants another symbol")]
    Undecodable {
        /// The block.
        block: u32,
    },
    /// The crate that computes refused what was checked before: a fault in this program.
    #[error("{scheme} refused to compute")]
    Backend {
        /// The scheme.
        scheme: Scheme,
    },
    /// The caller's storage failed.
    #[error("storage: {0}")]
    Store(E),
}
