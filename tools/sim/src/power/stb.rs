//! A box with flash that loses power: the session that `boot` runs, over the slots that `boot` has.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use stbcast_object::{Group, Micros};
use stbcast_receiver::slots::BanksError;
use stbcast_receiver::{Event, GroupDecoder, Input, Output, Session, drive_all};

use super::counted::Counted;
use super::flash::FlashError;
use super::release::{START, Sent};
use crate::chance::Chance;

const SENDER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Datagrams taken from the kernel at a time.
const BATCH: usize = 8;

/// From one datagram to the next.
const PACE: Micros = Micros::from_millis(1);

/// What a session said and met.
#[derive(Debug, Default)]
pub struct Run {
    /// Its events.
    pub events: Vec<Event>,
    /// What storage failed with, the first.
    pub error: Option<BanksError<FlashError>>,
    /// Whether it ended by itself.
    pub over: bool,
}

/// Groups that are joined.
#[derive(Default)]
struct Ears(Vec<(Group, GroupDecoder)>);

impl Ears {
    fn decode(&mut self, sent: &Sent, wall: Micros) -> Option<Input<'static, Range<usize>>> {
        let decoder = self.0.iter_mut().find(|(group, _)| *group == sent.group);
        decoder.map(|(_, decoder)| decoder.decode(SENDER, &sent.bytes, Some(wall)))
    }

    fn obey(&mut self, output: Output<Range<usize>>, events: &mut Vec<Event>) {
        match output {
            Output::Join { group, source, listen } => {
                self.0.push((group, GroupDecoder::new(group, source, &listen)));
            }
            Output::Leave { group } => self.0.retain(|(joined, _)| *joined != group),
            Output::Event(event) => events.push(event),
            _ => {}
        }
    }
}

/// Plays what is sent to a session, from a place in it that chance decides, with so many in a
/// thousand lost, until it is over, the power is off, or `most` datagrams have passed.
pub fn play<S: Session<Range<usize>>>(
    session: &mut S,
    banks: &mut Counted<'_>,
    sent: &[Sent],
    (chance, loss, most): (&mut Chance, u64, usize),
) -> Run {
    let mut run = Run::default();
    let ears = RefCell::new(Ears::default());
    let mut now = Micros::from_secs(1);
    let start = chance.below(sent.len() as u64) as usize;
    let mut around = sent.iter().cycle().skip(start).take(most).peekable();
    let (mut buffer, mut batch) = (Vec::new(), Vec::new());
    let mut turn = |session: &mut S,
                    banks: &mut Counted<'_>,
                    now: Micros,
                    batch: &[(&Sent, usize)],
                    buffer: &[u8]| {
        let mut shell = |output| ears.borrow_mut().obey(output, &mut run.events);
        let mut at = now;
        let datagrams = batch.iter().filter_map(|(sent, start)| {
            at = at.after(PACE);
            let input = ears.borrow_mut().decode(sent, START.after(at))?;
            Some((at, input.within(*start)))
        });
        let is_due = session.wake_at().is_some_and(|wake_at| wake_at <= now);
        let wake = is_due.then_some((now, Input::Wake));
        let driven =
            drive_all(session, banks, wake.into_iter().chain(datagrams), buffer, &mut shell);
        if let Err(error) = driven {
            run.error.get_or_insert(error);
        }
    };
    while around.peek().is_some() && !session.is_over() && !banks.banks.medium().is_off() {
        buffer.clear();
        batch.clear();
        for sent in around.by_ref().take(BATCH) {
            if chance.below(1_000) >= loss {
                batch.push((sent, buffer.len()));
                buffer.extend_from_slice(&sent.bytes);
            }
        }
        turn(session, banks, now, &batch, &buffer);
        now = now.after(PACE.times(BATCH as u64));
    }
    run.over = session.is_over();
    run
}
