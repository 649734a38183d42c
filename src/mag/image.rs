//! Images of MAG boxes as files: looked at, verified, signed (MAG notes §1.6). What they are made of is in
//! [`stbcast_mag::image`].
//!
//! Images have 100 MB. They are read once, front to back, in pieces.

mod admit;
mod build;
mod child;
mod draft;
mod gpg;
mod openpgp;
mod read;

pub use admit::{admit, findings};
pub use build::{BuildError, Ingredient, Recipe, build};
pub use gpg::{Gpg, GpgError, Signer};
pub use openpgp::{Digests, Hash, KEY_BYTES_MAX, KeyError, PublicKeys, SignatureError, Signed};
pub use read::{Checked, Image, ImageError, other_hash};

#[cfg(test)]
mod tests;
