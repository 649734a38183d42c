//! Installing a release: its parts one after the other, and then all of it at once.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use stbcast_bootcast::{Part, Protocol};
use stbcast_object::Micros;
use stbcast_release::{Check, Object, Release, Signed, Verdict, on};

use super::{Step, TrustedBoot, TrustedOutcome, signed};
use crate::{
    Event, Fetch, FetchError, FetchOptions, Input, Installation, Output, Progress, Role, Target,
};

/// The release that is being installed.
pub(super) struct Following {
    pub(super) release: Signed<Release>,
    permitted_from: Option<u64>,
    part: Part,
    /// What that is, once it is fetched.
    object: Option<Object>,
    /// Bytes of the parts that are there.
    done_bytes: u64,
    /// Parts that are not there yet, the next one first.
    left: VecDeque<(Part, Object)>,
}

impl Following {
    fn part_bytes(&self) -> u64 {
        self.object.as_ref().map_or(0, |object| object.length)
    }
}

impl<P: Clone> TrustedBoot<P> {
    /// Goes for the best release there is.
    pub(super) fn follow(&mut self, now: Micros) {
        let Some(choice) = self.hearing.choose(now, &self.options) else {
            return self.end_without(now, TrustedOutcome::NothingUsable);
        };
        let Release { number, epoch, .. } = choice.release.value;
        let Verdict::Install { permitted_from } = choice.verdict else {
            let outcome = TrustedOutcome::Held { number };
            let outcome = self.first_failure.take().unwrap_or(outcome);
            return self.end(outcome);
        };
        self.tell(Event::Release { number, epoch });
        self.hearing.shrink();
        let objects = choice.release.value.objects.iter();
        let left = objects.filter_map(|one| Some((signed::part_of(one.kind)?, one.clone())));
        let left = left.collect();
        let release = choice.release;
        let (part, object, done_bytes) = (Part::Kernel, None, 0);
        self.following =
            Some(Following { release, permitted_from, part, object, done_bytes, left });
        self.fetch_next(now);
    }

    fn fetch_next(&mut self, now: Micros) {
        self.retire_fetch();
        let Some(following) = &mut self.following else { return };
        let Some((part, object)) = following.left.pop_front() else { return self.arm(now) };
        following.part = part;
        following.done_bytes += following.part_bytes();
        following.object = Some(object.clone());
        let described = signed::target_of(&object).zip(signed::announcement_of(&object));
        let Some((target, expected)) = described else {
            return self.on_failed(now, Some(part), FetchError::NotDescribed);
        };
        let options = FetchOptions {
            role: Role::Part(part),
            expected: Some(Box::new(expected)),
            ..self.options.fetch_options()
        };
        self.tell(Event::Part { part, by: Protocol::Bootcast, target: target.clone() });
        self.start(now, target, options);
    }

    fn start(&mut self, now: Micros, target: Target, options: FetchOptions) {
        self.step = Step::Fetching;
        self.fetch = Some(Fetch::new(target, options));
        self.forward(now, Input::Wake);
    }

    pub(super) fn retire_fetch(&mut self) {
        if let Some(old) = self.fetch.take() {
            self.stats.add(old.stats());
        }
    }

    /// Hands an input to the running fetch and looks at what comes out.
    pub(super) fn forward(&mut self, now: Micros, input: Input<'_, P>) {
        let Self { fetch, announce, queue, .. } = self;
        let Some(fetch) = fetch else { return };
        match announce.pass_on(fetch.handle(now, input), queue) {
            None => self.go_over_when_due(now),
            Some(Ok(())) => self.fetch_next(now),
            Some(Err(error)) => {
                let part = self.following.as_ref().map(|following| following.part);
                self.on_failed(now, part, error);
            }
        }
    }

    /// Whether the release that is followed is completed although `higher` may be followed: it is valid
    /// itself, the part that is fetched is superseded and being completed, and so much of all its
    /// bytes is there. What is not there yet must be the same in both.
    pub(super) fn finishes_first(&self, now: Micros, higher: &Release) -> bool {
        let (Some(following), Some(fetch)) = (&self.following, &self.fetch) else { return false };
        let stays = |one: &Object| {
            let mut same = higher.objects.iter().filter(|other| other.kind == one.kind);
            same.any(|other| other.sha256 == one.sha256)
        };
        let is_valid = || self.hearing.judge(now, &following.release, &self.options).is_ok();
        if !following.left.iter().all(|(_, object)| stays(object)) || !is_valid() {
            return false;
        }
        let Some(permille) = fetch.finishing() else {
            return self.waits_for_higher && following.object.as_ref().is_some_and(stays);
        };
        let Progress { held, total, .. } = fetch.progress();
        let of_part = u128::from(following.part_bytes()) * u128::from(held);
        let there = u128::from(following.done_bytes) + of_part / u128::from(total.max(1));
        let left: u64 = following.left.iter().map(|(_, object)| object.length).sum();
        let all = left + following.part_bytes() + following.done_bytes;
        there * 1_000 >= u128::from(all) * u128::from(permille)
    }

    /// A higher release waits until what is superseded is completed, or cannot be.
    fn go_over_when_due(&mut self, now: Micros) {
        let is_finishing = self.fetch.as_ref().is_some_and(|fetch| fetch.finishing().is_some());
        let was_finishing = core::mem::replace(&mut self.is_finishing, is_finishing);
        if self.waits_for_higher && was_finishing && !is_finishing {
            self.look_again(now);
        }
    }

    /// The fetch under way is not wanted any more.
    pub(super) fn stop_fetch(&mut self) {
        let Self { fetch, announce, queue, .. } = self;
        let Some(fetch) = fetch else { return };
        let _ = announce.pass_on(fetch.stop(), queue);
        self.queue.retain(|output| !output.is_for_storage());
        self.retire_fetch();
        self.following = None;
    }

    /// All or none: a release of which a part cannot be had is not installed.
    fn on_failed(&mut self, now: Micros, part: Option<Part>, error: FetchError) {
        self.queue.retain(|output| !output.is_for_storage());
        if !on(Check::AllOrNone) && !matches!(self.step, Step::Arming) {
            return self.fetch_next(now);
        }
        self.retire_fetch();
        let Some(following) = self.following.take() else { return };
        let number = following.release.value.number;
        self.tell(Event::ReleaseFailed { number, part, error });
        let failure = TrustedOutcome::Failed { number, part, error };
        self.first_failure.get_or_insert(failure);
        self.hearing.failed(following.release.id);
        self.follow(now);
    }

    fn arm(&mut self, now: Micros) {
        let Some(following) = &self.following else { return };
        let Following { release, permitted_from, .. } = following;
        // It may have expired meanwhile.
        let verdict = self.hearing.judge(now, release, &self.options);
        if let Err(refusal) = verdict {
            self.hearing.refusals.note(&refusal);
            let error =
                FetchError::Storage { doing: "arm a release that may not be followed any more" };
            return self.on_failed(now, None, error);
        }
        let objects = release.value.objects.iter();
        let parts = objects
            .filter_map(|one| Some((signed::part_of(one.kind)?, signed::content_of(one))))
            .collect();
        let installation = Installation {
            release: release.id,
            number: release.value.number,
            epoch: release.value.epoch,
            time_floor: release.value.time_floor(self.options.standing.time_floor),
            permitted_from: *permitted_from,
            parts,
        };
        self.step = Step::Arming;
        self.queue.push_back(Output::Arm(Box::new(installation)));
    }

    pub(super) fn on_armed(&mut self, now: Micros, ok: bool) {
        let Some(following) = &self.following else { return };
        let number = following.release.value.number;
        if ok {
            return self.end(TrustedOutcome::Armed { number });
        }
        self.on_failed(now, None, FetchError::Storage { doing: "arm the release" });
    }
}
