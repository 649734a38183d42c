use proptest::prelude::*;

use super::*;

fn stored() -> impl Strategy<Value = Option<Stored>> {
    proptest::option::of(
        (any::<u64>(), any::<[u8; 32]>()).prop_map(|(length, sha256)| Stored { length, sha256 }),
    )
}

fn installed() -> impl Strategy<Value = Installed> {
    let parts = [stored(), stored(), stored()];
    (any::<[u8; 32]>(), any::<u64>(), any::<u32>(), any::<u64>(), parts).prop_map(
        |(release, number, epoch, time_floor, parts)| Installed {
            release,
            number,
            epoch,
            time_floor,
            parts,
        },
    )
}

fn failed() -> impl Strategy<Value = Failed> {
    (any::<[u8; 32]>(), any::<u64>(), any::<u8>()).prop_map(|(release, number, trials)| Failed {
        release,
        number,
        trials,
    })
}

fn state() -> impl Strategy<Value = State> {
    let committed = (any::<[u8; 32]>(), any::<u64>())
        .prop_map(|(release, number)| Committed { release, number });
    let numbers = (any::<bool>(), any::<u32>(), any::<u64>(), proptest::option::of(committed));
    let banks = [proptest::option::of(installed()), proptest::option::of(installed())];
    let failed = proptest::collection::vec(failed(), 0..=FAILED_MAX);
    let root = proptest::collection::vec(any::<u8>(), 0..=ROOT_BYTES_MAX);
    let trial = proptest::option::of(0..=TRIAL_BOOTS);
    (numbers, banks, trial, failed, root).prop_map(|(numbers, banks, trial, failed, root)| {
        let (is_b, epoch, time_floor, committed) = numbers;
        let active = if is_b { Bank::B } else { Bank::A };
        let failed: ArrayVec<_, FAILED_MAX> = failed.into_iter().collect();
        let failed_more = failed.is_full() && is_b;
        let mut state = State {
            active,
            banks,
            trial: None,
            failed,
            failed_more,
            committed,
            epoch,
            time_floor,
            root,
        };
        if state.bank(state.inactive()).is_some() {
            state.trial = trial.map(|boots_left| Trial { boots_left });
        }
        state
    })
}

proptest! {
    #[test]
    fn a_record_reads_as_what_was_written(state in state(), sequence: u64) {
        let bytes = encode(&state, sequence);
        prop_assert_eq!(bytes.len(), BYTES);
        prop_assert_eq!(decode(&bytes), Some((state, sequence)));
    }

    #[test]
    fn any_bytes_at_all_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..2_100)) {
        prop_assert_eq!(decode(&bytes), None);
    }

    /// As if a program with a defect had sealed them.
    #[test]
    fn sealed_bytes_are_a_legal_state_or_none(
        state in state(),
        changes in proptest::collection::vec((0..624_usize, any::<u8>()), 1..8),
    ) {
        let mut bytes = encode(&state, 7);
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        seal(&mut bytes);
        if let Some((state, sequence)) = decode(&bytes) {
            prop_assert!(state.trial.is_none() || state.on_trial().is_some());
            prop_assert_eq!(decode(&encode(&state, sequence)), Some((state, sequence)));
        }
    }
}

fn seal(bytes: &mut [u8]) {
    let crc = crc32(&bytes[..CRC_AT]);
    bytes[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
}

fn full() -> State {
    let stored = |number| Some(Stored { length: number, sha256: [number as u8; 32] });
    let installed = |number: u64| Installed {
        release: [number as u8; 32],
        number,
        epoch: 0x0a0b_0c0d,
        time_floor: 1_800_000_000,
        parts: [stored(number + 1), None, stored(number + 2)],
    };
    State {
        active: Bank::B,
        banks: [Some(installed(0x20)), Some(installed(0x30))],
        trial: Some(Trial { boots_left: 2 }),
        failed: [Failed { release: [0x40; 32], number: 0x41, trials: 1 }].into_iter().collect(),
        failed_more: true,
        committed: Some(Committed { release: [0x30; 32], number: 0x30 }),
        epoch: 0x0102_0304,
        time_floor: 1_700_000_000,
        root: b"root".to_vec(),
    }
}

#[test]
pub(in crate::slots) fn a_bit_that_flipped_anywhere_makes_it_no_record() {
    let bytes = encode(&full(), 1);
    for bit in 0..BYTES * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(decode(&flipped), None, "bit {bit}");
    }
    assert_eq!(decode(&bytes[..BYTES - 1]), None);
}

#[test]
fn a_record_of_a_later_layout_is_not_guessed_at() {
    let mut bytes = encode(&full(), 1);
    bytes[4] = 2;
    seal(&mut bytes);
    assert_eq!(decode(&bytes), None);
}

/// The places that `PROTOCOL.md` names, as a boot loader in C reads them.
#[test]
fn fields_lie_where_the_protocol_says() {
    let bytes = encode(&full(), 0x0807_0605_0403_0201);
    let at = |start: usize, expected: &[u8]| {
        assert_eq!(&bytes[start..start + expected.len()], expected, "at {start}");
    };
    at(0, b"STBS\x01\x00\x00\x00");
    at(8, &[1, 2, 3, 4, 5, 6, 7, 8]);
    at(16, &1_700_000_000_u64.to_le_bytes());
    at(24, &0x30_u64.to_le_bytes());
    at(32, &[4, 3, 2, 1]);
    // Flags, active bank, trial, boots left; bytes of the root, failed releases.
    at(36, &[3, 1, 1, 2, 4, 0, 1, 0]);
    at(44, &[0; 4]);
    at(48, &[0x30; 32]);
    for (bank, number) in [(80, 0x20), (256, 0x30)] {
        at(bank, &[1, 0b101, 0, 0, 0x0d, 0x0c, 0x0b, 0x0a]);
        at(bank + 8, &u64::from(number).to_le_bytes());
        at(bank + 16, &1_800_000_000_u64.to_le_bytes());
        at(bank + 24, &[number; 32]);
        at(bank + 56, &u64::from(number + 1).to_le_bytes());
        at(bank + 64, &[number + 1; 32]);
        at(bank + 96, &[0; 40]);
        at(bank + 136, &u64::from(number + 2).to_le_bytes());
        at(bank + 144, &[number + 2; 32]);
    }
    at(432, &[0x40; 32]);
    at(464, &[0x41, 0, 0, 0, 0, 0, 0, 0, 1]);
    at(480, &[0; 144]);
    at(624, b"root");
    at(628, &[0; 2_044 - 628]);
    assert_eq!(bytes[2_044..], crc32(&bytes[..2_044]).to_le_bytes());
}
