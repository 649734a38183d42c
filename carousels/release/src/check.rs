//! Every check that stands between a statement and a boot, by name.
//!
//! `PROTOCOL.md` lists them. A test takes each out in turn and must see a named test fail, so none
//! of them is there for nothing.

/// Where a check is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// In this crate.
    Statement,
    /// In the session of a box.
    Session,
    /// In its slots.
    Slot,
}

macro_rules! checks {
    ($($(#[$doc:meta])* $variant:ident = $word:literal in $place:ident,)*) => {
        /// A check, in the order in which they are made.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Check {
            $($(#[$doc])* $variant,)*
        }

        impl Check {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in `PROTOCOL.md`.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// Where it is made.
            pub const fn place(self) -> Place {
                match self { $(Self::$variant => Place::$place,)* }
            }
        }
    };
}

checks! {
    /// At most [`crate::STATEMENT_BYTES_MAX`].
    Size = "size" in Statement,
    /// The message is the one legal encoding of itself.
    MessageEncoding = "message-encoding" in Statement,
    /// Nothing stands in an unprotected header.
    Unprotected = "unprotected" in Statement,
    /// Each protected header is the one legal encoding of itself.
    HeaderEncoding = "header-encoding" in Statement,
    /// A protected header has what it must have and nothing else.
    HeaderLabels = "header-labels" in Statement,
    /// The algorithm is EdDSA.
    Algorithm = "algorithm" in Statement,
    /// The content type is one of the four, under its own tag.
    Domain = "domain" in Statement,
    /// Signatures stand in rising order of key, each key once.
    Signers = "signers" in Statement,
    /// Each signature is by a key of the role that has to sign.
    KnownKey = "known-key" in Statement,
    /// Each signature is right.
    Signature = "signature" in Statement,
    /// No signature is right by a point of small order.
    Strict = "strict" in Statement,
    /// As many keys signed as the role's threshold says.
    Threshold = "threshold" in Statement,
    /// The payload is the one legal encoding of itself.
    PayloadEncoding = "payload-encoding" in Statement,
    /// No key of a map is negative or no integer, but those that are known.
    UnknownKeys = "unknown-keys" in Statement,
    /// Each value is within its range.
    Values = "values" in Statement,
    /// A public key is a point of large order in its one encoding.
    KeyPoint = "key-point" in Statement,
    /// A root lists each key once, in one role.
    KeyOnce = "key-once" in Statement,
    /// A root's number is the next one.
    RootNumber = "root-number" in Statement,
    /// A root is of the same operator as the one before.
    RootOperator = "root-operator" in Statement,
    /// A root's least epoch is not below that of the one before.
    RootEpoch = "root-epoch" in Statement,
    /// A root is signed by the threshold of its own root keys, too.
    RootOwnKeys = "root-own-keys" in Statement,
    /// A release is of the operator of the root.
    Operator = "operator" in Statement,
    /// A release names the model of the box.
    Model = "model" in Statement,
    /// The hardware revision of the box is within the release's range.
    Hardware = "hardware" in Statement,
    /// The root has not expired.
    RootExpiry = "root-expiry" in Statement,
    /// The release has not expired.
    Expiry = "expiry" in Statement,
    /// The release is valid already.
    NotBefore = "not-before" in Statement,
    /// The release is not below the least epoch of the root.
    LeastEpoch = "least-epoch" in Statement,
    /// The release is not below the epoch committed.
    Epoch = "epoch" in Statement,
    /// The release did not fail its trials on this box.
    Denied = "denied" in Statement,
    /// The release's number is above the one committed.
    Number = "number" in Statement,
    /// A permit is of the operator of the root.
    PermitOperator = "permit-operator" in Statement,
    /// A permit names the model of the box.
    PermitModel = "permit-model" in Statement,
    /// A permit names the box, or all of its model.
    PermitSerial = "permit-serial" in Statement,
    /// A permit leads from the number committed.
    PermitFrom = "permit-from" in Statement,
    /// A permit leads to this very release.
    PermitRelease = "permit-release" in Statement,
    /// A permit has not expired.
    PermitExpiry = "permit-expiry" in Statement,
    /// An action is of the operator of the root.
    ActionOperator = "action-operator" in Statement,
    /// An action names the model of the box, or all models.
    ActionModel = "action-model" in Statement,
    /// The hardware revision of the box is within the action's range.
    ActionHardware = "action-hardware" in Statement,
    /// An action names the box, or all of its model.
    ActionSerial = "action-serial" in Statement,
    /// An action has not expired.
    ActionExpiry = "action-expiry" in Statement,
    /// An action is valid already.
    ActionNotBefore = "action-not-before" in Statement,
    /// So many signatures are verified in a second, and no more.
    CheckRate = "check-rate" in Session,
    /// A root is stored before anything is taken by its keys.
    RootStored = "root-stored" in Session,
    /// Nothing is received while a release is on trial.
    TrialSilent = "trial-silent" in Session,
    /// What is announced of an object counts as far as it is signed.
    SignedDescription = "signed-description" in Session,
    /// No server is asked that is not signed, and none sooner than is signed.
    SignedServers = "signed-servers" in Session,
    /// An object is no longer than its slot.
    ObjectLength = "object-length" in Session,
    /// An object, read back, has the digest that is signed.
    ObjectDigest = "object-digest" in Session,
    /// What was held before a restart and is wrong does not count.
    ResumedDigest = "resumed-digest" in Session,
    /// All objects of a release are installed, or none.
    AllOrNone = "all-or-none" in Session,
    /// A release that was killed is not followed.
    Killed = "killed" in Session,
    /// A box reboots once for an action, and for none that is not above it.
    ActionOnce = "action-once" in Session,
    /// A box that has the release of an action stays on.
    ActionRelease = "action-release" in Session,
    /// A box reboots when its turn within the jitter is.
    ActionJitter = "action-jitter" in Session,
    /// A box reboots for an action that is still on air.
    ActionOnAir = "action-on-air" in Session,
    /// A record of a slot's journal has its CRC.
    JournalCrc = "journal-crc" in Slot,
    /// The bytes that a record of a journal speaks of have their CRC.
    JournalData = "journal-data" in Slot,
    /// Nothing is written to a bank on trial.
    SlotTrial = "slot-trial" in Slot,
    /// A write of the state that failed is taken back before its bank is written.
    SlotUnsure = "slot-unsure" in Slot,
    /// Nothing is armed that failed its trials.
    SlotDenied = "slot-denied" in Slot,
    /// Nothing is armed below the epoch committed.
    SlotEpoch = "slot-epoch" in Slot,
    /// Nothing is armed that is not above the number committed, without a permit.
    SlotNumber = "slot-number" in Slot,
    /// Nothing is armed without a boot image.
    SlotImage = "slot-image" in Slot,
    /// Nothing is armed before all its parts were read back and had their digests.
    SlotDigest = "slot-digest" in Slot,
    /// A copy of the state has its CRC.
    StateCrc = "state-crc" in Slot,
    /// A release that was killed does not stay on trial.
    TrialKilled = "trial-killed" in Slot,
    /// A trial has so many boots and no more.
    TrialBoots = "trial-boots" in Slot,
    /// Nothing is booted whose image has not its digest.
    BootDigest = "boot-digest" in Slot,
    /// The box falls back on no bank below the epoch committed.
    BootEpoch = "boot-epoch" in Slot,
    /// Nothing is committed that was not booted.
    CommitBooted = "commit-booted" in Slot,
    /// Counters rise when a release is committed, not when it is armed.
    CommitCounters = "commit-counters" in Slot,
    /// The epoch does not fall when a release is committed.
    CommitEpoch = "commit-epoch" in Slot,
    /// The time that is known to be past does not fall.
    TimeFloor = "time-floor" in Slot,
}

/// Whether a check is made: always, but for a test that takes it out (`without`).
#[cfg(not(feature = "sabotage"))]
#[inline(always)]
pub const fn on(_check: Check) -> bool {
    true
}

#[cfg(feature = "sabotage")]
pub use sabotage::{on, without};

#[cfg(feature = "sabotage")]
mod sabotage {
    use std::cell::Cell;
    use std::thread_local;

    use super::Check;

    thread_local! {
        static OFF: Cell<Option<Check>> = const { Cell::new(None) };
    }

    /// Whether a check is made on this thread now.
    pub fn on(check: Check) -> bool {
        OFF.get() != Some(check)
    }

    /// Runs `body` without a check, on this thread alone.
    pub fn without<T>(check: Check, body: impl FnOnce() -> T) -> T {
        struct Back(Option<Check>);
        impl Drop for Back {
            fn drop(&mut self) {
                OFF.set(self.0);
            }
        }
        let _back = Back(OFF.replace(Some(check)));
        body()
    }
}
