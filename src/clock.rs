//! The clock of the sending threads: `CLOCK_MONOTONIC` in microseconds, and sleeping on it.

use std::num::NonZeroU64;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::thread::{ClockId as SleepClock, clock_nanosleep_absolute};
use rustix::time::{ClockId, Timespec, clock_gettime};
use stbcast_object::Micros;

/// Now.
pub(crate) fn now() -> Micros {
    let now = clock_gettime(ClockId::Monotonic);
    let secs = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(now.tv_nsec).unwrap_or(0);
    Micros(secs.saturating_mul(1_000_000).saturating_add(nanos / 1_000))
}

/// Sleeps until `at`. A signal may end it earlier; callers look at the clock again anyway.
pub(crate) fn sleep_until(at: Micros) {
    let tv_sec = i64::try_from(at.0 / 1_000_000).unwrap_or(i64::MAX);
    let tv_nsec = i64::try_from(at.0 % 1_000_000 * 1_000).unwrap_or(0);
    let _ = clock_nanosleep_absolute(SleepClock::Monotonic, &Timespec { tv_sec, tv_nsec });
}

/// Priority of the sending thread where real time is not to be had: ahead of ordinary programs.
const NICE: i32 = -15;

/// Asks the kernel to wake this thread to the nanosecond, not to the usual 50 us, and before other
/// programs: at the lowest real-time priority, else ahead of ordinary ones. A headend without the
/// right to either paces well on an idle machine.
pub(crate) fn wake_precisely() {
    use thread_priority::{
        RealtimeThreadSchedulePolicy, ScheduleParams, ThreadPriority, ThreadSchedulePolicy,
        set_thread_priority_and_policy, thread_native_id,
    };
    let lowest = ThreadPriority::from_posix(ScheduleParams { sched_priority: 1 });
    let real_time = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    let asked = set_thread_priority_and_policy(thread_native_id(), lowest, real_time);
    if let Err(error) = asked {
        tracing::info!("no real-time priority, other programs may delay sending: {error}");
        if let Err(error) = rustix::process::setpriority_process(None, NICE) {
            tracing::debug!("the sending thread keeps its priority: {error}");
        }
    }
    if let Err(error) = rustix::thread::set_current_timer_slack(NonZeroU64::new(1)) {
        tracing::warn!("timer slack stays as it is, pacing will be coarser: {error}");
    }
}

/// Time since 1970, for objects made at send time and for what redundant headends share.
pub(crate) fn wall() -> Micros {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(Micros::ZERO, Micros::from)
}

/// Lets those that send go first, for answers, which wait a moment better than datagrams do: where the
/// sending threads get the priority they ask for, they do anyway; else this thread stands back.
pub(crate) fn stand_back() {
    // Whoever may go ahead of other programs by one step may by all of them.
    if rustix::process::nice(-1).is_ok() {
        let _ = rustix::process::nice(1);
    } else if let Err(error) = rustix::process::nice(5) {
        tracing::debug!("a thread that should stand back keeps its priority: {error}");
    }
}

/// Puts this thread behind every other one of the machine, for work that can wait.
pub(crate) fn give_way() {
    use thread_priority::{
        NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
        set_thread_priority_and_policy, thread_native_id,
    };
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let asked = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
    if asked.is_err()
        && let Err(error) = rustix::process::setpriority_process(None, 19)
    {
        tracing::debug!("a thread that should give way keeps its priority: {error}");
    }
}
