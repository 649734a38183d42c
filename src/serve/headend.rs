//! The control: what is loaded, what of it is on air, and what changes that.

use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::desk::{self, Desk};
use super::load::{Documents, House, Loaded, load, loaded};
use super::{ServeError, ServeOptions, Signals, log, raise_descriptor_limit};
use crate::announced::Numbers;
use crate::control::Reloaded;
use crate::http::{Http, Site};
use crate::interface;
use crate::killed;
use crate::lists::gone;
use crate::mag::log::MagLog;
use crate::onair::{Drivers, Report};
use crate::programme::{Programme, Stock};
use crate::publish::{Changes, Publisher};
use crate::roster::Roster;
use crate::spool::Spool;
use crate::systemd::Service;
use crate::telemetry;
use crate::transmit::{Sockets, TransmitError, TransmitPath};
use crate::vendor_sender::VendorSenders;
use crate::{clock, dates};

mod follow;

/// How often the control looks at the clock and at files.
const TICK: Duration = Duration::from_millis(250);

/// A headend at work.
pub(super) struct Headend {
    pub(super) options: ServeOptions,
    /// Away while a line-up is being loaded.
    pub(super) house: Option<House>,
    loading: Option<JoinHandle<Loaded>>,
    /// Whether the file is to be read once more, because it changed while it was loaded.
    again: bool,
    /// What is loaded, and who of it is on air.
    pub(super) stock: Option<(Stock, Roster)>,
    pub(super) killed: Option<killed::Watch>,
    /// When a change that failed is tried again.
    retry: Option<Instant>,
    /// Days since 1970 when the control last looked.
    day: u64,
    pub(super) publisher: Publisher,
    pub(super) vendors: VendorSenders,
    interfaces: interface::Watch,
    pub(super) http: Option<Http>,
    pub(super) mag_log: Option<MagLog>,
    reports: UnboundedReceiver<Report>,
    /// The documents of a line-up that is being loaded, as soon as they are known.
    documents: (UnboundedSender<Documents>, UnboundedReceiver<Documents>),
    settled: u64,
    /// Those who ask.
    pub(super) desk: Desk,
    service: Service,
}

/// Waits until then; for ever, where there is nothing to wait for.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

impl Headend {
    pub(super) fn start(options: ServeOptions) -> Result<Self, ServeError> {
        raise_descriptor_limit();
        let desk = Desk::open(&options)?;
        let spool = Spool::open(&options.spool, options.spool_cap_bytes)
            .map_err(|error| ServeError::Other(error.to_string()))?;
        let killed =
            options.state.as_ref().map(|state| killed::Watch::open(&state.join(killed::FILE_NAME)));
        let killed = killed.transpose().map_err(|error| ServeError::Other(error.to_string()))?;
        let (told, reports) = unbounded_channel();
        let path = options.transmit.unwrap_or_else(TransmitPath::probe);
        let sockets = Sockets::new(path);
        let publisher = Publisher::new(Drivers::new(told), sockets.clone());
        let house = Some(House { spool, numbers: Numbers::default() });
        let http = options.http.as_ref().map(Http::start).transpose().map_err(ServeError::Other)?;
        let mag_log = options.mag_log.map(MagLog::start).transpose().map_err(ServeError::Other)?;
        if let Some(log) = &mag_log {
            tracing::info!("reports of MAG boxes are taken at {}", log.address());
        }
        let mut headend = Self {
            options,
            house,
            loading: None,
            again: false,
            stock: None,
            killed,
            retry: None,
            day: dates::now() / 86_400,
            publisher,
            vendors: VendorSenders::default(),
            interfaces: interface::Watch::new(sockets),
            http,
            mag_log,
            reports,
            documents: unbounded_channel(),
            settled: 0,
            desk,
            service: Service::new(),
        };
        headend.load();
        Ok(headend)
    }

    pub(super) async fn run(
        mut self,
        mut signals: Signals,
        stop: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let mut stop = std::pin::pin!(stop);
        let mut ticks = ticks();
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
                    self.reload();
                }
                asked = self.desk.asked() => self.on_asked(asked),
                Some(documents) = self.documents.1.recv() => {
                    self.publisher.withdraw_others(documents);
                }
                loaded = loaded(&mut self.loading) => self.on_loaded(loaded)?,
                _ = ticks.tick() => self.on_tick(Instant::now()),
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
        self.service.stopping();
        Ok(())
    }

    /// Reads the line-up once more.
    pub(super) fn reload(&mut self) {
        self.service.reloading();
        self.load();
    }

    /// Whether the line-up is read once more behind the load that is at work.
    pub(super) const fn is_again(&self) -> bool {
        self.again
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
        // A fault of this program, which is told by its panic.
        let (house, stock) = loaded.map_err(|error| ServeError::Other(error.to_string()))?;
        if let Ok(bytes) = house.spool.used_bytes() {
            telemetry::store_bytes(bytes);
            self.desk.spool_bytes = bytes;
        }
        self.house = Some(house);
        while let Ok(documents) = self.documents.1.try_recv() {
            self.publisher.withdraw_others(documents);
        }
        let is_first = self.stock.is_none();
        let reloaded = match stock.and_then(|(stock, warnings)| self.take(stock, warnings)) {
            Ok(reloaded) => reloaded,
            Err(error) if self.publisher.generation() == 0 => return Err(error),
            Err(error) => {
                self.publisher.refuse();
                telemetry::reload_failed();
                tracing::error!("{error}\n  the old line-up stays on air");
                let generation = self.publisher.generation();
                Reloaded { generation, errors: desk::errors(&error), ..Reloaded::default() }
            }
        };
        let status = if reloaded.accepted { "on air" } else { "the last reload was refused" };
        if !is_first {
            self.desk.reloaded(&reloaded);
            self.service.reloaded(status);
        }
        if std::mem::take(&mut self.again) {
            self.desk.next_load();
            self.reload();
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
        self.service.ready(&format!("line-up {} is on air", self.settled));
        if let (0, Some(cycles)) = (before, self.options.cycles) {
            self.publisher.report_cycles(cycles);
        }
    }

    /// Puts another line-up on air. Everything that can be refused is done before anything changes.
    fn take(
        &mut self,
        mut stock: Stock,
        mut warnings: Vec<String>,
    ) -> Result<Reloaded, ServeError> {
        if let Some((before, _)) = &self.stock {
            stock.follow(before);
        }
        let roster = self.roster_of(&stock);
        let programme = self.programme_of(&stock, &roster)?;
        for caution in self.publisher.cautions(&programme) {
            tracing::warn!("{caution}");
        }
        warn_of_questions(self.http.is_some(), &programme);
        log::describe(&programme);
        let old = self.stock.as_ref().map(|(old, _)| desk::difference(old, &stock));
        let changes = old.map(|difference| desk::lines(&difference)).unwrap_or_default();
        let before = self.stock.as_ref().map(|(before, _)| before.line_up());
        let gone = before.map(|before| gone(before, stock.line_up())).unwrap_or_default();
        for finding in &gone {
            tracing::warn!("{finding}");
        }
        warnings.extend(gone.iter().map(ToString::to_string));
        for change in &changes {
            tracing::info!("  {change}");
        }
        self.publisher.accept();
        let caps = stock.timetable().left(stock.line_up(), &roster);
        if self.publisher.generation() == 0 {
            self.publisher.cap(&caps);
        }
        self.publish(programme, Publisher::publish)?;
        self.publisher.cap(&caps);
        log::interfaces(stock.line_up());
        self.vendors.take(stock.line_up(), Instant::now());
        self.follow_vendors(&stock, &roster, Instant::now());
        (self.stock, self.retry) = (Some((stock, roster)), None);
        let generation = self.publisher.generation();
        Ok(Reloaded { accepted: true, generation, changes, warnings, ..Reloaded::default() })
    }

    pub(super) fn on_tick(&mut self, now: Instant) {
        let age = self.publisher.beats().age(clock::now());
        self.service.tick(now, Duration::from_micros(age.0));
        self.desk.sample(now);
        self.follow(now);
        self.confirm();
    }

    fn publish(
        &mut self,
        programme: Programme,
        how: fn(&mut Publisher, Programme) -> Result<Changes, TransmitError>,
    ) -> Result<(), ServeError> {
        telemetry::statements(programme.statements.len(), programme.statements_expire);
        self.desk.publishes(&programme);
        let site = self.http.as_ref().map(|_| Site::of(&programme));
        let changes = how(&mut self.publisher, programme);
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

/// Boxes may ask what nobody answers.
fn warn_of_questions(is_answering: bool, programme: &Programme) {
    let (targets, lists) = (!programme.targets.is_empty(), !programme.pages.is_empty());
    if is_answering && !targets && !lists {
        tracing::warn!(
            "no [[target]] in the line-up: boxes that ask for a StbConfig are answered 404"
        );
    }
    if !is_answering && lists {
        tracing::warn!(
            "the lists of MAG and Dune are answered over HTTP alone: nobody hears of them without --http"
        );
    }
}

/// Ticks that are missed are not made up for.
fn ticks() -> Interval {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}
