//! One thread per interface, and which of them drives which channel.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;

use super::{Beats, Command, Driver, Launch, Report};
use crate::announced::Description;
use crate::transmit::TransmitError;

/// An interface by name; the routing table decides where `None`.
type Interface = Option<String>;

/// The threads that send, one for each interface with a channel on air.
pub struct Drivers {
    reports: UnboundedSender<Report>,
    threads: HashMap<Interface, Thread>,
    next_number: u64,
    channels: HashMap<String, Told>,
    /// Channels that change their interface: they finish their cycle on the old one first.
    moving: HashMap<String, Launch>,
    /// Cycles asked for.
    cycles: Option<u64>,
    /// Bits of IP per second that an interface may carry.
    caps: HashMap<String, u64>,
}

/// A sending thread, and whether it has told that its cycles are done.
struct Thread {
    driver: Driver,
    number: u64,
    done: bool,
}

/// What the thread of a channel was told last.
struct Told {
    interface: Interface,
    generation: u64,
}

impl Drivers {
    /// Nothing on air. Threads report to `reports`; the control passes each report to
    /// [`Drivers::on_report`].
    pub fn new(reports: UnboundedSender<Report>) -> Self {
        let (threads, channels, moving) = (HashMap::new(), HashMap::new(), HashMap::new());
        let caps = HashMap::new();
        Self { reports, threads, next_number: 0, channels, moving, cycles: None, caps }
    }

    /// Puts a channel on air; one of the same name finishes its cycle first.
    ///
    /// # Errors
    /// When the system has no thread to give for another interface.
    pub fn put(&mut self, launch: Launch) -> Result<(), TransmitError> {
        let (name, generation) = (launch.name().to_owned(), launch.generation);
        let interface = launch.interface().map(str::to_owned);
        let old = self.channels.get_mut(&name).filter(|old| old.interface != interface);
        if let Some(old) = old
            && let Some(thread) = self.threads.get(&old.interface)
        {
            old.generation = generation;
            thread.driver.tell(Command::Retire { channel: name.clone(), generation });
            self.moving.insert(name, launch);
            return Ok(());
        }
        self.moving.remove(&name);
        if !self.threads.contains_key(&interface) {
            self.start(&interface, &launch)?;
        }
        if let Some(thread) = self.threads.get(&interface) {
            thread.driver.tell(Command::Put(Box::new(launch)));
            if let Some(cycles) = self.cycles {
                thread.driver.tell(Command::ReportCycles(cycles));
            }
        }
        self.channels.insert(name, Told { interface, generation });
        Ok(())
    }

    fn start(&mut self, interface: &Interface, launch: &Launch) -> Result<(), TransmitError> {
        let number = self.next_number;
        let driver = Driver::start(number, self.reports.clone()).map_err(TransmitError::Thread)?;
        self.next_number += 1;
        let shown = interface.as_deref().unwrap_or("chosen by the routing table");
        tracing::info!("interface {shown}: transmit path {}", launch.wire.path().word());
        driver.tell(Command::Cap(self.cap_of(interface)));
        self.threads.insert(interface.clone(), Thread { driver, number, done: false });
        Ok(())
    }

    /// What interfaces may carry from now on, whatever their channels do: bits of IP per second, by name.
    pub fn cap(&mut self, caps: HashMap<String, u64>) {
        if self.caps == caps {
            return;
        }
        self.caps = caps;
        for (interface, thread) in &self.threads {
            thread.driver.tell(Command::Cap(self.cap_of(interface)));
        }
    }

    fn cap_of(&self, interface: &Interface) -> Option<u64> {
        self.caps.get(interface.as_ref()?).copied()
    }

    /// Takes a channel off the air when its cycle is complete.
    pub fn retire(&mut self, channel: String, generation: u64) {
        self.moving.remove(&channel);
        let told = self.channels.get_mut(&channel);
        let thread = told.and_then(|told| {
            told.generation = generation;
            self.threads.get(&told.interface)
        });
        match thread {
            Some(thread) => thread.driver.tell(Command::Retire { channel, generation }),
            None => drop(self.reports.send(Report::Retired { channel, generation })),
        }
    }

    /// Takes a channel off the air at once, in the middle of its cycle. What is put on air under its
    /// name afterwards begins anew.
    pub fn silence(&mut self, channel: String, generation: u64) {
        self.moving.remove(&channel);
        if let Some(told) = self.channels.get_mut(&channel) {
            told.generation = generation;
        }
        self.tell(&channel.clone(), Command::Silence { channel, generation });
    }

    /// Sends a channel at so many bits of IP per second from now on.
    pub fn rate(&self, channel: String, bit_rate_bps: u64) {
        self.tell(&channel.clone(), Command::Rate { channel, bit_rate_bps });
    }

    /// Lets the held replacement of a channel come at the end of its cycle.
    pub fn release(&self, channel: String, generation: u64) {
        self.tell(&channel.clone(), Command::Release { channel, generation });
    }

    /// What the announce session `channel` says from now on.
    pub fn describe(&self, channel: &str, said: Description) {
        self.tell(channel, Command::Describe { channel: channel.to_owned(), said });
    }

    fn tell(&self, channel: &str, command: Command) {
        let told = self.channels.get(channel);
        if let Some(thread) = told.and_then(|told| self.threads.get(&told.interface)) {
            thread.driver.tell(command);
        }
    }

    /// Once every channel of a thread has completed this many cycles it sends no more; when all
    /// threads have, [`Report::CyclesDone`] is passed on.
    pub fn report_cycles(&mut self, cycles: u64) {
        self.cycles = Some(cycles);
        for thread in self.threads.values() {
            thread.driver.tell(Command::ReportCycles(cycles));
        }
    }

    /// The beats of the threads there are.
    pub fn beats(&self) -> Beats {
        Beats(self.threads.values().map(|thread| Arc::clone(&thread.driver.beat)).collect())
    }

    /// Takes what a thread tells; what of it concerns the control.
    ///
    /// # Errors
    /// When the system has no thread to give for the interface a channel moves to.
    pub fn on_report(&mut self, report: Report) -> Result<Option<Report>, TransmitError> {
        match report {
            Report::Retired { channel, generation } => self.on_retired(channel, generation),
            Report::CyclesDone { thread: number } => {
                let told = self.threads.values_mut().find(|thread| thread.number == number);
                if let Some(told) = told {
                    told.done = true;
                }
                let all = self.threads.values().all(|thread| thread.done);
                Ok(all.then_some(report))
            }
            Report::Spent(_) => Ok(None),
            other @ (Report::OnAir { .. } | Report::Ending { .. } | Report::Broken) => {
                Ok(Some(other))
            }
        }
    }

    fn on_retired(
        &mut self,
        channel: String,
        generation: u64,
    ) -> Result<Option<Report>, TransmitError> {
        // One that was put on air again since then is not gone.
        let is_last = |told: &Told| told.generation == generation;
        let is_gone = self.channels.get(&channel).is_some_and(is_last);
        let old = if is_gone { self.channels.remove(&channel) } else { None };
        let Some(old) = old else { return Ok(Some(Report::Retired { channel, generation })) };
        let moves = self.moving.remove(&channel);
        let moved = moves.map(|launch| self.put(launch)).transpose()?;
        if !self.channels.values().any(|told| told.interface == old.interface) {
            self.end(&old.interface);
        }
        Ok(moved.is_none().then_some(Report::Retired { channel, generation }))
    }

    /// Ends a thread without channels. It may have been the last whose cycles were waited for.
    fn end(&mut self, interface: &Interface) {
        if let Some(Thread { number: thread, .. }) = self.threads.remove(interface)
            && self.cycles.is_some()
            && !self.threads.is_empty()
        {
            let _ = self.reports.send(Report::CyclesDone { thread });
        }
    }
}

#[cfg(test)]
mod tests;
