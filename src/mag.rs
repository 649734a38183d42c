//! What only MAG boxes have: their channels, the images that they write to flash, and what they report.
//! The protocol and the container itself are the crate `stbcast-mag`.

pub(crate) mod channel;
pub mod image;
pub(crate) mod log;
