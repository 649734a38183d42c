//! One thread per interface, and which of them drives which channel.

use std::collections::HashMap;

use tokio::sync::mpsc::UnboundedSender;

use super::{Command, Driver, Launch, Report};
use crate::transmit::TransmitError;

/// An interface by name; the routing table decides where `None`.
type Interface = Option<String>;

/// The threads that send, one for each interface with a channel on air.
pub struct Drivers {
    reports: UnboundedSender<Report>,
    threads: HashMap<Interface, Driver>,
    channels: HashMap<String, Told>,
    /// Channels that change their interface: they finish their cycle on the old one first.
    moving: HashMap<String, Launch>,
    /// Cycles asked for, and threads that have yet to tell [`Report::CyclesDone`].
    cycles: Option<u64>,
    awaited: usize,
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
        Self { reports, threads, channels, moving, cycles: None, awaited: 0 }
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
            thread.tell(Command::Retire { channel: name.clone(), generation });
            self.moving.insert(name, launch);
            return Ok(());
        }
        self.moving.remove(&name);
        if !self.threads.contains_key(&interface) {
            self.start(&interface, &launch)?;
        }
        if let Some(thread) = self.threads.get(&interface) {
            thread.tell(Command::Put(Box::new(launch)));
        }
        self.channels.insert(name, Told { interface, generation });
        Ok(())
    }

    fn start(&mut self, interface: &Interface, launch: &Launch) -> Result<(), TransmitError> {
        let thread = Driver::start(self.reports.clone()).map_err(TransmitError::Thread)?;
        let shown = interface.as_deref().unwrap_or("chosen by the routing table");
        tracing::info!("interface {shown}: transmit path {}", launch.wire.path().word());
        if let Some(cycles) = self.cycles {
            self.awaited += 1;
            thread.tell(Command::ReportCycles(cycles));
        }
        self.threads.insert(interface.clone(), thread);
        Ok(())
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
            Some(thread) => thread.tell(Command::Retire { channel, generation }),
            None => drop(self.reports.send(Report::Retired { channel, generation })),
        }
    }

    /// Once every channel of a thread has completed this many cycles it sends no more; when all
    /// threads have, [`Report::CyclesDone`] comes.
    pub fn report_cycles(&mut self, cycles: u64) {
        (self.cycles, self.awaited) = (Some(cycles), self.threads.len());
        for thread in self.threads.values() {
            thread.tell(Command::ReportCycles(cycles));
        }
    }

    /// Takes what a thread tells; what of it concerns the control.
    ///
    /// # Errors
    /// When the system has no thread to give for the interface a channel moves to.
    pub fn on_report(&mut self, report: Report) -> Result<Option<Report>, TransmitError> {
        match report {
            Report::Retired { channel, generation } => self.on_retired(channel, generation),
            Report::CyclesDone => {
                self.awaited = self.awaited.saturating_sub(1);
                Ok((self.awaited == 0).then_some(Report::CyclesDone))
            }
            other @ (Report::OnAir { .. } | Report::Broken) => Ok(Some(other)),
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
        if let Some(old) = old {
            if !self.channels.values().any(|told| told.interface == old.interface) {
                self.threads.remove(&old.interface);
            }
            if let Some(launch) = self.moving.remove(&channel) {
                return self.put(launch).map(|()| None);
            }
        }
        Ok(Some(Report::Retired { channel, generation }))
    }
}
