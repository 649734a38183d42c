//! Metrics, by the names of the project's operations notes. The crates `metrics` and
//! `metrics-exporter-prometheus` are named in this file alone.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use metrics::{Counter, Gauge, Histogram, Unit, counter, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};
use stbcast_object::Micros;

use crate::meter::{self, Meter};

/// Buckets of the pacing lag, in seconds.
const LAG_BUCKETS: [f64; 8] = [0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 1.0];

/// Serves metrics at `http://ADDRESS/metrics` from now on.
///
/// # Errors
/// When the address cannot be listened on.
pub(crate) fn serve(address: SocketAddr) -> Result<(), String> {
    let lag = Matcher::Full("stbcast_pacing_lag_seconds".to_owned());
    PrometheusBuilder::new()
        .with_http_listener(address)
        .set_buckets_for_metric(lag, &LAG_BUCKETS)
        .and_then(PrometheusBuilder::install)
        .map_err(|error: BuildError| format!("cannot serve metrics on {address}: {error}"))?;
    describe();
    let version = env!("CARGO_PKG_VERSION");
    gauge!("stbcast_build_info", "version" => version).set(1.0);
    Ok(())
}

fn describe() {
    use metrics::{
        describe_counter as count, describe_gauge as level, describe_histogram as spread,
    };
    count!("stbcast_packets_sent_total", "Datagrams sent, by channel and kind");
    count!("stbcast_statements_sent_total", "Datagrams with a signed statement, by channel");
    level!("stbcast_statements", "Signed statements in the line-up");
    level!(
        "stbcast_statements_expire_timestamp_seconds",
        Unit::Seconds,
        "Unix time at which the first of them expires; 0 where there are none"
    );
    count!("stbcast_send_calls_total", "System calls that sent datagrams, by channel");
    count!("stbcast_bytes_sent_total", Unit::Bytes, "IP bytes sent, by channel");
    count!("stbcast_send_errors_total", "Datagrams the system refused, by channel and error");
    spread!("stbcast_pacing_lag_seconds", Unit::Seconds, "How late datagrams were sent");
    level!("stbcast_channel_target_bytes_per_second", "Rate a channel is paced to");
    count!("stbcast_cycles_total", "Complete cycles, by channel");
    level!("stbcast_cycle_duration_seconds", Unit::Seconds, "Time of the last cycle, by channel");
    level!("stbcast_store_bytes", Unit::Bytes, "Bytes in the spool");
    level!("stbcast_lineup_generation", "Line-ups published since the start");
    count!("stbcast_reload_failures_total", "Line-ups that were refused");
    level!("stbcast_build_info", "1, with the version as a label");
    count!("stbcast_http_requests_total", "Requests of boxes, by what was asked for and status");
    count!("stbcast_http_bytes_total", Unit::Bytes, "Bytes of answers, by what was asked for");
    level!("stbcast_http_connections", "Connections of boxes");
    count!(
        "stbcast_http_connection_failures_total",
        "Connections that ended badly, by what failed"
    );
    level!("stbcast_http_downloads", "Images being sent");
    count!("stbcast_http_log_lines_lost_total", "Lines of the access log that were not written");
    count!("stbcast_mag_reports_total", "Reports of MAG boxes, by model, version and result");
    count!("stbcast_mag_reports_cut_total", "Reports of MAG boxes not heard to their end, by why");
    level!("stbcast_vendor_sender_up", "Whether the process of a vendor's sender runs, by sender");
    level!(
        "stbcast_vendor_sender_counted_bytes_per_second",
        "Rate a vendor's sender is counted as"
    );
    count!("stbcast_vendor_sender_starts_total", "Starts of a vendor's sender");
    count!(
        "stbcast_vendor_sender_failures_total",
        "Ends of a vendor's sender that nobody asked for"
    );
}

/// The metrics of one channel, looked up once.
pub(crate) struct ChannelMetrics {
    channel: String,
    /// The same for those who ask on the control socket.
    meter: Arc<Meter>,
    packets: Counter,
    bytes: Counter,
    calls: Counter,
    statements: OnceLock<Counter>,
    lag: Histogram,
    target: Gauge,
    cycles: Counter,
    cycle_seconds: Gauge,
}

impl ChannelMetrics {
    /// `kind` is what its datagrams carry.
    pub(crate) fn new(channel: &str, kind: &'static str) -> Self {
        let name = channel.to_owned();
        Self {
            packets: counter!("stbcast_packets_sent_total", "channel" => name.clone(), "kind" => kind),
            bytes: counter!("stbcast_bytes_sent_total", "channel" => name.clone()),
            calls: counter!("stbcast_send_calls_total", "channel" => name.clone()),
            statements: OnceLock::new(),
            lag: histogram!("stbcast_pacing_lag_seconds"),
            target: gauge!("stbcast_channel_target_bytes_per_second", "channel" => name.clone()),
            cycles: counter!("stbcast_cycles_total", "channel" => name.clone()),
            cycle_seconds: gauge!("stbcast_cycle_duration_seconds", "channel" => name.clone()),
            meter: meter::of(&name),
            channel: name,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge")]
    pub(crate) fn target(&self, bit_rate_bps: u64) {
        self.target.set(bit_rate_bps as f64 / 8.0);
    }

    /// Notes datagrams sent in one system call, and their IP bytes.
    pub(crate) fn sent(&self, datagrams: usize, ip_bytes: usize) {
        self.calls.increment(1);
        self.packets.increment(datagrams as u64);
        self.bytes.increment(ip_bytes as u64);
        self.meter.sent(datagrams as u64, ip_bytes as u64);
    }

    /// Notes how many statements have been sent so far; channels without any have no such metric.
    pub(crate) fn statements(&self, sent: u64) {
        if sent > 0 {
            let counter =
                || counter!("stbcast_statements_sent_total", "channel" => self.channel.clone());
            self.statements.get_or_init(counter).absolute(sent);
        }
    }

    pub(crate) fn lag(&self, lag: Micros) {
        self.lag.record(lag.as_secs_f64());
    }

    pub(crate) fn cycle(&self, span: Micros) {
        self.cycles.increment(1);
        self.meter.cycle();
        self.cycle_seconds.set(span.as_secs_f64());
    }

    /// Notes that a cycle begins.
    pub(crate) fn begin(&self, now: Micros) {
        self.meter.begin(now);
    }

    pub(crate) fn error(&self, error: &io::Error, datagrams: usize) {
        let errno = error.raw_os_error().map_or_else(|| error.kind().to_string(), errno_name);
        self.meter.failed(datagrams as u64, error.raw_os_error().unwrap_or(libc_eio()));
        let channel = self.channel.clone();
        counter!("stbcast_send_errors_total", "channel" => channel, "errno" => errno)
            .increment(datagrams as u64);
    }
}

/// What stands for an error without a number.
fn libc_eio() -> i32 {
    rustix::io::Errno::IO.raw_os_error()
}

/// Name of an error number, as `ENETDOWN`.
pub(crate) fn errno_name(errno: i32) -> String {
    format!("{:?}", rustix::io::Errno::from_raw_os_error(errno))
}

#[expect(clippy::cast_precision_loss, reason = "a gauge")]
pub(crate) fn store_bytes(bytes: u64) {
    gauge!("stbcast_store_bytes").set(bytes as f64);
}

#[expect(clippy::cast_precision_loss, reason = "a gauge")]
pub(crate) fn generation(generation: u64) {
    gauge!("stbcast_lineup_generation").set(generation as f64);
}

/// Notes how many signed statements there are, and when the first of them expires, in Unix seconds.
#[expect(clippy::cast_precision_loss, reason = "a gauge")]
pub(crate) fn statements(count: usize, expire_unix_s: Option<u64>) {
    gauge!("stbcast_statements").set(count as f64);
    gauge!("stbcast_statements_expire_timestamp_seconds")
        .set(expire_unix_s.unwrap_or_default() as f64);
}

pub(crate) fn reload_failed() {
    counter!("stbcast_reload_failures_total").increment(1);
}

/// What boxes ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HttpKind {
    StbConfig,
    List,
    Image,
    Other,
}

impl HttpKind {
    const ALL: [Self; 4] = [Self::StbConfig, Self::List, Self::Image, Self::Other];

    const fn word(self) -> &'static str {
        match self {
            Self::StbConfig => "stbconfig",
            Self::List => "list",
            Self::Image => "image",
            Self::Other => "other",
        }
    }
}

/// Metrics of the endpoint for boxes, each looked up once.
#[derive(Default)]
pub(crate) struct HttpMetrics {
    requests: [[OnceLock<Counter>; HTTP_STATUSES.len() + 1]; HttpKind::ALL.len()],
    bytes: [OnceLock<Counter>; HttpKind::ALL.len()],
    connections: OnceLock<Gauge>,
}

/// The statuses that boxes are answered; others count as one.
const HTTP_STATUSES: [u16; 13] = [200, 206, 301, 302, 303, 304, 400, 404, 405, 412, 414, 416, 503];

impl HttpMetrics {
    /// Notes a request.
    pub(crate) fn request(&self, kind: HttpKind, status: u16) {
        let known = HTTP_STATUSES.iter().position(|&known| known == status);
        let places = self.requests.get(kind as usize);
        let place = places.and_then(|it| it.get(known.unwrap_or(HTTP_STATUSES.len())));
        let label = || known.map_or_else(|| "other".to_owned(), |_| status.to_string());
        let counter =
            || counter!("stbcast_http_requests_total", "kind" => kind.word(), "status" => label());
        if let Some(place) = place {
            place.get_or_init(counter).increment(1);
        }
    }

    /// Notes what an answer has sent.
    pub(crate) fn bytes(&self, kind: HttpKind, bytes: u64) {
        let counter = || counter!("stbcast_http_bytes_total", "kind" => kind.word());
        if let Some(place) = self.bytes.get(kind as usize) {
            place.get_or_init(counter).increment(bytes);
        }
    }

    /// Notes a connection more, or less.
    pub(crate) fn connections(&self, change: f64) {
        self.connections.get_or_init(|| gauge!("stbcast_http_connections")).increment(change);
    }
}

/// Notes a connection that ended badly.
pub(crate) fn http_connection_failed(what: &'static str) {
    counter!("stbcast_http_connection_failures_total", "what" => what).increment(1);
}

/// Notes lines of the access log that were not written.
pub(crate) fn http_log_dropped(lines: u64) {
    counter!("stbcast_http_log_lines_lost_total").increment(lines);
}

pub(crate) fn http_downloads(active: u32) {
    gauge!("stbcast_http_downloads").set(f64::from(active));
}

pub(crate) fn vendor_sender_up(sender: &str, is_up: bool) {
    let up = gauge!("stbcast_vendor_sender_up", "sender" => sender.to_owned());
    up.set(f64::from(u8::from(is_up)));
}

#[expect(clippy::cast_precision_loss, reason = "a gauge")]
pub(crate) fn vendor_sender_counted(sender: &str, bit_rate_bps: u64) {
    gauge!("stbcast_vendor_sender_counted_bytes_per_second", "sender" => sender.to_owned())
        .set(bit_rate_bps as f64 / 8.0);
}

pub(crate) fn vendor_sender_started(sender: &str) {
    counter!("stbcast_vendor_sender_starts_total", "sender" => sender.to_owned()).increment(1);
}

pub(crate) fn vendor_sender_failed(sender: &str) {
    counter!("stbcast_vendor_sender_failures_total", "sender" => sender.to_owned()).increment(1);
}

/// Notes a report of a MAG box. Labels stay for ever: callers bound them.
pub(crate) fn mag_report(model: &str, version: &str, result: &'static str) {
    let (model, version) = (model.to_owned(), version.to_owned());
    counter!("stbcast_mag_reports_total", "model" => model, "version" => version, "result" => result)
        .increment(1);
}

/// Notes one that was not heard to its end.
pub(crate) fn mag_report_lost(why: &'static str) {
    counter!("stbcast_mag_reports_cut_total", "why" => why).increment(1);
}
