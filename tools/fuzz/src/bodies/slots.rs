//! What a box keeps: any damage to it, and any order of what may be done with it.

use sha2::{Digest, Sha256};
use stbcast_bootcast::Part;
use stbcast_receiver::slots::{Bank, Banks, Copy, MemoryMedium, Place, State, record};
use stbcast_receiver::{Area, Content, Installation, Killed, Remembered, Role, Storage};

use super::Script;

const SYMBOL: usize = 100;
const ROLE: Role = Role::Part(Part::Kernel);

/// Images of a few releases.
fn image(number: u8) -> Vec<u8> {
    (0..1_950_u32).map(|n| (n * n / 7) as u8 ^ (number % 4)).collect()
}

fn content(bytes: &[u8]) -> Content {
    let sha256 = Sha256::digest(bytes).into();
    Content { sha256, length: bytes.len() as u64, symbol_bytes: SYMBOL as u16 }
}

fn installation(number: u8, permitted: u8) -> Installation {
    Installation {
        release: [number; 32],
        number: number.into(),
        epoch: u32::from(number / 8),
        time_floor: number.into(),
        permitted_from: permitted.is_multiple_of(3).then_some(u64::from(permitted) / 3),
        parts: vec![(Part::Kernel, content(&image(number)))],
    }
}

/// A box that does what the bytes say: receives, keeps, arms, boots, commits, rolls back, and loses
/// bytes in between. Nothing panics; what boots has its digest; what is active is not written; without
/// damage to the state nothing that protects the box falls, but the number by a permit.
pub fn slots_ops(data: &[u8]) {
    let mut script = Script(data);
    let mut banks = Banks::open(MemoryMedium::default()).expect("memory is read");
    while let Some(op) = script.byte() {
        let before = banks.state().clone();
        let active = Place::Slot(before.active, Part::Kernel);
        let active_bytes = banks.medium().bytes(active).to_vec();
        let argument = script.byte().unwrap_or(0);
        if op % 16 >= 13 {
            banks = damaged(banks, op, argument, &mut script);
            continue;
        }
        step(&mut banks, op % 16, argument, &mut script);
        let after = banks.state();
        check_state(&before, after);
        assert!(banks.medium().bytes(active) == active_bytes, "the active bank was written");
        check_bootable(&banks);
    }
}

fn step(banks: &mut Banks<MemoryMedium>, op: u8, argument: u8, script: &mut Script<'_>) {
    let bytes = image(argument);
    match op {
        0 => {
            let Ok(held) = banks.resume(ROLE, None, &content(&bytes)) else { return };
            let ends = held.iter().flat_map(|range| [range.start, range.end]);
            assert!(ends.is_sorted_by(|a, b| a < b), "{held:?}");
            assert!(held.iter().all(|range| range.end <= 20), "{held:?}");
        }
        1 => drop(banks.begin(ROLE, None)),
        2 => {
            let symbol = usize::from(script.byte().unwrap_or(0)) % 20;
            let slice = bytes.chunks(SYMBOL).nth(symbol).unwrap_or_default();
            let _ = banks.write(Area::Slot, (symbol * SYMBOL) as u64, slice);
        }
        3 => drop(banks.write(Area::Slot, 0, &bytes)),
        4 => {
            let (start, end) = (u32::from(argument % 32), u32::from(argument / 8));
            let symbols = start..end;
            let _ = banks.keep(core::slice::from_ref(&symbols));
        }
        5 => drop(banks.sync(bytes.len() as u64)),
        6 => drop(banks.commit()),
        7 => {
            let installation = installation(argument, script.byte().unwrap_or(1));
            let armed = banks.arm(&installation);
            if armed == Ok(true) {
                let slot = Place::Slot(banks.state().inactive(), Part::Kernel);
                assert!(banks.medium().bytes(slot).starts_with(&bytes), "armed without its bytes");
            }
        }
        8 => drop(banks.settle()),
        9 => drop(banks.commit_trial()),
        10 => drop(banks.roll_back()),
        11 => {
            let root = script.block();
            let root = (!root.is_empty()).then(|| root.to_vec());
            let _ = banks.remember(&Remembered {
                root,
                time_floor: argument.into(),
                killed: Vec::new(),
            });
        }
        12 => {
            let number = u64::from(argument);
            let killed = vec![Killed { release: [argument; 32], number }];
            let remembered = Remembered { killed, ..Remembered::default() };
            if banks.remember(&remembered).is_ok() {
                let standing = banks.standing();
                let is_low = standing.denied_up_to.is_some_and(|up_to| number <= up_to);
                assert!(
                    standing.denied.contains(&[argument; 32]) || is_low,
                    "killed and forgotten"
                );
            }
        }
        _ => {
            let standing = banks.standing();
            assert_eq!(standing.epoch, banks.state().epoch);
        }
    }
}

fn check_state(before: &State, after: &State) {
    assert!(after.epoch >= before.epoch && after.time_floor >= before.time_floor);
    assert!(before.root.is_empty() || !after.root.is_empty());
    assert!(after.trial.is_none() || after.on_trial().is_some());
    let is_committed = before.trial.is_some() && after.trial.is_none();
    assert!(before.committed == after.committed || is_committed, "counters rise at commits alone");
}

fn check_bootable(banks: &Banks<MemoryMedium>) {
    let Some(boot) = banks.bootable() else { return };
    let Some(stored) = boot.installed.part(Part::Kernel) else { panic!("nothing to boot") };
    let there = banks.medium().bytes(Place::Slot(boot.bank, Part::Kernel));
    let there = there.get(..stored.length as usize).unwrap_or_default();
    assert_eq!(<[u8; 32]>::from(Sha256::digest(there)), stored.sha256);
}

/// The box is switched off and on, and something of its flash is not what it was.
fn damaged(
    banks: Banks<MemoryMedium>,
    op: u8,
    argument: u8,
    script: &mut Script<'_>,
) -> Banks<MemoryMedium> {
    let mut medium = banks.into_medium();
    let bank = Bank::ALL[usize::from(argument & 1)];
    let place = match op % 16 {
        13 => Place::Slot(bank, Part::Kernel),
        14 => Place::Journal(bank, Part::Kernel),
        _ => {
            let copy = Copy::ALL[usize::from(argument & 1)];
            overwrite(medium.state_mut(copy), script);
            // A program with a defect may have sealed it.
            if argument & 2 == 2
                && let Some((bytes, crc)) = medium.state_mut(copy).split_last_chunk_mut::<4>()
            {
                *crc = stbcast_flute::crc32(bytes).to_le_bytes();
            }
            if let Some((state, sequence)) = record::decode(medium.state_mut(copy)) {
                let again = record::decode(&record::encode(&state, sequence));
                assert_eq!(again, Some((state, sequence)));
            }
            return Banks::open(medium).expect("memory is read");
        }
    };
    overwrite(medium.bytes_mut(place), script);
    Banks::open(medium).expect("memory is read")
}

fn overwrite(bytes: &mut [u8], script: &mut Script<'_>) {
    let at = usize::from(script.byte().unwrap_or(0)) * 8 + usize::from(script.byte().unwrap_or(0));
    for (byte, new) in bytes.iter_mut().skip(at).zip(script.block()) {
        *byte = *new;
    }
}
