//! The one loop every shell needs: carry storage outputs out, answer, go on until nothing is left.

use alloc::vec::Vec;
use core::ops::Range;

use stbcast_object::Micros;

use crate::fetch::Outputs;
use crate::{Area, Boot, Fetch, Input, Output, Storage};

/// What [`Fetch`] and [`Boot`] have in common.
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
        impl<P> Session<P> for $session<P> {
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

/// Hands `input` to the session and carries its storage outputs out, until nothing is left to do.
///
/// `datagram` holds the payload of an [`Input::Arrival`]; joins, leaves and events go to `shell`.
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
    let mut result = Ok(());
    let mut buffer = Vec::new();
    let mut next = session.handle(now, input).next();
    while let Some(output) = next {
        buffer.clear();
        let done = match output {
            Output::Begin { role, version } => {
                // A storage that could not begin fails the writes, and those are answered.
                result = storage.begin(role, version.as_deref()).and(result);
                None
            }
            Output::Write { area, offset, payload } => {
                let bytes = datagram.get(payload).unwrap_or_default();
                Some((storage.write(area, offset, bytes), Answer::Written))
            }
            Output::Copy { from, from_offset, to, to_offset, length } => {
                let copied = copy(storage, (from, from_offset), (to, to_offset), length);
                Some((copied, Answer::Written))
            }
            Output::Sync { length } => Some((storage.sync(length), Answer::Synced)),
            Output::Read { offset, length } => {
                Some((storage.read(Area::Slot, offset, length, &mut buffer), Answer::Read))
            }
            Output::Commit => Some((storage.commit(), Answer::Committed)),
            other => {
                shell(other);
                None
            }
        };
        next = match done {
            None => session.outputs().next(),
            Some((outcome, answer)) => {
                let input = answer.input(outcome.is_ok(), &buffer);
                result = outcome.and(result);
                session.handle(now, input).next()
            }
        };
    }
    result
}

/// Which input tells the session the outcome of an operation.
#[derive(Clone, Copy)]
enum Answer {
    Written,
    Synced,
    Read,
    Committed,
}

impl Answer {
    const fn input(self, ok: bool, buffer: &[u8]) -> Input<'_, Range<usize>> {
        match self {
            Self::Written => Input::Written { ok },
            Self::Synced => Input::Synced { ok },
            Self::Read if ok => Input::ReadBack(buffer),
            Self::Read => Input::ReadFailed,
            Self::Committed => Input::Committed { ok },
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
        let piece = length.min(crate::limits::READ_BACK_BYTES);
        buffer.clear();
        storage.read(from, from_offset, piece, &mut buffer)?;
        storage.write(to, to_offset, &buffer)?;
        (from_offset, to_offset, length) = (from_offset + piece, to_offset + piece, length - piece);
    }
    Ok(())
}
