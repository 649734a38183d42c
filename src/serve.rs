//! Serving a line-up until somebody says stop. Tokio is here for signals and control alone; the
//! sending threads send.

use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::http::HttpOptions;
use crate::lineup::Finding;
use crate::telemetry;
use crate::transmit::TransmitPath;

mod desk;
mod headend;
mod load;
mod log;
use headend::Headend;

/// What `serve` is told.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The line-up file; read again on SIGHUP.
    pub line_up: PathBuf,
    /// Stop once every channel has completed this many cycles.
    pub cycles: Option<u64>,
    /// Interface for every channel, whatever the file says.
    pub interface: Option<String>,
    /// TTL for every channel, whatever the file says.
    pub ttl: Option<u8>,
    /// Directory of what outlives the program beside the spool: what was killed. Nothing does, where
    /// `None`.
    pub state: Option<PathBuf>,
    /// Directory of the spool.
    pub spool: PathBuf,
    /// Most bytes the spool may hold.
    pub spool_cap_bytes: u64,
    /// Where to serve metrics.
    pub metrics: Option<SocketAddr>,
    /// How datagrams go to the kernel; the best there is, where `None`.
    pub transmit: Option<TransmitPath>,
    /// Where and how boxes are answered over HTTP; not at all, where `None`.
    pub http: Option<HttpOptions>,
    /// Where reports of MAG boxes are taken; nowhere, where `None`.
    pub mag_log: Option<SocketAddr>,
}

/// Why a line-up is not served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The line-up cannot go on air.
    #[error("{} is refused:{}", path.display(), list(findings))]
    Refused {
        /// The line-up file.
        path: PathBuf,
        /// The errors.
        findings: Vec<Finding>,
    },
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

fn list(findings: &[Finding]) -> String {
    findings.iter().map(|finding| format!("\n  {finding}")).collect()
}

fn other(doing: &'static str) -> impl Fn(std::io::Error) -> ServeError {
    move |error| ServeError::Other(format!("cannot {doing}: {error}"))
}

/// Serves until SIGINT or SIGTERM, or until the cycles asked for are complete.
///
/// # Errors
/// When the line-up cannot go on air, or the machine lacks what it takes.
pub fn serve(options: ServeOptions) -> Result<(), ServeError> {
    serve_until(options, std::future::pending())
}

/// As [`serve`], and until `stop` is ready, for programs that embed the headend.
///
/// # Errors
/// As [`serve`].
pub fn serve_until(
    options: ServeOptions,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(other("start the control thread"))?;
    let served = runtime.block_on(async {
        let [interrupt, terminate, reload] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        let signals = Signals {
            interrupt: interrupt.map_err(other("handle SIGINT"))?,
            terminate: terminate.map_err(other("handle SIGTERM"))?,
            reload: reload.map_err(other("handle SIGHUP"))?,
        };
        if let Some(address) = options.metrics {
            telemetry::serve(address).map_err(ServeError::Other)?;
            tracing::info!("metrics at http://{address}/metrics");
        }
        Headend::start(options)?.run(signals, stop).await
    });
    // A source that is still being copied is not waited for.
    runtime.shutdown_background();
    served
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    reload: Signal,
}

/// One socket per channel: the usual soft limit of 1,024 is too low for a large line-up.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!("the limit of open files stays as it is: {error}");
    }
}
