//! What servers are asked for, and when: never before the box's turn, never more than it needs.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

mod announced;
mod chance;
mod failing;
#[path = "../headend/mod.rs"]
mod headend;
mod when;

use headend::{Code, Headend, Revision, Stb, announce, channel};
use stbcast_object::Micros;
use stbcast_receiver::{Event, FetchError, FetchOptions, Hosts, UnicastOptions};

const URL: &str = "http://a.example/x";
const SERIAL: &str = "1931690851";

/// Slices of the object.
const SLICES: u64 = 200;

/// Slices that many tests never let arrive.
const LOST: [u64; 6] = [5, 6, 77, 78, 79, 80];

fn image(seed: u64, code: Code) -> Revision {
    Revision::new(seed, 200 * 60 - 17, (60, 1), code)
}

fn options() -> FetchOptions {
    FetchOptions {
        announce: Some(announce()),
        unicast: Some(UnicastOptions::new(SERIAL.to_owned(), Hosts::Any)),
        ..FetchOptions::default()
    }
}

/// A headend that names a server, and a box that may ask it.
fn on_air(revision: &Revision, ratio: f64, after_cycles: u8, window_s: u32) -> (Headend, Stb) {
    let mut headend = Headend::new(revision, ratio);
    headend.announce(vec![revision.served(URL, after_cycles, window_s)]);
    (headend, Stb::with(options()))
}

fn turn_event(stb: &Stb) -> Option<Micros> {
    stb.events.iter().find_map(|event| match event {
        Event::UnicastTurn { at } => Some(*at),
        _ => None,
    })
}

/// Plays until something is asked for or `turns` slices have passed. Which slice is
/// lost, with what comes beside it, is told by its number on the channel.
fn until_asked(
    headend: &mut Headend,
    stb: &mut Stb,
    turns: u64,
    mut is_lost: impl FnMut(u64) -> bool,
) -> bool {
    for _ in 0..turns {
        let is_lost = is_lost(headend.sent);
        for one in headend.turn() {
            if !one.carries_symbol || !is_lost {
                stb.hear(headend.now, &one);
            }
            if stb.under_way.is_some() || stb.is_over() {
                return stb.under_way.is_some();
            }
        }
    }
    false
}

/// Loses some slices in each cycle.
fn always(slices: &[u64]) -> impl FnMut(u64) -> bool + '_ {
    |turn| slices.contains(&(turn % SLICES))
}

/// Nothing comes until something is asked for, or the fetch is over.
fn wait_until_asked(stb: &mut Stb) -> bool {
    while stb.under_way.is_none() && !stb.is_over() {
        assert!(stb.joined(channel()), "it goes on listening");
        let at = stb.fetch.wake_at().unwrap();
        stb.wait_until(at);
    }
    stb.under_way.is_some()
}

/// A box that may ask `list` at once, and the moment it asks.
fn asking(revision: &Revision, list: &str, ratio: f64) -> (Headend, Stb) {
    let mut headend = Headend::new(revision, ratio);
    headend.announce(vec![revision.served(list, 1, 0)]);
    let mut stb = Stb::with(options());
    assert!(until_asked(&mut headend, &mut stb, 1_000, always(&LOST)));
    (headend, stb)
}

/// Nothing of these slices is ever heard while time goes on, until something is asked for.
fn wait_on_air(headend: &mut Headend, stb: &mut Stb, turns: u64) -> bool {
    until_asked(headend, stb, turns, always(&LOST))
}

fn failed(stb: &Stb) -> Option<FetchError> {
    stb.events.iter().find_map(|event| match event {
        Event::Failed(error) => Some(*error),
        _ => None,
    })
}

/// Time goes on with the same slices lost; whether the fetch is over.
fn until_over(headend: &mut Headend, stb: &mut Stb, turns: u64) -> bool {
    let mut lost = always(&LOST);
    for _ in 0..turns {
        let is_lost = lost(headend.sent);
        for one in headend.turn() {
            if !one.carries_symbol || !is_lost {
                stb.hear(headend.now, &one);
            }
        }
    }
    stb.is_over()
}
