//! The one loop every shell needs: carry storage outputs out, answer, go on until nothing is left.

use alloc::vec::Vec;
use core::ops::Range;

use stbcast_object::Micros;

use crate::fetch::Outputs;
use crate::gather::Gather;
use crate::{
    Area, Boot, Fetch, Input, Output, Recovered, Recovery, RecoveryOutcome, Storage, TrustedBoot,
    Watch, limits,
};

/// What [`Fetch`], [`Boot`], [`TrustedBoot`] and [`Watch`] have in common.
pub trait Session<P> {
    /// Takes an input at `now` and hands out what is to be done.
    #[must_use = "the outputs must be carried out"]
    fn handle(&mut self, now: Micros, input: Input<'_, P>) -> Outputs<'_, P>;
    /// Hands out what is left to be done.
    fn outputs(&mut self) -> Outputs<'_, P>;
    /// When the session wants an [`Input::Wake`], if nothing happens before.
    fn wake_at(&self) -> Option<Micros>;
    /// Whether the session has ended.
    fn is_over(&self) -> bool;
}

macro_rules! session {
    ($session:ident) => {
        impl<P: Clone> Session<P> for $session<P> {
            fn handle(&mut self, now: Micros, input: Input<'_, P>) -> Outputs<'_, P> {
                $session::handle(self, now, input)
            }
            fn outputs(&mut self) -> Outputs<'_, P> {
                $session::outputs(self)
            }
            fn wake_at(&self) -> Option<Micros> {
                $session::wake_at(self)
            }
            fn is_over(&self) -> bool {
                $session::is_over(self)
            }
        }
    };
}

session!(Fetch);
session!(Boot);
session!(TrustedBoot);
session!(Watch);

/// Hands `input` to the session and carries its storage outputs out, until nothing is left to do.
///
/// `datagram` holds the payload of an [`Input::Arrival`] or [`Input::Symbol`]; joins, leaves and events go to `shell`.
///
/// # Errors
/// The last error of the storage. The session has been told already and acts on it.
pub fn drive<S, T>(
    session: &mut S,
    storage: &mut T,
    now: Micros,
    input: Input<'_, Range<usize>>,
    datagram: &[u8],
    shell: &mut impl FnMut(Output<Range<usize>>),
) -> Result<(), T::Error>
where
    S: Session<Range<usize>>,
    T: Storage,
{
    Driver::<T, 1>::run(session, storage, core::iter::once((now, input)), datagram, shell)
}

/// The same for datagrams that arrived together: `inputs` are handed in one after the other, each
/// with its time, and slices that lie together are written together.
///
/// `datagrams` holds them all; the payload of an [`Input::Arrival`] is a range of it (see
/// [`Arrival::within`](crate::Arrival::within)). The next input is asked for when everything the
/// last one led to has been done or handed to `shell`, so `inputs` may end early: after a
/// [`Output::Leave`], what else arrived on the channel is not for the session any more.
///
/// A write is answered as done when it is gathered. All are carried out before anything else is
/// asked of the storage and before this function returns. One that fails fails the operation it
/// stood in front of, or is told by one more [`Input::Written`] behind the last input, or in place
/// of a recovery or comparison: either way exactly once, and before the object can be synced.
///
/// # Errors
/// The last error of the storage. The session has been told already and acts on it.
pub fn drive_all<'i, S, T>(
    session: &mut S,
    storage: &mut T,
    inputs: impl IntoIterator<Item = (Micros, Input<'i, Range<usize>>)>,
    datagrams: &[u8],
    shell: &mut impl FnMut(Output<Range<usize>>),
) -> Result<(), T::Error>
where
    S: Session<Range<usize>>,
    T: Storage,
{
    Driver::<T, { limits::WRITE_PARTS_MAX }>::run(session, storage, inputs, datagrams, shell)
}

/// A storage at work for a session.
struct Driver<'a, T: Storage, const PARTS: usize> {
    storage: &'a mut T,
    datagrams: &'a [u8],
    gather: Gather<PARTS>,
    /// What was read back last.
    buffer: Vec<u8>,
    result: Result<(), T::Error>,
}

impl<'a, T: Storage, const PARTS: usize> Driver<'a, T, PARTS> {
    fn run<'i, S: Session<Range<usize>>>(
        session: &mut S,
        storage: &'a mut T,
        inputs: impl IntoIterator<Item = (Micros, Input<'i, Range<usize>>)>,
        datagrams: &'a [u8],
        shell: &mut impl FnMut(Output<Range<usize>>),
    ) -> Result<(), T::Error> {
        let (gather, buffer) = (Gather::default(), Vec::new());
        let mut driver = Self { storage, datagrams, gather, buffer, result: Ok(()) };
        let mut last = Micros::ZERO;
        for (now, input) in inputs {
            last = now;
            driver.step(session, now, input, shell);
        }
        if !driver.flush() {
            driver.step(session, last, Input::Written { ok: false }, shell);
        }
        driver.result
    }

    fn step<S: Session<Range<usize>>>(
        &mut self,
        session: &mut S,
        now: Micros,
        input: Input<'_, Range<usize>>,
        shell: &mut impl FnMut(Output<Range<usize>>),
    ) {
        let mut next = session.handle(now, input).next();
        while let Some(output) = next {
            next = match self.carry_out(output, shell) {
                None => session.outputs().next(),
                Some((answer, ok)) => session.handle(now, answer.input(ok, &self.buffer)).next(),
            };
        }
    }

    /// Does what an output asks for; what the session is to be told of it.
    fn carry_out(
        &mut self,
        output: Output<Range<usize>>,
        shell: &mut impl FnMut(Output<Range<usize>>),
    ) -> Option<(Answer, bool)> {
        match output {
            Output::Write { area, offset, payload } => {
                // A handle that is none of ours is not written, and never counts as written.
                let known = self.datagrams.get(payload.clone()).is_some();
                Some((Answer::Written, known && self.write(area, offset, payload)))
            }
            Output::Begin { role, version } => {
                // What the object before still wanted written goes with it. A storage that could
                // not begin fails the writes, and those are answered.
                self.gather.clear();
                let begun = self.storage.begin(role, version.as_deref());
                self.note(begun);
                None
            }
            Output::Resume { role, version, content } => {
                self.gather.clear();
                let held = self.storage.resume(role, version.as_deref(), &content);
                let held = held.unwrap_or_else(|error| {
                    self.result = Err(error);
                    Vec::new()
                });
                Some((Answer::Resumed(held), true))
            }
            Output::Copy { from, from_offset, to, to_offset, length } => {
                let (from, to) = ((from, from_offset), (to, to_offset));
                Some((Answer::Written, self.flushed(|storage, _| copy(storage, from, to, length))))
            }
            // A session may go on without these, but never without what was to be written.
            Output::Recover(_) | Output::Compare { .. } | Output::Keep { .. } if !self.flush() => {
                Some((Answer::Written, false))
            }
            Output::Keep { symbols } => {
                let kept = self.storage.keep(&symbols);
                self.note(kept);
                None
            }
            Output::Recover(recovery) => self.recover(recovery),
            Output::Compare { offset, payload } => {
                Some((Answer::Compared, self.compare(offset, payload)))
            }
            Output::Sync { length } => {
                Some((Answer::Synced, self.flushed(|storage, _| storage.sync(length))))
            }
            Output::Read { offset, length } => {
                let read = |storage: &mut T, buffer: &mut Vec<u8>| {
                    buffer.clear();
                    storage.read(Area::Slot, offset, length, buffer)
                };
                Some((Answer::Read, self.flushed(read)))
            }
            Output::Commit => {
                Some((Answer::Committed, self.flushed(|storage, _| storage.commit())))
            }
            Output::Arm(installation) => {
                let armed = self.storage.arm(&installation);
                let ok = matches!(armed, Ok(true));
                self.note(armed.map(drop));
                Some((Answer::Armed, ok))
            }
            Output::Remember(remembered) => {
                let kept = self.storage.remember(&remembered);
                self.note(kept);
                None
            }
            other => {
                shell(other);
                None
            }
        }
    }

    /// Begins a recovery; the answer, where it is there already.
    fn recover(&mut self, recovery: Recovery) -> Option<(Answer, bool)> {
        let failed = Recovered { id: recovery.id, outcome: RecoveryOutcome::Failed };
        let answer = self.storage.recover(recovery).unwrap_or_else(|error| {
            self.result = Err(error);
            Some(failed)
        });
        answer.map(|recovered| (Answer::Recovered(recovered), true))
    }

    /// Whether the slot has the payload at `offset`.
    fn compare(&mut self, offset: u64, payload: Range<usize>) -> bool {
        let bytes = self.datagrams.get(payload).unwrap_or_default();
        self.buffer.clear();
        let read = self.storage.read(Area::Slot, offset, bytes.len() as u64, &mut self.buffer);
        self.note(read) && self.buffer.as_slice() == bytes
    }

    fn write(&mut self, area: Area, offset: u64, payload: Range<usize>) -> bool {
        let written = self.gather.write(self.storage, (area, offset), payload, self.datagrams);
        self.note(written)
    }

    fn flush(&mut self) -> bool {
        let flushed = self.gather.flush(self.storage, self.datagrams);
        self.note(flushed)
    }

    /// Carries out an operation that relies on what was written before.
    fn flushed(
        &mut self,
        operation: impl FnOnce(&mut T, &mut Vec<u8>) -> Result<(), T::Error>,
    ) -> bool {
        if !self.flush() {
            return false;
        }
        let done = operation(self.storage, &mut self.buffer);
        self.note(done)
    }

    fn note(&mut self, done: Result<(), T::Error>) -> bool {
        let ok = done.is_ok();
        if !ok {
            self.result = done;
        }
        ok
    }
}

/// Which input tells the session the outcome of an operation.
enum Answer {
    Written,
    Synced,
    Read,
    Committed,
    Compared,
    Recovered(Recovered),
    Resumed(Vec<Range<u32>>),
    Armed,
}

impl Answer {
    fn input(self, ok: bool, buffer: &[u8]) -> Input<'_, Range<usize>> {
        match self {
            Self::Written => Input::Written { ok },
            Self::Synced => Input::Synced { ok },
            Self::Read if ok => Input::ReadBack(buffer),
            Self::Read => Input::ReadFailed,
            Self::Committed => Input::Committed { ok },
            Self::Compared => Input::Compared { equal: ok },
            Self::Recovered(recovered) => Input::Recovered(recovered),
            Self::Resumed(held) => Input::Resumed { held },
            Self::Armed => Input::Armed { ok },
        }
    }
}

/// Copies in pieces, so that memory stays bounded however long the copy is.
fn copy<T: Storage>(
    storage: &mut T,
    (from, mut from_offset): (Area, u64),
    (to, mut to_offset): (Area, u64),
    mut length: u64,
) -> Result<(), T::Error> {
    let mut buffer = Vec::new();
    while length > 0 {
        let piece = length.min(limits::READ_BACK_BYTES);
        buffer.clear();
        storage.read(from, from_offset, piece, &mut buffer)?;
        storage.write(to, to_offset, &buffer)?;
        (from_offset, to_offset, length) = (from_offset + piece, to_offset + piece, length - piece);
    }
    Ok(())
}
