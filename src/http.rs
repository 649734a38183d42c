//! Boot over HTTP, for boxes alone: `GET /<bootcast id>` answers the StbConfig that the line-up's
//! rules choose for a box, `GET /images/...` the images that are on air.
//!
//! ```text
//!  control ── offer, go_live ──> site: rules, StbConfigs, images   (swapped whole)
//!                                  │
//!  listener ─> connection ─> door ─┴─> metadata | images ─> access log
//! ```
//!
//! It has threads of its own, behind those that send. Everything a client can make it hold has a
//! bound: connections, header blocks, downloads, lines of the log.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Semaphore;

mod access_log;
mod answer;
mod door;
mod downloads;
mod images;
mod metadata;
mod patience;
mod ranges;
mod server;
mod site;
pub mod targeting;

use crate::telemetry::HttpMetrics;

use access_log::AccessLog;
use downloads::Downloads;
pub use site::Site;

/// What the endpoint is told.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Where it listens.
    pub address: SocketAddr,
    /// Most images sent at once; at 0 every image is refused for an hour.
    pub downloads: u32,
    /// Most connections at once, at least 1; others wait to be accepted.
    pub connections: u32,
    /// File of the access log; standard error, up to 100 lines a second, where `None`.
    pub log: Option<PathBuf>,
}

/// What every request is answered from.
struct Shared {
    site: site::Current,
    downloads: Arc<Downloads>,
    log: AccessLog,
    metrics: HttpMetrics,
    /// Places for connections.
    slots: Arc<Semaphore>,
    connections: usize,
}

impl Shared {
    /// Whether so many connections are open that none is kept for a further request.
    fn is_crowded(&self) -> bool {
        self.slots.available_permits() < self.connections / 4
    }
}

/// The endpoint. It ends, in the middle of answers, when this is dropped.
pub struct Http {
    shared: Arc<Shared>,
    server: server::Server,
    /// What is answered from when it is on air whole.
    next: Option<Site>,
}

impl Http {
    /// Listens. Nobody is answered before [`Http::go_live`].
    ///
    /// # Errors
    /// When the address cannot be listened on, or the log cannot be written.
    pub fn start(options: &HttpOptions) -> Result<Self, String> {
        let log = AccessLog::open(options.log.as_deref())?;
        let downloads = Arc::new(Downloads::new(options.downloads));
        let connections = usize::try_from(options.connections).unwrap_or(1).max(1);
        let slots = Arc::new(Semaphore::new(connections));
        let (site, metrics) = (site::Current::default(), HttpMetrics::default());
        let shared = Arc::new(Shared { site, downloads, log, metrics, slots, connections });
        let server = server::Server::start(options, Arc::clone(&shared))?;
        Ok(Self { shared, server, next: None })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// What is offered goes on air: its images can be had by their digests from now on, beside those it
    /// replaces, which can as long as they are on air. What it has killed is answered no more at once.
    pub fn offer(&mut self, next: Site) {
        if self.shared.site.get().has_killed_of(&next) {
            self.next = Some(next);
            return self.go_live();
        }
        self.shared.site.replace_with(|site| site.beside(&next));
        self.next = Some(next);
    }

    /// What was offered last is on air whole: rules, StbConfigs and names are its own from now on, for
    /// requests that begin now.
    pub fn go_live(&mut self) {
        if let Some(next) = self.next.take() {
            self.shared.site.replace_with(|site| next.beside(site));
        }
        self.server.open();
    }

    /// Opens the file of the access log again, which somebody may have renamed.
    pub fn reopen_log(&self) {
        self.shared.log.reopen();
    }
}
