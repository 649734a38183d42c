//! The repair store of one image, computed again and again in a process of its own.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use stbcast::repair::{RepairSymbols, per_block};
use stbcast::spool::{Revision, Spool};
use stbcast_fec::{Choice, Geometry};

use super::place::Place;
use super::process::{Process, own_memory};
use super::stats::median;
use super::{MIB, SLICE_BYTES};

/// Largest symbol of a companion on IPv4.
const SYMBOL_BYTES_MAX: u16 = 1_428;

/// A run counts when all other programs together used less of the machine than this part of one
/// core: the threads that compute give way to everybody.
const OTHERS_CORES_MAX: f64 = 0.15;

/// How long each run waits for other programs to pause.
const PATIENCE: Duration = Duration::from_secs(20);

/// What computing a store took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    /// Seconds of a memcpy of the image, the median.
    pub(crate) memcpy: f64,
    /// Seconds until the store is in the spool, the median of the runs that count; of all where
    /// none does.
    pub(crate) seconds: f64,
    /// Processor seconds of the same runs.
    pub(crate) cpu_seconds: f64,
    /// Runs that count.
    pub(crate) quiet_runs: f64,
    /// Most bytes of heap, beyond those before.
    pub(crate) heap: f64,
    /// Bytes of the store.
    pub(crate) stored: f64,
}

impl Made {
    /// As the child prints it and the parent reads it.
    fn numbers(&self) -> [f64; 6] {
        let Self { memcpy, seconds, cpu_seconds, quiet_runs, heap, stored } = *self;
        [memcpy, seconds, cpu_seconds, quiet_runs, heap, stored]
    }

    fn of_numbers(numbers: &[f64]) -> Option<Self> {
        let &[memcpy, seconds, cpu_seconds, quiet_runs, heap, stored] = numbers else {
            return None;
        };
        Some(Self { memcpy, seconds, cpu_seconds, quiet_runs, heap, stored })
    }
}

/// Computes the store of `image` in a child, `runs` times, below `directory`. It is to be on disk:
/// pages of a tmpfs are counted as memory of the program.
pub(crate) fn measure(
    place: &Place,
    directory: &Path,
    image: &Path,
    choice: Choice,
    runs: usize,
) -> Made {
    let mut command = super::again("store");
    command.arg(directory).arg(image).args([choice.name(), &runs.to_string()]);
    let limit = PATIENCE * 3 * u32::try_from(runs).unwrap();
    let ended = Process::at_sender(place, &mut command).wait(limit);
    let numbers: Vec<f64> =
        ended.stdout.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let made = Made::of_numbers(&numbers).filter(|_| ended.success);
    made.unwrap_or_else(|| panic!("no store of {choice}: {}", ended.log.join("\n")))
}

/// The child.
pub(crate) fn store_child(arguments: &[String]) {
    let [directory, image, choice, runs] = arguments else { panic!("four arguments") };
    let directory = tempfile::tempdir_in(directory).unwrap();
    let mut spool = Spool::open(directory.path(), u64::MAX).unwrap();
    let revision = spool.add(Path::new(image)).unwrap();
    let length = revision.bytes.len();
    let (choice, slice_bytes) = (Choice::parse(choice).unwrap(), SLICE_BYTES as u16);
    let geometry = Geometry::plan(choice, length as u64, slice_bytes, SYMBOL_BYTES_MAX).unwrap();
    let mut copy = vec![1; length];
    let (mut memcpy, mut runs_done) = (Vec::new(), Vec::new());
    for _ in 0..runs.parse().unwrap() {
        wait_for_quiet();
        memcpy.push(took(|| black_box(&mut copy).copy_from_slice(black_box(&revision.bytes))));
        let (run, symbols) = Run::new(&mut spool, &revision, geometry);
        runs_done.push(run);
        drop(symbols);
        forget(directory.path());
    }
    let numbers = summary(&memcpy, &runs_done).numbers().map(|number| number.to_string());
    println!("{}", numbers.join(" "));
}

/// Removes stores from the spool; copies have names without a dot.
fn forget(directory: &Path) {
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        if entry.file_name().to_string_lossy().contains('.') {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
}

fn summary(memcpy: &[f64], runs: &[Run]) -> Made {
    let quiet: Vec<&Run> = runs.iter().filter(|run| run.is_quiet()).collect();
    let counted = if quiet.is_empty() { runs.iter().collect() } else { quiet.clone() };
    let of =
        |value: fn(&Run) -> f64| -> Vec<f64> { counted.iter().map(|&run| value(run)).collect() };
    Made {
        memcpy: median(memcpy),
        seconds: median(&of(|run| run.seconds)),
        cpu_seconds: median(&of(|run| run.cpu_seconds)),
        quiet_runs: quiet.len() as f64,
        heap: runs.iter().map(|run| run.heap).fold(0.0, f64::max),
        stored: runs.first().map_or(0.0, |run| run.stored),
    }
}

/// One computation of the store.
struct Run {
    seconds: f64,
    cpu_seconds: f64,
    others_seconds: f64,
    heap: f64,
    stored: f64,
}

impl Run {
    fn new(spool: &mut Spool, revision: &Revision, geometry: Geometry) -> (Self, RepairSymbols) {
        let watch = Watch::start();
        let (start, own, all) = (Instant::now(), own_seconds(), busy_seconds());
        let symbols = spool.repair(revision, geometry, per_block(&geometry)).unwrap();
        let seconds = start.elapsed().as_secs_f64();
        let cpu_seconds = own_seconds() - own;
        let others_seconds = busy_seconds() - all - cpu_seconds;
        let (heap, stored) = (watch.stop(), symbols.bytes.len() as f64);
        (Self { seconds, cpu_seconds, others_seconds, heap, stored }, symbols)
    }

    fn is_quiet(&self) -> bool {
        self.others_seconds <= OTHERS_CORES_MAX * self.seconds
    }
}

fn took(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// User and system time of this process.
fn own_seconds() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    micros as f64 / 1e6
}

/// Time that all processors together were not idle, in ticks of 10 ms.
fn busy_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    let ticks: Vec<f64> =
        line.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; what guests use is in user.
    [0, 1, 2, 5, 6, 7].into_iter().filter_map(|at| ticks.get(at)).sum::<f64>() / 100.0
}

/// Waits until nobody else has run for a moment, a while at most.
fn wait_for_quiet() {
    let (end, mut calm) = (Instant::now() + PATIENCE, 0);
    while calm < 10 && Instant::now() < end {
        let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
        let running = text.lines().find_map(|line| line.strip_prefix("procs_running "));
        let alone = running.is_none_or(|count| count.trim() == "1");
        calm = if alone { calm + 1 } else { 0 };
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Looks at this process's own memory all the time.
struct Watch {
    before: u64,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Watch {
    fn start() -> Self {
        let before = own_memory(std::process::id());
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                let mut most = 0;
                while !stop.load(Ordering::Relaxed) {
                    most = own_memory(std::process::id()).max(most);
                    std::thread::sleep(Duration::from_millis(2));
                }
                most
            }
        });
        Self { before, stop, thread }
    }

    /// The most since the start, in bytes beyond what there was.
    fn stop(self) -> f64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap().saturating_sub(self.before) as f64
    }
}

/// MiB of bytes.
pub(crate) fn mib(bytes: f64) -> f64 {
    bytes / MIB as f64
}
