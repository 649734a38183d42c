//! When what is on the line-up is on air.

mod cron;
pub(crate) mod zone;

pub use cron::Cron;
