//! Signed statements: what is taken, and what is not.

mod sample;
mod taken;
