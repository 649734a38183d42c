//! The real program on real files: killed at any moment, on a disk that is full, read-only or broken.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

mod air;
mod common;
#[path = "power/air.rs"]
mod power;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use air::{json, program};
use power::{MODEL, Signed};
use stbcast_receiver::io::BankFiles;
use stbcast_receiver::slots::Banks;
use stbcast_receiver::{Area, Installation, Role, Storage};

/// Kills in all.
const KILLS: u32 = 200;

/// Boxes at a time.
const BOXES: u64 = 16;

/// A life is killed before it is this old: an undisturbed one takes three seconds.
const LIFE: Duration = Duration::from_millis(3_500);

/// Longest life that is not killed.
const DEADLINE: Duration = Duration::from_secs(120);

/// Release 1, committed in a directory.
fn installed(directory: &Path, release: &Signed) {
    let mut banks = Banks::open(BankFiles::open(directory).unwrap()).unwrap();
    let parts = release.parts().map(|(part, bytes)| (part, Signed::content(bytes)));
    for (part, bytes) in release.parts() {
        banks.resume(Role::Part(part), None, &Signed::content(bytes)).unwrap();
        banks.write(Area::Slot, 0, bytes).unwrap();
        banks.sync(bytes.len() as u64).unwrap();
        banks.commit().unwrap();
    }
    let installation = Installation {
        release: stbcast_release::digest(&release.statement),
        number: release.number,
        epoch: 1,
        time_floor: 0,
        permitted_from: None,
        parts: parts.into(),
    };
    assert!(banks.arm(&installation).unwrap());
    banks.settle().unwrap();
    banks.commit_trial().unwrap();
}

/// All files of a directory, into one that is there.
fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&place).unwrap();
            copy(&entry.path(), &place);
        } else {
            std::fs::copy(entry.path(), place).unwrap();
        }
    }
}

/// A box, its directory and the root document beside it.
struct Stb<'a> {
    directory: tempfile::TempDir,
    releases: [&'a Signed; 2],
}

impl<'a> Stb<'a> {
    fn new(releases: [&'a Signed; 2]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        installed(&directory.path().join("store"), releases[0]);
        std::fs::write(directory.path().join("root.cose"), power::root()).unwrap();
        Self { directory, releases }
    }

    /// Another box like this one, which was never switched on. Nothing is locked for it: a program that another
    /// thread starts at that moment would have the lock for as long as starting takes.
    fn another(&self) -> Self {
        let directory = tempfile::tempdir().unwrap();
        copy(self.directory.path(), directory.path());
        Self { directory, releases: self.releases }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// How it is switched on.
    fn arguments(&self) -> Vec<String> {
        let fixed = "boot --quiet --json --hardware 3 --interface 127.0.0.1";
        let mut arguments: Vec<_> = fixed.split(' ').map(str::to_owned).collect();
        let announce = self.releases[1].announce.to_string();
        let root = self.path("root.cose").display().to_string();
        let store = self.path("store").display().to_string();
        for (option, value) in
            [("--model", MODEL), ("--announce", &announce), ("--trust", &root), ("--store", &store)]
        {
            arguments.extend([option.to_owned(), value.to_owned()]);
        }
        arguments
    }

    /// Switches it on.
    fn boot(&self) -> Child {
        Command::new(env!("CARGO_BIN_EXE_stbcast-receiver"))
            .args(self.arguments())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn slots(&self) -> serde_json::Value {
        let output = program(&["slots", "--json", "--store", self.path("store").to_str().unwrap()]);
        air::assert_code(&output, 0);
        json(&output)
    }

    /// Whatever happened, one of the two releases boots, every byte of it; its number.
    fn check(&self) -> u64 {
        let slots = self.slots();
        assert_eq!(slots["state_lost"], false);
        let boots = &slots["boots"];
        let number = boots["number"].as_u64().unwrap_or_else(|| panic!("nothing boots: {slots}"));
        let release = self.releases.iter().find(|release| release.number == number).unwrap();
        let image = std::fs::read(boots["file"].as_str().unwrap()).unwrap();
        assert!(image == release.image, "release {number} is not whole");
        for bank in ["a", "b"] {
            for part in slots[bank]["parts"].as_array().into_iter().flatten() {
                assert_eq!(part["whole"], true, "{slots}");
            }
        }
        let committed = slots["committed"].as_u64().unwrap();
        assert!(committed == number || boots["on_trial"] == true, "{slots}");
        number
    }
}

/// Waits for a program to end by itself, for so long; kills it then. Whether it ended.
fn ends_within(child: &mut Child, life: Duration) -> bool {
    let began = Instant::now();
    loop {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        if began.elapsed() >= life {
            child.kill().unwrap();
            child.wait().unwrap();
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_box_that_is_killed_at_200_moments_boots_and_ends_with_what_was_signed() {
    let (old, new) = (Signed::new(41, 300_000), Signed::new(42, 4 << 20));
    let _air = new.play();
    let first = Stb::new([&old, &new]);
    let (kills, resumed, installed) = (AtomicU32::new(0), AtomicU64::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for number in 0..BOXES {
            let (kills, resumed, installed) = (&kills, &resumed, &installed);
            let first = &first;
            scope.spawn(move || {
                let mut moments = common::noise(number, 4 * KILLS as usize).into_iter();
                let mut stb = first.another();
                loop {
                    let left = kills.load(Ordering::Relaxed) < KILLS;
                    let mut two = || u64::from(moments.next().unwrap());
                    let part = two() << 8 | two();
                    let life = LIFE.mul_f64(part as f64 / 65_536.0);
                    let mut child = stb.boot();
                    if !ends_within(&mut child, if left { life } else { DEADLINE }) {
                        assert!(left, "a boot takes longer than {DEADLINE:?}");
                        kills.fetch_add(1, Ordering::Relaxed);
                        stb.check();
                        continue;
                    }
                    let output = child.wait_with_output().unwrap();
                    air::assert_code(&output, 0);
                    let summary = json(&output);
                    let bytes = summary["resumed_bytes"].as_u64().unwrap();
                    resumed.fetch_add(bytes, Ordering::Relaxed);
                    assert_eq!(stb.check(), 42, "{summary}");
                    let store = stb.path("store");
                    let done = program(&["commit", "--store", store.to_str().unwrap()]);
                    air::assert_code(&done, 0);
                    assert_eq!((stb.check(), &stb.slots()["committed"]), (42, &42.into()));
                    installed.fetch_add(1, Ordering::Relaxed);
                    if !left {
                        return;
                    }
                    stb = first.another();
                }
            });
        }
    });
    assert!(kills.load(Ordering::Relaxed) >= KILLS);
    assert!(u64::from(installed.load(Ordering::Relaxed)) >= BOXES);
    // A box that began anew after each kill would have resumed nothing.
    assert!(resumed.load(Ordering::Relaxed) > 1 << 20, "{resumed:?}");
}

/// Disks that the test makes itself, in a mount namespace of its own: as root.
#[cfg(feature = "peers")]
mod disks {
    use std::os::fd::AsRawFd;

    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    use super::*;

    /// A file system in memory of this size.
    fn memory(size: &str) -> String {
        format!("mount -t tmpfs -o size={size} none $store")
    }

    /// Mounts a small disk at `$store`, runs the steps, of which each is a word for the shell, and
    /// gives what they said, line by line. `boot` and `slots` are the program.
    fn steps(stb: &Stb<'_>, mount: &str, steps: &str) -> Vec<serde_json::Value> {
        let store = stb.path("store");
        let kept = stb.path("kept");
        std::fs::rename(&store, &kept).unwrap();
        std::fs::create_dir(&store).unwrap();
        let (store, kept) = (store.display(), kept.display());
        let program = env!("CARGO_BIN_EXE_stbcast-receiver");
        let boot = stb.arguments().join(" ");
        let script = format!(
            "set -e; store={store}\n\
             boot() {{ {program} {boot} || true; }}\n\
             slots() {{ {program} slots --json --store {store}; }}\n\
             remount() {{ mount -o remount,$1 {store}; }}\n\
             {mount}\n\
             cp -a {kept}/. {store}\n\
             {steps}\n"
        );
        let output = Command::new("timeout")
            .args(["120", "unshare", "--mount", "--propagation", "private", "sh", "-c", &script])
            .output()
            .unwrap();
        air::assert_code(&output, 0);
        let lines = air::stdout(&output);
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The old release boots, for a reason that is told; then the new one is installed.
    fn assert_told(said: &[serde_json::Value], reason: &str) {
        let [failed, slots, healed, at_last] = said else { panic!("{said:?}") };
        assert_eq!(
            (&failed["outcome"], &failed["booted"]["release"]),
            (&"failed".into(), &41.into())
        );
        let why = failed["why"].as_str().unwrap();
        assert!(why.contains("release 42") && why.contains(reason), "{why}");
        assert_eq!(slots["boots"]["number"], 41);
        assert_eq!(healed["outcome"], "armed");
        assert_eq!(
            (&at_last["boots"]["number"], &at_last["boots"]["on_trial"]),
            (&42.into(), &true.into())
        );
    }

    #[test]
    fn a_disk_that_is_full_is_told_of_and_the_old_release_boots_until_there_is_room() {
        let (old, new) = (Signed::new(41, 300_000), Signed::new(42, 4 << 20));
        let _air = new.play();
        let stb = Stb::new([&old, &new]);
        let said = steps(&stb, &memory("3m"), "boot; slots; remount size=32m; boot; slots");
        assert_told(&said, "No space left on device");
    }

    #[test]
    fn a_disk_that_is_read_only_is_told_of_and_the_old_release_boots() {
        let (old, new) = (Signed::new(41, 300_000), Signed::new(42, 4 << 20));
        let _air = new.play();
        let stb = Stb::new([&old, &new]);
        let said = steps(&stb, &memory("32m"), "remount ro; boot; slots; remount rw; boot; slots");
        assert_told(&said, "Read-only file system");
    }

    /// A disk in a file that takes no more writes from some moment on, as a broken one does.
    #[test]
    fn a_disk_that_breaks_is_told_of_and_the_old_release_boots() {
        let (old, new) = (Signed::new(41, 300_000), Signed::new(42, 4 << 20));
        let _air = new.play();
        let stb = Stb::new([&old, &new]);
        let file = memfd_create("disk", MemfdFlags::ALLOW_SEALING).unwrap();
        ftruncate(&file, 32 << 20).unwrap();
        let disk = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
        let mount = format!(
            "mkfs.ext4 -q -O ^has_journal -m 0 {disk}; mount -o loop,errors=continue {disk} $store"
        );
        // F_ADD_SEALS, F_SEAL_WRITE.
        let seal = format!(
            "sync -f $store; python3 -c \
             'import fcntl; fcntl.fcntl(open(\"{disk}\", \"r+b\"), 1033, 8)'"
        );
        let again = format!("umount $store; mount -o loop,ro {disk} $store");
        let said = steps(&stb, &mount, &format!("{seal}; boot; slots; {again}; slots"));
        let [failed, slots, again] = &said[..] else { panic!("{said:?}") };
        assert_eq!(
            (&failed["outcome"], &failed["booted"]["release"]),
            (&"failed".into(), &41.into())
        );
        let why = failed["why"].as_str().unwrap();
        assert!(why.contains("release 42") && why.contains("Input/output error"), "{why}");
        assert_eq!(
            (&slots["boots"]["number"], &again["boots"]["number"]),
            (&41.into(), &41.into())
        );
    }
}
