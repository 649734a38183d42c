//! A box that is on: which action it reboots for, and when.

use std::ops::Range;

use stbcast_bootcast::delay;
use stbcast_object::Micros;
use stbcast_receiver::{
    Event, Input, Obeyed, Output, Remembered, TrustedOptions, Watch, WatchOptions, WatchOutcome,
};
use stbcast_release::{Action, Order, Serials, Standing, When, digest};

use super::sample::{
    DAY, NOW, acted, image, key, kill, next_root_bytes, options, permit, reboot, release, signed,
};

/// A box that is on, and what is said each second.
struct On {
    watch: Watch<Range<usize>>,
    now: Micros,
    joined: usize,
    outcome: Option<WatchOutcome>,
    refused: Vec<&'static str>,
    remembered: Vec<Remembered>,
}

impl On {
    fn new(options: WatchOptions) -> Self {
        let watch = Watch::new(options);
        let (now, joined, outcome) = (Micros::ZERO, 0, None);
        let mut on =
            Self { watch, now, joined, outcome, refused: Vec::new(), remembered: Vec::new() };
        on.input(Input::Wake);
        on
    }

    fn input(&mut self, input: Input<'_, Range<usize>>) {
        for output in self.watch.handle(self.now, input) {
            match output {
                Output::Join { .. } => self.joined += 1,
                Output::Leave { .. } => self.joined -= 1,
                Output::Remember(remembered) => self.remembered.push(*remembered),
                Output::Event(Event::WatchDone(report)) => {
                    self.outcome = Some(report.outcome);
                    let labels = report.refused.iter().map(|one| one.refusal.label());
                    self.refused = labels.collect();
                }
                Output::Event(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// So many seconds with these statements on air, until it is over.
    fn hear(&mut self, seconds: u64, statements: &[Vec<u8>]) -> &mut Self {
        for _ in 0..seconds {
            let next = self.now.after(Micros::from_secs(1));
            while let Some(at) = self.watch.wake_at().filter(|at| *at <= next) {
                self.now = self.now.max(at);
                self.input(Input::Wake);
                assert_ne!(self.watch.wake_at(), Some(at), "it was woken for nothing");
            }
            self.now = next;
            for bytes in statements {
                self.input(Input::Statement { bytes: bytes.clone().into(), heard: Some(NOW) });
            }
        }
        self
    }

    #[track_caller]
    fn stays_on(&self, what: &str) {
        assert_eq!(self.outcome, None, "followed: {what}");
        assert_eq!(self.joined, 1);
    }
}

fn watching() -> WatchOptions {
    WatchOptions::new(options(), Obeyed::default())
}

/// One that is past its turn after a second.
fn at_once() -> Action {
    Action { order: Order::Reboot { release: 42, jitter_s: 0, when: When::Now }, ..reboot() }
}

/// One whose turn is some minutes away.
fn slow() -> Action {
    let order = Order::Reboot { release: 42, jitter_s: 600, when: When::Idle };
    let numbered = |less| Action { number: NOW - less, order: order.clone(), ..reboot() };
    let is_slow = |action: &Action| (100..500).contains(&(turn(action).0 / 1_000_000));
    (0..).map(numbered).find(is_slow).expect("two of three are")
}

fn turn(action: &Action) -> Micros {
    let Order::Reboot { jitter_s, .. } = action.order else { panic!("a kill") };
    let id = digest(&acted(action));
    delay(&options().identity.serial, &id, Micros::from_secs(jitter_s.into()))
}

#[test]
pub fn a_box_reboots_when_its_turn_within_the_jitter_is() {
    let action = slow();
    let turn = turn(&action);
    let mut on = On::new(watching());
    on.hear(turn.0 / 1_000_000, &[acted(&action)]).stays_on("before its turn");
    on.hear(3, &[acted(&action)]);
    let outcome = on.outcome.expect("its turn has come");
    let WatchOutcome::Reboot { action: number, release, when, after, .. } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!((number, release, when, after), (action.number, 42, When::Idle, Micros::ZERO));
    assert_eq!(on.joined, 0, "it left");
    assert!(on.watch.wake_at().is_none());
}

#[test]
pub fn a_box_reboots_once_for_an_action_and_for_none_below_it() {
    let on_air = [acted(&at_once()), acted(&Action { number: NOW - 1, ..at_once() })];
    for (action, reboots) in [(0, true), (NOW - 2, true), (NOW, false), (NOW + 1, false)] {
        let obeyed = Obeyed { action, release: 0 };
        let mut on = On::new(WatchOptions { obeyed, ..watching() });
        on.hear(5, &on_air);
        assert_eq!(on.outcome.is_some(), reboots, "followed: after {action}");
    }
    let obeyed = Obeyed { action: NOW, release: 0 };
    let mut on = On::new(WatchOptions { obeyed, ..watching() });
    on.hear(20, &[acted(&Action { number: NOW + 1, ..at_once() })]);
    assert!(matches!(on.outcome, Some(WatchOutcome::Reboot { action, .. }) if action == NOW + 1));
}

#[test]
pub fn a_box_that_has_the_release_stays_on() {
    for (number, reboots) in [(None, true), (Some(41), true), (Some(42), false), (Some(43), false)]
    {
        let standing = Standing { number, ..options().standing };
        let trusted = TrustedOptions { standing, ..options() };
        let mut on = On::new(WatchOptions { trusted, ..watching() });
        on.hear(5, &[acted(&at_once())]);
        assert_eq!(on.outcome.is_some(), reboots, "followed: {number:?}");
    }
}

#[test]
pub fn an_action_that_was_taken_off_the_air_is_not_obeyed_any_more() {
    let action = slow();
    let turn_s = turn(&action).0 / 1_000_000;
    let other = signed(&release(42, &image(1)));
    let mut on = On::new(watching());
    on.hear(5, &[acted(&action), other.clone()]);
    on.hear(turn_s + 60, std::slice::from_ref(&other)).stays_on("it is not on air");
    // It comes back: its turn is over.
    on.hear(2, &[acted(&action), other]);
    assert!(on.outcome.is_some());
}

#[test]
fn an_action_that_is_forged_replayed_or_for_others_does_nothing() {
    let of = |change: fn(&mut Action)| {
        let mut action = at_once();
        change(&mut action);
        acted(&action)
    };
    let mut bent = acted(&at_once());
    *bent.last_mut().unwrap() ^= 1;
    for (what, statement) in [
        ("a release key", at_once().sign(&key(11)).unwrap()),
        ("a root key", at_once().sign(&key(1)).unwrap()),
        ("a stranger", at_once().sign(&key(66)).unwrap()),
        ("a bent signature", bent),
        ("expired", of(|it| (it.not_before, it.expiry, it.number) = (NOW - DAY, NOW, 1))),
        ("not valid yet", of(|it| (it.not_before, it.expiry) = (NOW + DAY, NOW + 2 * DAY))),
        ("another operator", of(|it| it.operator = "another-tv".into())),
        ("another model", of(|it| it.models = vec!["VIP1853".into()])),
        ("other hardware", of(|it| it.hardware = 4..=9)),
        ("another box", of(|it| it.serials = vec![Serials::one("1931690852")])),
        ("a kill", acted(&kill(&release(42, &image(1))))),
        ("a release", signed(&release(42, &image(1)))),
    ] {
        let mut on = On::new(watching());
        on.hear(20, &[statement]).stays_on(what);
    }
}

#[test]
fn an_action_is_waited_for_until_it_is_valid_by_the_clock_of_the_box() {
    let action = Action { not_before: NOW + 100, ..at_once() };
    let mut on = On::new(watching());
    on.hear(99, &[acted(&action)]).stays_on("it is not valid yet");
    on.hear(3, &[acted(&action)]);
    assert!(on.outcome.is_some());
    // The time that was heard counts where there is no other.
    let trusted = TrustedOptions { clock: None, ..options() };
    let mut on = On::new(WatchOptions { trusted, ..watching() });
    on.hear(3, &[acted(&at_once())]);
    assert!(on.outcome.is_some());
}

#[test]
fn a_watch_that_begins_anew_keeps_its_turn() {
    let action = slow();
    let turn_s = turn(&action).0 / 1_000_000;
    let mut on = On::new(watching());
    on.hear(turn_s - 10, &[acted(&action)]).stays_on("before its turn");
    let waited = on.watch.waited(on.now);
    assert_eq!(waited.len(), 1);
    let mut on = On::new(WatchOptions { waited, ..watching() });
    on.hear(15, &[acted(&action)]);
    assert!(on.outcome.is_some(), "it waited before");
}

#[test]
fn silence_ends_a_watch_so_that_whoever_runs_it_joins_anew() {
    let mut on = On::new(watching());
    on.hear(29, &[]).stays_on("not yet");
    on.hear(2, &[]);
    assert_eq!((on.outcome, on.joined), (Some(WatchOutcome::Silent), 0));
}

#[test]
fn a_box_reboots_for_a_release_by_itself_where_it_is_told_so_and_once() {
    let (statement, id) = {
        let statement = signed(&release(42, &image(1)));
        (statement.clone(), digest(&statement))
    };
    let mut on = On::new(watching());
    on.hear(20, std::slice::from_ref(&statement)).stays_on("nobody told it so");
    let releases_within = Some(Micros::from_secs(60));
    let turn = delay(&options().identity.serial, &id, Micros::from_secs(60));
    let mut on = On::new(WatchOptions { releases_within, ..watching() });
    on.hear(turn.0 / 1_000_000, std::slice::from_ref(&statement)).stays_on("before its turn");
    on.hear(3, std::slice::from_ref(&statement));
    let after = Micros::ZERO;
    assert_eq!(on.outcome, Some(WatchOutcome::Release { number: 42, id, after }));
    let obeyed = Obeyed { action: 0, release: 42 };
    let mut on = On::new(WatchOptions { releases_within, obeyed, ..watching() });
    on.hear(100, std::slice::from_ref(&statement)).stays_on("it did so before");
    // One that is killed is not usable.
    let killed = [statement, acted(&kill(&release(42, &image(1))))];
    let mut on = On::new(WatchOptions { releases_within, ..watching() });
    on.hear(100, &killed).stays_on("it was killed");
    assert_eq!(on.remembered.len(), 1, "and that is remembered once");
    assert_eq!(on.remembered[0].killed[0].release, id);
}

#[test]
fn two_releases_that_are_said_in_turn_have_a_box_reboot_once_for_each() {
    let releases_within = Some(Micros::from_secs(60));
    let mut obeyed = Obeyed::default();
    let mut reboots = Vec::new();
    // Neither can be had: each time the box comes back with what it had.
    for number in [42, 43, 42, 43, 42] {
        let mut on = On::new(WatchOptions { releases_within, obeyed, ..watching() });
        on.hear(62, &[signed(&release(number, &image(1)))]);
        if let Some(WatchOutcome::Release { number, .. }) = on.outcome {
            obeyed.release = number;
            reboots.push(number);
        }
    }
    assert_eq!(reboots, [42, 43]);
}

#[test]
fn a_way_back_that_is_permitted_is_no_reason_to_reboot() {
    let old = release(40, &image(1));
    let on_air = [signed(&old), permit(41, &old)];
    let releases_within = Some(Micros::from_secs(60));
    let mut on = On::new(WatchOptions { releases_within, ..watching() });
    on.hear(100, &on_air).stays_on("it goes back at the next boot");
}

#[test]
fn an_action_for_when_nobody_watches_waits_for_that_and_no_other_does() {
    let of = |when| {
        let order = Order::Reboot { release: 42, jitter_s: 0, when };
        Action { number: NOW - u64::from(when == When::Idle), order, ..reboot() }
    };
    let (idle, at_once) = (acted(&of(When::Idle)), acted(&of(When::Now)));
    let mut on = On::new(watching());
    on.input(Input::Busy(true));
    on.hear(100, std::slice::from_ref(&idle)).stays_on("somebody watches");
    on.input(Input::Busy(false));
    assert!(matches!(on.outcome, Some(WatchOutcome::Reboot { when: When::Idle, .. })));
    let mut on = On::new(watching());
    on.input(Input::Busy(true));
    on.hear(5, &[idle.clone(), at_once]);
    assert!(matches!(on.outcome, Some(WatchOutcome::Reboot { when: When::Now, .. })));
    // Whoever looks once is told of it all the same.
    let mut on = On::new(WatchOptions { once: true, ..watching() });
    on.input(Input::Busy(true));
    on.hear(8, &[idle]);
    assert!(matches!(on.outcome, Some(WatchOutcome::Reboot { when: When::Idle, .. })));
}

#[test]
fn while_somebody_watches_an_action_may_be_taken_off_the_air_expire_or_be_overtaken_by_a_kill() {
    let order = Order::Reboot { release: 42, jitter_s: 0, when: When::Idle };
    let idle = Action { order, ..reboot() };
    let other = signed(&release(43, &image(1)));
    let watched = |options| {
        let mut on = On::new(options);
        on.input(Input::Busy(true));
        on
    };
    // A box without a clock does not know of expiry.
    for clock in [Some(NOW), None] {
        let trusted = TrustedOptions { clock, ..options() };
        let mut on = watched(WatchOptions { trusted, ..watching() });
        on.hear(5, &[acted(&idle), other.clone()]);
        on.hear(31, std::slice::from_ref(&other));
        on.input(Input::Busy(false));
        on.stays_on("it is not on air any more");
    }
    let short = Action { number: NOW - 1, expiry: NOW + 20, ..idle.clone() };
    let mut on = watched(watching());
    on.hear(22, &[acted(&short)]);
    on.input(Input::Busy(false));
    on.stays_on("it has expired");
    let bad = release(41, &image(1));
    let id = digest(&signed(&bad));
    let mut on = watched(WatchOptions { on_trial: Some(id), ..watching() });
    on.hear(5, &[acted(&idle)]).stays_on("somebody watches");
    on.hear(1, &[acted(&idle), acted(&kill(&bad))]);
    assert_eq!(on.outcome, Some(WatchOutcome::Killed { number: 41, id }));
}

#[test]
fn a_box_on_trial_of_a_release_that_is_killed_reboots_at_once() {
    let bad = release(42, &image(1));
    let id = digest(&signed(&bad));
    let mut on = On::new(WatchOptions { on_trial: Some(id), ..watching() });
    on.hear(3, &[acted(&kill(&release(43, &image(1))))]).stays_on("another release");
    on.hear(1, &[acted(&kill(&bad))]);
    assert_eq!(on.outcome, Some(WatchOutcome::Killed { number: 42, id }));
    assert_eq!(on.remembered.len(), 1);
    assert_eq!(on.remembered[0].killed[0].number, 42);
}

#[test]
fn a_look_tells_what_is_to_come_and_does_not_wait() {
    let action = Action {
        order: Order::Reboot { release: 42, jitter_s: 86_000, when: When::Now },
        ..reboot()
    };
    let turn = turn(&action);
    let once = || WatchOptions { once: true, ..watching() };
    let mut on = On::new(once());
    on.hear(8, &[acted(&action)]);
    let Some(WatchOutcome::Reboot { after, .. }) = on.outcome else { panic!("{:?}", on.outcome) };
    assert!(turn.since(after) <= Micros::from_secs(8) && after <= turn, "{after} of {turn}");
    let mut on = On::new(once());
    on.hear(8, &[signed(&release(42, &image(1)))]);
    assert_eq!(on.outcome, Some(WatchOutcome::Nothing));
    let mut on = On::new(once());
    on.hear(12, &[]);
    assert_eq!(on.outcome, Some(WatchOutcome::Silent));
}

#[test]
fn the_next_root_is_remembered_and_its_keys_count() {
    let by_new_key = acted(&at_once());
    let mut on = On::new(watching());
    on.hear(3, &[next_root_bytes()]).stays_on("a root");
    assert_eq!(on.remembered[0].root.as_deref(), Some(&next_root_bytes()[..]));
    on.hear(3, &[by_new_key]);
    assert!(on.outcome.is_some());
}

#[test]
fn a_flood_of_forged_actions_costs_little_and_hides_no_true_one() {
    let mut on = On::new(watching());
    let mut forged = acted(&at_once());
    let end = forged.len();
    for number in 0..20_000_u64 {
        on.now = Micros(number * 100);
        forged[end - 8..].copy_from_slice(&number.to_be_bytes());
        on.input(Input::Statement { bytes: forged.clone().into(), heard: None });
    }
    on.stays_on("forged");
    let flood = |on: &mut On, number: u64| {
        forged[end - 8..].copy_from_slice(&(number << 32).to_be_bytes());
        on.input(Input::Statement { bytes: forged.clone().into(), heard: None });
    };
    let mut flood = flood;
    for number in 1..50_000 {
        on.now = Micros(2_000_000 + number * 100);
        flood(&mut on, number);
        if number % 10_000 == 0 {
            on.input(Input::Statement { bytes: acted(&at_once()).into(), heard: None });
        }
    }
    assert!(on.outcome.is_some(), "the true one was heard");
}
