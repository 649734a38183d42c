//! How a boot loader installs what the operator signed, and nothing else: own socket, own flash, nothing of
//! feature `io`.
//!
//! ```text
//! cargo run --no-default-features --example trusted_boot_loader -- \
//!     1.root.cose 239.255.2.3:22223 arris-vip1113 2 192.0.2.7
//! ```
//!
//! The arguments are the root document, the announce group, model and hardware revision of the box, and the
//! address of the interface to listen on. Two boots are played: the first installs the release and begins its
//! trial, the second finds that it proved itself.

use std::net::Ipv4Addr;
use std::time::{SystemTime, UNIX_EPOCH};

use radio::AnyError;
use stbcast_object::Group;
use stbcast_receiver::slots::{Banks, Bootable, MemoryMedium};
use stbcast_receiver::{Event, TrustedBoot, TrustedOptions, TrustedOutcome, root_of};
use stbcast_release::Identity;

mod radio;

/// What the program is told.
struct Stb {
    root: Vec<u8>,
    announce: Group,
    identity: Identity,
    interface: Ipv4Addr,
}

/// A medium of a real box moves bytes between these calls and its flash, see `Slots` and `BootControl`.
type Flash = Banks<MemoryMedium>;

impl Stb {
    /// One boot: counts a trial that is under way, installs what is on air, says what is to be booted.
    fn boot(&self, flash: &mut Flash) -> Result<Bootable, AnyError> {
        flash.settle()?;
        let trust = root_of(&self.root, flash.root())?;
        let mut options =
            TrustedOptions::new(trust, self.identity.clone(), flash.standing(), self.announce);
        options.on_trial = flash.bootable().is_some_and(|bootable| bootable.on_trial);
        let clock = SystemTime::now().duration_since(UNIX_EPOCH);
        options.clock = clock.ok().map(|since| since.as_secs());

        let (mut session, mut outcome) = (TrustedBoot::new(options), None);
        radio::run(&mut session, flash, self.interface, &mut |event| {
            if let Event::TrustedDone(report) = event {
                outcome = Some(report.outcome);
            }
        })?;
        if let Some(TrustedOutcome::Armed { .. }) = outcome {
            // It is booted at once, and this is the first boot of its trial.
            flash.settle()?;
        }
        let nothing = format!("nothing can be booted: {outcome:?}");
        flash.bootable().copied().ok_or_else(|| nothing.into())
    }
}

fn main() -> Result<(), AnyError> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: trusted_boot_loader ROOT ANNOUNCE_GROUP:PORT MODEL HARDWARE INTERFACE";
    let mut argument = || arguments.next().ok_or(usage);
    let root = std::fs::read(argument()?)?;
    let announce = Group::parse(&argument()?, None)?;
    let (model, hardware) = (argument()?, argument()?.parse()?);
    let identity = Identity { model, hardware, serial: "1931690851".to_owned() };
    let stb = Stb { root, announce, identity, interface: argument()?.parse()? };

    let mut flash = Banks::open(MemoryMedium::default())?;
    let booted = stb.boot(&mut flash)?;
    println!("boots release {} from bank {}, on trial", booted.installed.number, booted.bank);

    // What was booted tests itself, and says so before the trial has no boots left.
    flash.commit_trial()?;

    let booted = stb.boot(&mut flash)?;
    assert!(!booted.on_trial, "it has proven itself");
    println!("boots release {} from bank {}", booted.installed.number, booted.bank);
    Ok(())
}
