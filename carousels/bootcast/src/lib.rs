//! Boot metadata: what tells a box where its images are, and what a box tells of itself.
//!
//! - [`BootcastInfo`], the few lines of text of a metadata channel;
//! - [`StbConfig`], the XML document that web servers answer with, and its URLs ([`SourceUrl`]);
//! - [`reboot::RebootRequests`], the XML document by which boxes that are on are told to reboot;
//! - [`BootQuery`], the parameters that boxes send to a web server;
//! - [`mag`] and [`dune`], what boxes of other families read.
//!
//! A bootcast information:
//!
//! ```text
//! bc_kernel_addr 239.255.2.11:22222
//! bc_kernel_name software_1963
//! bc_kernel_version 4.6.1
//! bc_splash_addr 239.255.2.13:22222
//! ...
//! ```
//!
//! Keys and rules: Infocast notes §4. The vendor's server checks nothing; [`BootcastInfo::parse`]
//! checks everything a box would trip over, and [`BootcastInfo`] writes itself by `Display`.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod dune;
mod info;
pub mod mag;
mod order;
mod query;
pub mod reboot;
mod stable;
pub mod stbconfig;
mod url;

pub use info::{BootcastInfo, ImageRef, InfoError, Part, TEXT_BYTES_MAX};
pub use order::{Order, OrderError, Protocol};
pub use query::BootQuery;
pub use stable::{delay, permille};
pub use stbconfig::{StbConfig, StbConfigError};
pub use url::{Host, HttpUrl, SourceUrl, TftpUrl, URL_BYTES_MAX, UrlError};
