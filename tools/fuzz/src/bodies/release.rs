//! Signed statements: what is unsigned of them, and what they say.

use std::sync::LazyLock;

use stbcast_release::{
    Action, Clock, Identity, Order, Permit, Refusal, Release, STATEMENT_BYTES_MAX, Signed,
    SigningKey, Standing, Statement, Trust, Verdict, unverified,
};

use super::Script;

/// The statements of the protocol document: a root, a release, a permit and two actions.
const SEEDS: [&[u8]; 5] = [
    include_bytes!("../../corpus/statement/seed-root"),
    include_bytes!("../../corpus/statement/seed-release"),
    include_bytes!("../../corpus/statement/seed-permit"),
    include_bytes!("../../corpus/statement/seed-reboot"),
    include_bytes!("../../corpus/statement/seed-kill"),
];

static TRUST: LazyLock<Trust> = LazyLock::new(|| Trust::new(genuine(0)).expect("a root"));

/// The first byte of a seed says what is done with the others.
fn genuine(which: usize) -> &'static [u8] {
    &SEEDS[which][1..]
}

/// Bytes as a statement, as the payload of one, as a change of a genuine one, or as what a box
/// remembers. Nothing but the genuine ones is taken; what can be read can be written, and read again
/// the same; what is followed keeps the rules.
pub fn statement(data: &[u8]) {
    let mut script = Script(data);
    match script.byte().unwrap_or(0) % 5 {
        0 => message(script.0),
        1 => payload(&mut script),
        2 => change(&mut script),
        3 => judge(&mut script),
        _ => obey(&mut script),
    }
}

fn message(bytes: &[u8]) {
    let known = (0..SEEDS.len()).any(|which| bytes == genuine(which));
    match TRUST.open(bytes) {
        Ok(_) => assert!(known, "a forged statement is taken"),
        Err(refusal) => assert_eq!(Refusal::LABELS[refusal.index()], refusal.label()),
    }
    let Ok((statement, kids)) = unverified(bytes) else { return };
    assert!(bytes.len() <= STATEMENT_BYTES_MAX && (1..=8).contains(&kids.len()));
    assert!(kids.is_sorted());
    write(&statement);
}

/// What was read is written, and read again the same.
fn write(statement: &Statement) {
    let key = SigningKey::from_seed(&[7; 32]);
    let written = match statement {
        Statement::Root(root) => root.value.sign(&[&key]),
        Statement::Release(release) => release.value.sign(&key),
        Statement::Permit(permit) => permit.value.sign(&[&key]),
        Statement::Action(action) => action.value.sign(&key),
    };
    let again = unverified(&written.expect("what was read is legal")).expect("and so is this").0;
    let same = match (statement, &again) {
        (Statement::Root(one), Statement::Root(other)) => one.value == other.value,
        (Statement::Release(one), Statement::Release(other)) => one.value == other.value,
        (Statement::Permit(one), Statement::Permit(other)) => one.value == other.value,
        (Statement::Action(one), Statement::Action(other)) => one.value == other.value,
        _ => false,
    };
    assert!(same, "{statement:?}\n{again:?}");
}

/// A genuine message around other bytes: a signature that is wrong, and headers that are right.
fn payload(script: &mut Script<'_>) {
    let which = usize::from(script.byte().unwrap_or(0)) % SEEDS.len();
    let message_around = around(genuine(which), script.0);
    message(&message_around);
}

/// The message with its payload, the third part of its array, put in place of another.
fn around(message: &[u8], payload: &[u8]) -> Vec<u8> {
    let tag = if message[0] == 0xd8 { 2 } else { 1 };
    // Tag, array, byte string of less than 256 bytes, empty map.
    let start = tag + 1 + 2 + usize::from(message[tag + 2]) + 1;
    let (head, length) = match message[start] {
        0x58 => (2, usize::from(message[start + 1])),
        _ => (3, usize::from(message[start + 1]) << 8 | usize::from(message[start + 2])),
    };
    let bytes = payload.len().min(STATEMENT_BYTES_MAX);
    let mut whole = message[..start].to_vec();
    match u8::try_from(bytes).unwrap_or(u8::MAX) {
        short @ ..24 => whole.push(0x40 | short),
        long if bytes < 256 => whole.extend([0x58, long]),
        _ => whole.extend([0x59, (bytes >> 8) as u8, bytes as u8]),
    }
    whole.extend_from_slice(&payload[..bytes]);
    whole.extend_from_slice(&message[start + head + length..]);
    whole
}

/// Bytes of a genuine statement are others, or it ends earlier.
fn change(script: &mut Script<'_>) {
    let which = usize::from(script.byte().unwrap_or(0)) % SEEDS.len();
    let mut bytes = genuine(which).to_vec();
    while let Some(high) = script.byte() {
        let place = usize::from(high) << 8 | usize::from(script.byte().unwrap_or(0));
        match bytes.get_mut(place) {
            Some(byte) => *byte = script.byte().unwrap_or(0),
            None => bytes.truncate(place % (bytes.len() + 1)),
        }
    }
    message(&bytes);
    let mut trust = TRUST.clone();
    assert!(trust.advance(&bytes).is_err());
}

/// Any box, any time, and any action by the right key.
fn obey(script: &mut Script<'_>) {
    let mut number = || u64::from(script.byte().unwrap_or(0));
    let which = if number() & 1 == 0 { 3 } else { 4 };
    let Ok(Statement::Action(action)) = TRUST.open(genuine(which)) else {
        panic!("the genuine ones are taken");
    };
    let action = action.value;
    let Action { not_before, expiry, .. } = action;
    let mut time = || not_before.saturating_sub(9) + number() * ((expiry - not_before) / 128);
    let (own, heard, time_floor) = (time(), time(), time());
    let flags = number();
    let clock =
        Clock { own: (flags & 1 != 0).then_some(own), heard: (flags & 2 != 0).then_some(heard) };
    let identity = Identity {
        model: if flags & 4 != 0 { "VIP1113" } else { "VIP1853" }.into(),
        hardware: number() as u32,
        serial: if flags & 8 != 0 { "1931690851" } else { "1" }.into(),
    };
    let is_meant = TRUST.concerns(&action, &identity).is_ok();
    let names = action.models.is_empty() || action.models.contains(&identity.model);
    let hardware = action.hardware.contains(&identity.hardware);
    assert_eq!(is_meant, names && hardware && action.is_for_serial(&identity.serial));
    if TRUST.is_time(&action, &clock, time_floor).is_ok() {
        assert!(clock.earliest(time_floor) < expiry && clock.latest(time_floor) >= not_before);
        let is_reboot = matches!(action.order, Order::Reboot { .. });
        let early = clock.own.is_some() && clock.earliest(time_floor) < not_before;
        assert!(!(is_reboot && early), "a time that anybody can say has boxes reboot");
    }
}

/// Any box, any time, and any release and permit by the right keys.
fn judge(script: &mut Script<'_>) {
    let mut number = || u64::from(script.byte().unwrap_or(0));
    let (Ok(Statement::Release(release)), Ok(Statement::Permit(permit))) =
        (TRUST.open(genuine(1)), TRUST.open(genuine(2)))
    else {
        panic!("the genuine ones are taken");
    };
    let Release { not_before, expiry, .. } = release.value;
    // Some seconds before and behind all that the release says.
    let mut time = || not_before.saturating_sub(9) + number() * ((expiry - not_before) / 128);
    let (own, heard, time_floor) = (time(), time(), time());
    let release = Signed {
        value: Release { number: number().max(1), epoch: number() as u32, ..release.value },
        ..*release
    };
    let permit = Signed {
        value: Permit {
            from: number(),
            to: number(),
            expiry: not_before + number(),
            ..permit.value
        },
        ..*permit
    };
    let flags = number();
    let standing = Standing {
        installed: (flags & 1 != 0).then_some(if flags & 2 != 0 { release.id } else { [0; 32] }),
        number: (flags & 4 != 0).then(&mut number),
        epoch: number() as u32,
        time_floor,
        denied: if flags & 8 != 0 { vec![release.id] } else { Vec::new() },
        denied_up_to: None,
    };
    let clock =
        Clock { own: (flags & 16 != 0).then_some(own), heard: (flags & 32 != 0).then_some(heard) };
    let identity = Identity {
        model: if flags & 64 != 0 { "VIP1113" } else { "VIP1853" }.into(),
        hardware: number() as u32,
        serial: if flags & 128 != 0 { "1931690851" } else { "1" }.into(),
    };
    let standing = Standing { denied_up_to: number().checked_sub(1), ..standing };
    let verdict =
        TRUST.judge(&release, &identity, &standing, &clock, core::slice::from_ref(&permit));
    let held = standing.installed == Some(release.id);
    let Ok(Verdict::Install { permitted_from }) = verdict else {
        return assert_eq!(verdict == Ok(Verdict::Held), held && verdict.is_ok());
    };
    let (now, release) = (clock.earliest(time_floor), &release.value);
    assert!(!held && standing.denied.is_empty() && now < expiry);
    let is_low = standing.denied_up_to.is_some_and(|up_to| release.number <= up_to);
    assert!(!is_low || standing.number == Some(release.number));
    assert!(clock.latest(time_floor) >= not_before && now >= time_floor);
    assert!(release.epoch >= standing.epoch && release.epoch >= TRUST.root().epoch);
    assert!(release.hardware.contains(&identity.hardware));
    match (permitted_from, standing.number) {
        (None, None) => {}
        (None, Some(committed)) => {
            let again = standing.installed.is_none() && release.number == committed;
            assert!(release.number > committed || again);
        }
        (Some(from), committed) => {
            assert_eq!((Some(from), permit.value.from), (committed, from));
            assert!(permit.value.to == release.number && now < permit.value.expiry);
            assert!(permit.value.models.contains(&identity.model));
            assert!(permit.value.serials.contains(&identity.serial));
        }
    }
}
