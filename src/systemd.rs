//! The service manager: told when the headend is ready, reloads and stops, and that it lives. The crate
//! `sd-notify` is named in this file alone. Without a service manager nothing is told.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// While the first line-up is made, the service manager is told this often to wait.
const EXTENSION: Duration = Duration::from_secs(30);

/// A sending thread that has not moved for so long is stuck; it moves fifty times a second.
const STUCK: Duration = Duration::from_secs(2);

/// What the service manager is told.
#[derive(Debug)]
pub(crate) struct Service {
    /// How often it wants to hear that the headend lives, twice as often as it must.
    every: Option<Duration>,
    pinged: Option<Instant>,
    extended: Option<Instant>,
    is_ready: bool,
    is_stuck: bool,
}

impl Service {
    /// As this process was started.
    pub(crate) fn new() -> Self {
        let every = sd_notify::watchdog_enabled().map(|most| most / 3);
        Self { every, pinged: None, extended: None, is_ready: false, is_stuck: false }
    }

    /// A line-up is on air whole.
    pub(crate) fn ready(&mut self, status: &str) {
        self.is_ready = true;
        tell(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// A line-up is being read again.
    pub(crate) fn reloading(&self) {
        // Before it is ready at all it is starting, whatever it reads.
        if !self.is_ready {
            return;
        }
        let time = NotifyState::monotonic_usec_now();
        let mut states = vec![NotifyState::Reloading];
        states.extend(time.ok());
        states.push(NotifyState::Status("reading the line-up again"));
        tell(&states);
    }

    /// What a reload came to, whatever it was: the headend serves.
    pub(crate) fn reloaded(&self, status: &str) {
        if self.is_ready {
            tell(&[NotifyState::Ready, NotifyState::Status(status)]);
        }
    }

    /// The headend stops.
    pub(crate) fn stopping(&self) {
        tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
    }

    /// To be called on each tick of the control: the watchdog hears of it as long as every sending thread
    /// moves. `age` is the longest span since one of them did.
    pub(crate) fn tick(&mut self, now: Instant, age: Duration) {
        let is_due = |at: Option<Instant>, every: Duration| {
            at.is_none_or(|at| now.saturating_duration_since(at) >= every)
        };
        if !self.is_ready && is_due(self.extended, EXTENSION / 3) {
            self.extended = Some(now);
            let most = u32::try_from(EXTENSION.as_micros()).unwrap_or(u32::MAX);
            tell(&[NotifyState::ExtendTimeoutUsec(most)]);
        }
        let is_stuck = age >= STUCK;
        if is_stuck && !self.is_stuck {
            tracing::error!("a sending thread has not moved for {} ms", age.as_millis());
        }
        self.is_stuck = is_stuck;
        if let Some(every) = self.every
            && !is_stuck
            && is_due(self.pinged, every)
        {
            self.pinged = Some(now);
            tell(&[NotifyState::Watchdog]);
        }
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("the service manager is not told: {error}");
    }
}
