//! What a boot is told.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use stbcast_bootcast::{BootQuery, Host, HttpUrl, Order, Part, TftpUrl, UrlError};
use stbcast_infocast::Name;
use stbcast_object::{Group, Micros};

use crate::limits;
use crate::{FetchOptions, Role, TftpOptions, UnicastOptions};

/// What a boot is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootOptions {
    /// The metadata channel.
    pub metadata: Group,
    /// Name of the control object: the bootcast id of the model.
    pub bootcast_id: Name,
    /// Versions the store holds.
    pub stored: StoredVersions,
    /// Whether the diagnostic image is wanted too.
    pub diagnostic: bool,
    /// In which order images are asked for.
    pub orders: Orders,
    /// Whether an image that is held is used without asking for the version on air.
    pub ignore_version: bool,
    /// Silence after which an attempt fails.
    pub timeout: Micros,
    /// Attempts for control object and boot image, at least 1.
    pub attempts: u8,
    /// The only sender accepted; any, when `None`.
    pub source: Option<IpAddr>,
    /// Largest image accepted, in bytes.
    pub length_max: u64,
    /// The announce session, by which images are fetched; the control object is not.
    pub announce: Option<Group>,
    /// As [`FetchOptions::memory_bytes`].
    pub memory_bytes: usize,
    /// As [`FetchOptions::unicast`].
    pub unicast: Option<UnicastOptions>,
    /// What web servers are told of the box. Product and versions are filled in by the boot.
    pub query: BootQuery,
    /// The web server that has the StbConfig.
    pub http: Option<HttpBoot>,
    /// The TFTP servers that have the images.
    pub tftp: Option<TftpBoot>,
}

/// The order for each part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orders {
    /// Boot image.
    pub kernel: Order,
    /// Splash.
    pub splash: Order,
    /// Diagnostic image.
    pub diagnostic: Order,
}

impl Orders {
    pub(super) const fn get_mut(&mut self, part: Part) -> &mut Order {
        match part {
            Part::Kernel => &mut self.kernel,
            Part::Splash => &mut self.splash,
            Part::Diagnostic => &mut self.diagnostic,
        }
    }

    /// The same order for all parts.
    pub fn all(order: &Order) -> Self {
        Self { kernel: order.clone(), splash: order.clone(), diagnostic: order.clone() }
    }

    /// The order for one part.
    pub const fn get(&self, part: Part) -> &Order {
        match part {
            Part::Kernel => &self.kernel,
            Part::Splash => &self.splash,
            Part::Diagnostic => &self.diagnostic,
        }
    }
}

/// A web server that has the StbConfig of a box at `URL/BOOTCAST-ID`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpBoot {
    /// Where it is; the bootcast id and the parameters come behind it.
    pub url: HttpUrl,
    /// Silence after which an attempt fails.
    pub timeout: Micros,
    /// Attempts, at least 1.
    pub attempts: u8,
}

impl HttpBoot {
    /// A server with the patience of a box that is told none.
    pub const fn new(url: HttpUrl) -> Self {
        Self { url, timeout: limits::TIMEOUT, attempts: limits::ATTEMPTS }
    }
}

/// TFTP servers that have the images, tried in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TftpBoot {
    /// One to four of them.
    pub servers: Vec<Host>,
    /// File of the boot image.
    pub kernel: String,
    /// File of the splash.
    pub splash: String,
    /// File of the diagnostic image, where there is one.
    pub diagnostic: Option<String>,
    /// How often all of them are tried, at least 1.
    pub pool_attempts: u8,
    /// How often each is tried before the next one, at least 1.
    pub node_attempts: u8,
    /// How they are asked.
    pub options: TftpOptions,
}

impl TftpBoot {
    /// Servers with the file names of boxes that are told none (Infocast notes §8.2).
    pub fn new(servers: Vec<Host>) -> Self {
        Self {
            servers,
            kernel: "default_kernel".to_string(),
            splash: "default_splash".to_string(),
            diagnostic: None,
            pool_attempts: 1,
            node_attempts: limits::ATTEMPTS,
            options: TftpOptions::default(),
        }
    }

    /// Names the files of boot image, splash and diagnostic image; those that are `None` stay.
    ///
    /// # Errors
    /// When a server could not be asked for one.
    pub fn name_files(
        &mut self,
        [kernel, splash, diagnostic]: [Option<&str>; 3],
    ) -> Result<(), UrlError> {
        for name in [kernel, splash, diagnostic].into_iter().flatten() {
            TftpUrl::new(Host::new("localhost")?, TftpUrl::PORT, name)?;
        }
        self.kernel = kernel.map_or_else(|| self.kernel.clone(), ToString::to_string);
        self.splash = splash.map_or_else(|| self.splash.clone(), ToString::to_string);
        self.diagnostic = diagnostic.map(ToString::to_string).or_else(|| self.diagnostic.take());
        Ok(())
    }

    /// The file of a part.
    pub fn file(&self, part: Part) -> Option<&str> {
        match part {
            Part::Kernel => Some(&self.kernel),
            Part::Splash => Some(&self.splash),
            Part::Diagnostic => self.diagnostic.as_deref(),
        }
    }
}

impl BootOptions {
    /// The defaults of the vendor's boot loader.
    pub fn new(metadata: Group, bootcast_id: Name) -> Self {
        Self {
            metadata,
            bootcast_id,
            stored: StoredVersions::default(),
            diagnostic: false,
            orders: Orders::all(&Order::usual()),
            ignore_version: false,
            timeout: limits::TIMEOUT,
            attempts: limits::ATTEMPTS,
            source: None,
            length_max: limits::OBJECT_BYTES_MAX,
            announce: None,
            memory_bytes: limits::MEMORY_BYTES,
            unicast: None,
            query: BootQuery::default(),
            http: None,
            tftp: None,
        }
    }

    /// What a web server is told: who the box is and what it holds.
    pub(super) fn whole_query(&self) -> BootQuery {
        let mut query = self.query.clone();
        query.product.get_or_insert_with(|| self.bootcast_id.to_string());
        query.kernel_version = query.kernel_version.or_else(|| self.stored.kernel.clone());
        query.splash_version = query.splash_version.or_else(|| self.stored.splash.clone());
        query.diagnostic_version =
            query.diagnostic_version.or_else(|| self.stored.diagnostic.clone());
        query
    }

    /// The version that is held of a part and may be used.
    pub(super) fn usable(&self, part: Part) -> Option<&String> {
        self.stored.get(part).filter(|_| self.orders.get(part).has_local())
    }

    pub(super) fn fetch_options(&self, role: Role) -> FetchOptions {
        FetchOptions {
            timeout: self.timeout,
            attempts: self.attempts,
            source: self.source,
            length_max: self.length_max,
            announce: self.announce,
            memory_bytes: self.memory_bytes,
            unicast: self.unicast.clone(),
            role,
            ..FetchOptions::default()
        }
    }
}

/// Versions of what the store holds; `None` where it holds nothing usable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredVersions {
    /// Boot image.
    pub kernel: Option<String>,
    /// Splash.
    pub splash: Option<String>,
    /// Diagnostic image.
    pub diagnostic: Option<String>,
}

impl StoredVersions {
    /// The version of one part.
    pub const fn get(&self, part: Part) -> Option<&String> {
        match part {
            Part::Kernel => self.kernel.as_ref(),
            Part::Splash => self.splash.as_ref(),
            Part::Diagnostic => self.diagnostic.as_ref(),
        }
    }
}
