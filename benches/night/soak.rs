//! What grows while line-ups change for hours.

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::SETTLED_WITHIN;
use super::judge::paces;
use super::rig::headend::{Headend, total};
use super::rig::place::Place;
use super::rig::table::{Table, figure, targets};
use super::site::Site;

/// From one reload, and one sample, to the next.
const EVERY: Duration = Duration::from_secs(10);
/// Every so many reloads some images change beside.
const SWAP_EACH: u64 = 6;
const SWAPPED: usize = 4;
const MBIT: f64 = 50.0;
/// Small enough that it fills within half an hour.
const SPOOL_MIB: &str = "48";
/// In front of the program: whoever else works on this machine goes first, but for its sending thread.
const BEHIND: [&str; 3] = ["nice", "-n", "25"];

/// What a process holds.
#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    seconds: f64,
    rss_anon_kib: u64,
    rss_shmem_kib: u64,
    descriptors: u64,
    threads: u64,
    maps: u64,
    spool_bytes: u64,
    log_lines: u64,
    generation: u64,
    series: u64,
}

impl Sample {
    fn of(headend: &mut Headend<'_>, seconds: f64, generation: u64) -> Self {
        headend.process.read_log();
        let process = format!("/proc/{}", headend.process.id());
        let status = std::fs::read_to_string(format!("{process}/status")).unwrap_or_default();
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let word = line.and_then(|line| line.split_whitespace().next());
            word.and_then(|word| word.parse().ok()).unwrap_or(0)
        };
        let entries = std::fs::read_dir(format!("{process}/fd")).map_or(0, Iterator::count);
        let maps = std::fs::read_to_string(format!("{process}/maps")).unwrap_or_default();
        let series = headend.scrape().lines().filter(|line| line.starts_with("stbcast")).count();
        Self {
            seconds,
            rss_anon_kib: of("RssAnon:"),
            rss_shmem_kib: of("RssShmem:"),
            descriptors: entries as u64,
            threads: of("Threads:"),
            maps: maps.lines().count() as u64,
            spool_bytes: headend.spool_bytes(),
            log_lines: headend.process.log.len() as u64,
            generation,
            series: series as u64,
        }
    }

    fn rss_kib(&self) -> f64 {
        (self.rss_anon_kib + self.rss_shmem_kib) as f64
    }

    fn line(&self) -> String {
        let Self { seconds, rss_anon_kib, rss_shmem_kib, descriptors, threads, .. } = self;
        let Self { maps, spool_bytes, log_lines, generation, series, .. } = self;
        format!(
            "{seconds:.1},{rss_anon_kib},{rss_shmem_kib},{descriptors},{threads},{maps},\
             {spool_bytes},{log_lines},{generation},{series}"
        )
    }
}

const HEAD: &str = "seconds,rss_anon_kib,rss_shmem_kib,descriptors,threads,maps,spool_bytes,\
                    log_lines,generation,series";

/// Runs for so many minutes; the samples go to the file named by `STBCAST_BENCH_CSV`, else
/// `soak.csv` here.
pub(super) fn run(place: &Place, directory: &Path, minutes: f64) {
    let csv = std::env::var("STBCAST_BENCH_CSV").unwrap_or_else(|_| "soak.csv".to_owned());
    let mut csv = std::fs::File::create(csv).unwrap();
    writeln!(csv, "{HEAD}").unwrap();
    let mut site = Site::new(directory, MBIT);
    let more = ["--spool-cap-mib", SPOOL_MIB];
    let mut headend = Headend::of(place, directory, &site.text(), &more, &BEHIND);
    let (begun, mut samples) = (Instant::now(), Vec::new());
    let (mut slowest, mut next) = (0.0_f64, EVERY);
    while begun.elapsed().as_secs_f64() < minutes * 60.0 {
        std::thread::sleep(next.saturating_sub(begun.elapsed()));
        next += EVERY;
        let asked = Instant::now();
        site.change();
        if site.generation().is_multiple_of(SWAP_EACH) {
            site.renew_some(SWAPPED);
        }
        headend.reload_text(&site.text());
        let line = format!("line-up {} is on air", site.generation());
        let told = headend.process.wait_for(&line, SETTLED_WITHIN);
        assert!(told, "no `{line}`:\n{}", last(&headend.process.log, 60));
        slowest = slowest.max(asked.elapsed().as_secs_f64());
        let sample = Sample::of(&mut headend, begun.elapsed().as_secs_f64(), site.generation());
        writeln!(csv, "{}", sample.line()).unwrap();
        samples.push(sample);
    }
    let metrics = headend.scrape();
    let errors = total(&metrics, "stbcast_send_errors_total");
    let refused = total(&metrics, "stbcast_reload_failures_total");
    println!("{} channels are paced at the end.", paces(&metrics).len());
    report(&samples, slowest, (errors, refused));
    let ended = headend.process.end();
    println!("The headend ended {}.", if ended.success { "well" } else { "badly" });
}

fn last(log: &[String], lines: usize) -> String {
    log[log.len().saturating_sub(lines)..].join("\n")
}

/// Something that a process holds.
type Held = fn(&Sample) -> f64;

fn report(samples: &[Sample], slowest: f64, (errors, refused): (f64, f64)) {
    let half = &samples[samples.len() / 2..];
    let mut table = Table::new(&["of the second half", "first", "last", "least", "most"]);
    let rows: [(&str, Held); 7] = [
        ("RssAnon + RssShmem KiB", Sample::rss_kib),
        ("descriptors", |it| it.descriptors as f64),
        ("threads", |it| it.threads as f64),
        ("mappings", |it| it.maps as f64),
        ("spool MiB", |it| it.spool_bytes as f64 / (1 << 20) as f64),
        ("log lines", |it| it.log_lines as f64),
        ("series of metrics", |it| it.series as f64),
    ];
    for (what, of) in rows {
        let values: Vec<f64> = half.iter().map(of).collect();
        let least = values.iter().copied().fold(f64::MAX, f64::min);
        let most = values.iter().copied().fold(0.0, f64::max);
        let (first, end) = (values[0], values[values.len() - 1]);
        let cells = [first, end, least, most].map(figure);
        table.row([what.to_owned()].into_iter().chain(cells).collect());
    }
    let minutes = samples[samples.len() - 1].seconds / 60.0;
    let reloads = samples.len();
    table.print(&format!(
        "{minutes:.0} minutes, {reloads} reloads, 32 channels with {MBIT} Mbit/s in all; a line-up is \
         on air {} s after its reload at most",
        figure(slowest)
    ));
    let (slope, bound) = slope_per_hour(half);
    let mut goals = targets();
    let value = format!("{slope:+.1} ± {bound:.1} KiB/h");
    let met = Some(slope.abs() <= bound);
    goals.target("RssAnon + RssShmem, second half", "no slope (95 %)", value, met);
    let values = half.iter().map(|it| it.descriptors);
    let (least, most) = (values.clone().min().unwrap_or(0), values.max().unwrap_or(0));
    // A channel more or less has a socket more or less.
    let met = Some(most - least <= 4);
    goals.target("descriptors", "constant", format!("{least} to {most}"), met);
    goals.target("send errors", "0", figure(errors), Some(errors == 0.0));
    goals.target("reloads refused", "0", figure(refused), Some(refused == 0.0));
    goals.print("Targets");
}

/// Least squares through what the process held, in KiB an hour, and how far off that may be: two
/// standard errors, of the means of spans of four minutes. Samples close to each other are not independent.
fn slope_per_hour(samples: &[Sample]) -> (f64, f64) {
    const TOGETHER: usize = 24;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let points: Vec<(f64, f64)> = samples
        .chunks(TOGETHER.min(samples.len() / 4).max(1))
        .map(|part| {
            let hours: Vec<f64> = part.iter().map(|it| it.seconds / 3_600.0).collect();
            let held: Vec<f64> = part.iter().map(Sample::rss_kib).collect();
            (mean(&hours), mean(&held))
        })
        .collect();
    let (x, y): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
    let (at, held) = (mean(&x), mean(&y));
    let spread: f64 = x.iter().map(|x| (x - at).powi(2)).sum();
    let slope = points.iter().map(|(x, y)| (x - at) * (y - held)).sum::<f64>() / spread;
    let rest: f64 = points.iter().map(|(x, y)| (y - held - slope * (x - at)).powi(2)).sum();
    let free = (points.len() as f64 - 2.0).max(1.0);
    (slope, 2.0 * (rest / free / spread).sqrt())
}
