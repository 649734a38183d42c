//! `stbcast serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::complain;

use crate::control::Place;
use crate::http::HttpOptions;
use crate::serve::{ServeOptions, serve};
use crate::transmit::TransmitPath;

/// How datagrams go to the kernel.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Transmit {
    /// The best this kernel has.
    Auto,
    /// Batches segmented by the kernel or the card (UDP_SEGMENT).
    Gso,
    /// Batches in one system call.
    Sendmmsg,
    /// One system call for each datagram.
    Send,
}

impl Transmit {
    const fn path(self) -> Option<TransmitPath> {
        match self {
            Self::Auto => None,
            Self::Gso => Some(TransmitPath::Gso),
            Self::Sendmmsg => Some(TransmitPath::Sendmmsg),
            Self::Send => Some(TransmitPath::Send),
        }
    }
}

/// Stream a line-up until SIGINT or SIGTERM; SIGHUP reads it again.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Line-up: our TOML, a directory of `*.toml`, or a vendor's infocastconfig.xml or mcsend INI unchanged.
    line_up: PathBuf,
    /// Stop once every channel has completed this many cycles.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    cycles: Option<u64>,
    /// Interface for every channel, whatever the line-up says.
    #[arg(long, value_name = "NAME|ADDRESS")]
    interface: Option<String>,
    /// TTL for every channel, whatever the line-up says; 0 stays on this machine.
    #[arg(long, value_name = "N")]
    ttl: Option<u8>,
    /// Where what was killed is kept [default: the service's state directory, else `stbcast` in the
    /// user's].
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Where copies of what is on air are kept [default: a folder `spool` in the service's state
    /// directory, else in the user's cache directory].
    #[arg(long, value_name = "DIR")]
    spool: Option<PathBuf>,
    /// Most the spool may hold, in MiB.
    #[arg(long, value_name = "N", default_value_t = 8192)]
    spool_cap_mib: u64,
    /// Serve metrics for Prometheus at this address, as 127.0.0.1:9464.
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
    /// Answer boxes that boot over HTTP at this address, as 192.0.2.10:8080: StbConfigs by the
    /// [[target]] rules of the line-up, and the images on air. For boxes only, on their own network.
    #[arg(long, value_name = "ADDRESS")]
    http: Option<SocketAddr>,
    /// Most images sent over HTTP at once; who comes later is told when to come back. 0 sends none.
    #[arg(long, value_name = "N", default_value_t = 64, requires = "http")]
    http_downloads: u32,
    /// Most HTTP connections at once; others wait.
    #[arg(
        long, value_name = "N", default_value_t = 2_048, requires = "http",
        value_parser = clap::value_parser!(u32).range(1..=65_536)
    )]
    http_connections: u32,
    /// Write a line for each HTTP request to this file, which SIGHUP opens again [default: standard
    /// error, at most 100 lines a second].
    #[arg(long, value_name = "FILE", requires = "http")]
    http_log: Option<PathBuf>,
    /// Take the reports of MAG boxes that update themselves at this address, as 192.0.2.10:9005: TCP, logged and
    /// counted. DHCP tells boxes where (`stbcast dhcp --mag-log`). For boxes only, on their own network.
    #[arg(long, value_name = "ADDRESS")]
    mag_log: Option<SocketAddr>,
    /// How datagrams go to the kernel; for cards whose segmentation offload is broken.
    #[arg(long, value_enum, default_value = "auto")]
    transmit: Transmit,
}

impl Arguments {
    pub(super) fn run(self) -> ExitCode {
        let Some(spool) = self.spool.or_else(default_spool) else {
            complain("error: no home directory to keep the spool in; say where with --spool DIR");
            return ExitCode::FAILURE;
        };
        let http = self.http.map(|address| HttpOptions {
            address,
            downloads: self.http_downloads,
            connections: self.http_connections,
            log: self.http_log,
        });
        let options = ServeOptions {
            line_up: self.line_up,
            cycles: self.cycles,
            interface: self.interface,
            ttl: self.ttl,
            state: self.state.or_else(|| Place::own().map(|place| place.state)),
            spool,
            spool_cap_bytes: self.spool_cap_mib.saturating_mul(1 << 20),
            metrics: self.metrics,
            transmit: self.transmit.path(),
            http,
            mag_log: self.mag_log,
        };
        match serve(options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                complain(format_args!("error: {error}"));
                ExitCode::FAILURE
            }
        }
    }
}

/// Under systemd the state directory; for a person the cache directory.
fn default_spool() -> Option<PathBuf> {
    let directory = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let state = directory("STATE_DIRECTORY").map(|state| state.join("spool"));
    let cache = || directory("XDG_CACHE_HOME").filter(|path| path.is_absolute());
    let home = || directory("HOME").map(|home| home.join(".cache"));
    state.or_else(|| cache().or_else(home).map(|cache| cache.join("stbcast").join("spool")))
}
