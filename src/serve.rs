//! Serving a line-up until somebody says stop. Tokio is here for signals and control alone; the
//! sending threads send.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinError, JoinHandle};

use crate::announced::Numbers;
use crate::http::{Http, HttpOptions, Site};
use crate::lineup::{self, Finding, LineUp, Trust};
use crate::onair::{Drivers, Report};
use crate::programme::{self, ChannelProgramme, Programme};
use crate::publish::Publisher;
use crate::spool::Spool;
use crate::telemetry;
use crate::transmit::TransmitPath;

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

struct Headend {
    options: ServeOptions,
    /// Away while a line-up is being loaded.
    house: Option<House>,
    loading: Option<JoinHandle<Loaded>>,
    /// Whether the file is to be read once more, because it changed while it was loaded.
    again: bool,
    publisher: Publisher,
    http: Option<Http>,
    reports: UnboundedReceiver<Report>,
    /// The documents of a line-up that is being loaded, as soon as they are known.
    documents: (UnboundedSender<Documents>, UnboundedReceiver<Documents>),
    settled: u64,
}

/// The statements that a line-up names.
type Documents = Vec<Arc<[u8]>>;

/// What a line-up is loaded with, and what outlives it.
struct House {
    spool: Spool,
    numbers: Numbers,
}

/// The house back, and what became of the line-up.
type Loaded = (House, Result<Programme, ServeError>);

/// Waits for a load; for ever, while there is none.
async fn loaded(loading: &mut Option<JoinHandle<Loaded>>) -> Result<Loaded, JoinError> {
    match loading {
        Some(handle) => {
            let loaded = handle.await;
            *loading = None;
            loaded
        }
        None => std::future::pending().await,
    }
}

/// Waits until then; for ever, where there is nothing to wait for.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

impl Headend {
    fn start(options: ServeOptions) -> Result<Self, ServeError> {
        raise_descriptor_limit();
        let spool = Spool::open(&options.spool, options.spool_cap_bytes)
            .map_err(|error| ServeError::Other(error.to_string()))?;
        let (told, reports) = unbounded_channel();
        let path = options.transmit.unwrap_or_else(TransmitPath::probe);
        let publisher = Publisher::new(Drivers::new(told), path);
        let house = Some(House { spool, numbers: Numbers::default() });
        let http = options.http.as_ref().map(Http::start).transpose().map_err(ServeError::Other)?;
        let mut headend = Self {
            options,
            house,
            loading: None,
            again: false,
            publisher,
            http,
            reports,
            documents: unbounded_channel(),
            settled: 0,
        };
        headend.load();
        Ok(headend)
    }

    async fn run(
        mut self,
        mut signals: Signals,
        stop: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                _ = signals.interrupt.recv() => break tracing::info!("SIGINT: stopping"),
                _ = signals.terminate.recv() => break tracing::info!("SIGTERM: stopping"),
                _ = signals.reload.recv() => {
                    tracing::info!("SIGHUP: reading {} again", self.options.line_up.display());
                    if let Some(http) = &self.http {
                        http.reopen_log();
                    }
                    self.load();
                }
                Some(documents) = self.documents.1.recv() => {
                    self.publisher.withdraw_others(documents);
                }
                loaded = loaded(&mut self.loading) => self.on_loaded(loaded)?,
                () = until(self.publisher.due()) => {
                    let published = self.publisher.on_time(Instant::now());
                    published.map_err(|error| ServeError::Other(error.to_string()))?;
                }
                Some(report) = self.reports.recv() => {
                    if let Some(Report::CyclesDone { .. }) = self.on_report(report)? {
                        break tracing::info!("all cycles are complete");
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads the file and copies its sources beside the control thread, which stays responsive.
    fn load(&mut self) {
        let Some(mut house) = self.house.take() else {
            self.again = true;
            return;
        };
        let (options, documents) = (self.options.clone(), self.documents.0.clone());
        self.loading = Some(tokio::task::spawn_blocking(move || {
            let programme = load(&options, &mut house, &documents);
            (house, programme)
        }));
    }

    /// The first line-up must go on air. A later one that is bad is refused with the reason, and
    /// the old one stays on air.
    fn on_loaded(&mut self, loaded: Result<Loaded, JoinError>) -> Result<(), ServeError> {
        let (house, programme) = loaded.map_err(|error| ServeError::Other(error.to_string()))?;
        if let Ok(bytes) = house.spool.used_bytes() {
            telemetry::store_bytes(bytes);
        }
        self.house = Some(house);
        while let Ok(documents) = self.documents.1.try_recv() {
            self.publisher.withdraw_others(documents);
        }
        let published = programme.and_then(|programme| self.publish(programme));
        if let Err(error) = published {
            if self.publisher.generation() == 0 {
                return Err(error);
            }
            self.publisher.refuse();
            telemetry::reload_failed();
            tracing::error!("{error}\n  the old line-up stays on air");
        }
        if std::mem::take(&mut self.again) {
            self.load();
        }
        Ok(())
    }

    fn on_report(&mut self, report: Report) -> Result<Option<Report>, ServeError> {
        let report = self.publisher.on_report(report);
        let report = report.map_err(|error| ServeError::Other(error.to_string()))?;
        match &report {
            Some(Report::OnAir { channel, .. }) => tracing::info!("channel {channel}: on air"),
            Some(Report::Retired { channel, .. }) => {
                tracing::info!("channel {channel}: off the air");
            }
            Some(Report::Broken) => {
                return Err(ServeError::Other("a sending thread failed".to_owned()));
            }
            Some(Report::CyclesDone { .. } | Report::Ending { .. } | Report::Spent(_)) | None => {}
        }
        self.settle();
        Ok(report)
    }

    /// Tells when a line-up is on air whole.
    fn settle(&mut self) {
        if !self.publisher.is_settled() || self.settled == self.publisher.generation() {
            return;
        }
        // The first line-up may have been overtaken before it was on air whole.
        let before = std::mem::replace(&mut self.settled, self.publisher.generation());
        // Only now does multicast carry what a new StbConfig names.
        if let Some(http) = &mut self.http {
            http.go_live();
            if before == 0 {
                tracing::info!("boxes are answered at http://{}/", http.address());
            }
        }
        tracing::info!("line-up {} is on air", self.settled);
        telemetry::generation(self.settled);
        if let (0, Some(cycles)) = (before, self.options.cycles) {
            self.publisher.report_cycles(cycles);
        }
    }

    /// Everything that can be refused is done before anything changes on air.
    fn publish(&mut self, programme: Programme) -> Result<(), ServeError> {
        for caution in self.publisher.cautions(&programme) {
            tracing::warn!("{caution}");
        }
        if self.http.is_some() && programme.targets.is_empty() {
            tracing::warn!(
                "no [[target]] in the line-up: boxes that ask for a StbConfig are answered 404"
            );
        }
        describe(&programme);
        telemetry::statements(programme.statements.len(), programme.statements_expire);
        let site = self.http.as_ref().map(|_| Site::of(&programme));
        let changes = self.publisher.publish(programme);
        let changes = changes.map_err(|error| ServeError::Other(error.to_string()))?;
        tracing::info!(
            "line-up {}: {} channels change, {} stay, {} leave",
            self.publisher.generation(),
            changes.changed,
            changes.unchanged,
            changes.retired
        );
        if let (Some(http), Some(site)) = (&mut self.http, site) {
            http.offer(site);
        }
        // Where nothing changes nobody reports.
        self.settle();
        Ok(())
    }
}

fn load(
    options: &ServeOptions,
    house: &mut House,
    documents: &UnboundedSender<Documents>,
) -> Result<Programme, ServeError> {
    let line_up = read(options, documents)?;
    let path = &options.line_up;
    programme::load(&line_up, &mut house.spool, &mut house.numbers)
        .map_err(|findings| ServeError::Refused { path: path.clone(), findings })
}

/// Reads the line-up and applies what the command line overrides.
fn read(
    options: &ServeOptions,
    documents: &UnboundedSender<Documents>,
) -> Result<LineUp, ServeError> {
    let path: &Path = &options.line_up;
    let reading = lineup::read(path);
    let mut line_up = reading.line_up.clone().ok_or_else(|| ServeError::Refused {
        path: path.to_owned(),
        findings: reading.errors().cloned().collect(),
    })?;
    // What is withdrawn does not wait for what is copied.
    let named = line_up.trust.iter().flat_map(Trust::documents);
    let _ = documents.send(named.map(|document| Arc::clone(&document.bytes)).collect());
    let plan = crate::plan::plan(&line_up, reading.findings);
    if !plan.is_fit() {
        return Err(ServeError::Refused { path: path.to_owned(), findings: plan.errors });
    }
    for warning in &plan.warnings {
        tracing::warn!("{}: {warning}", path.display());
    }
    let channels = line_up.channels.iter_mut().map(|it| (&mut it.ttl, &mut it.interface));
    let announce = line_up.announce.as_mut().map(|it| (&mut it.ttl, &mut it.interface));
    for (ttl, interface) in channels.chain(announce) {
        *ttl = options.ttl.unwrap_or(*ttl);
        *interface = options.interface.clone().or_else(|| interface.take());
    }
    Ok(line_up)
}

fn describe(programme: &Programme) {
    let companions = programme.channels.iter().filter_map(|it| it.companion.as_deref());
    let sessions = companions.chain(&programme.announce);
    for ChannelProgramme { channel, carousel, .. } in &programme.channels {
        let cycle = carousel.cycle_span(channel.bit_rate_bps, channel.group.ip_udp_bytes());
        tracing::info!(
            "channel {}: {} at {} bit/s of IP, ttl {}, {} objects in {:.1} s",
            channel.name,
            channel.group,
            channel.bit_rate_bps,
            channel.ttl,
            channel.objects.len(),
            cycle.as_secs_f64()
        );
    }
    for ChannelProgramme { channel, .. } in sessions {
        tracing::info!(
            "channel {}: {} at {} bit/s of IP, ttl {}",
            channel.name,
            channel.group,
            channel.bit_rate_bps,
            channel.ttl
        );
    }
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
