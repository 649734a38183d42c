//! Clocks that step, and a headend that is stopped for a while.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use stbcast_flute::Packet;

use super::super::harness::{Program, Site, headend, noise, receiver, run};
use super::super::network::Hosts;
use super::ear::{Ear, Heard, now, rate, worst};

const KBPS: u32 = 8_000;
const HOUR: i64 = 3_600;

/// What the clock of a program says, by a file that a test writes.
struct Clock {
    file: PathBuf,
}

impl Clock {
    fn new(site: &Site) -> Self {
        let clock = Self { file: site.path("clock") };
        clock.step(0);
        clock
    }

    /// From now on it is so many seconds ahead of the machine's.
    fn step(&self, ahead: i64) {
        let next = self.file.with_extension("next");
        std::fs::write(&next, format!("{ahead:+}\n")).unwrap();
        std::fs::rename(next, &self.file).unwrap();
    }

    /// The program with this clock; only its wall clock is another.
    fn on(&self, command: &mut Command) {
        let libraries = ["x86_64-linux-gnu", "aarch64-linux-gnu"];
        let library = libraries.map(|it| PathBuf::from(format!("/usr/lib/{it}/faketime")));
        let library = library.into_iter().find(|it| it.exists()).expect("faketime is installed");
        command.env("LD_PRELOAD", library.join("libfaketimeMT.so.1"));
        command.env("FAKETIME_TIMESTAMP_FILE", &self.file);
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        command.env("FAKETIME_CACHE_DURATION", "1");
    }
}

/// Seconds since 1970 that the time object says.
fn told(heard: &Heard) -> i64 {
    let text = String::from_utf8_lossy(&heard.bytes[44..]).into_owned();
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("no time: {text}"))
}

/// Seconds since 1970 that the sender's clock says in a description, where it is one.
fn sender_time(heard: &Heard) -> Option<i64> {
    let packet = Packet::parse(&heard.bytes).unwrap();
    packet.fdt()?;
    packet.time().map(|time| time.seconds().to_unix(None).cast_signed())
}

fn seconds() -> i64 {
    (now() / 1_000_000_000).cast_signed()
}

/// Symbols among these: each by its code's number.
fn symbols(heard: &[Heard]) -> Vec<(u128, u32, u32)> {
    let of = |one: &Heard| {
        let packet = Packet::parse(&one.bytes).unwrap();
        let payload = packet.payload()?;
        (payload.toi != 0).then_some((payload.toi, payload.id.block, payload.id.symbol))
    };
    heard.iter().filter_map(of).collect()
}

#[test]
fn a_clock_that_steps_by_hours_changes_what_is_said_of_the_time_and_nothing_else() {
    // Where it has to be built, that is not what is measured.
    let _built = receiver();
    let hosts = Hosts::new();
    let there = &hosts.names[1];
    let mut site = Site::new();
    let announce = site.announce();
    let time = site.channel("time", 64, 1_000);
    site.object("time", "{ kind = \"time\" }", "");
    let images = site.channel("images", KBPS, 1_000);
    let repair = site.repair("ratio = 0.1");
    site.object("boot", "boot.img", "");
    let image = noise(1, 2_000_000);
    site.file("boot.img", &image);
    let clock = Clock::new(&site);
    let mut command = hosts.on(0, &headend());
    command.arg("serve").arg(site.write()).args(["--interface", "air0", "--ttl", "1", "--spool"]);
    command.env("XDG_STATE_HOME", site.path("state"));
    command.arg(site.path("spool"));
    clock.on(&mut command);
    let mut headend = Program::start(&mut command);
    headend.wait_for("line-up 1 is on air");
    let [time, images, repair, said] =
        [time, images, repair, announce.clone()].map(|group| Ear::join(there, &group, "air0"));
    let box_fetches = |from: &str| {
        let url = format!("infocast://{}/boot", group_of(&site, "images"));
        let output = site.path(from);
        let fetched = run(hosts
            .on(1, &receiver())
            .args(["fetch", &url, "--interface", "air0", "--announce", &announce, "--output"])
            .arg(&output));
        assert_eq!(fetched.status.code(), Some(0), "{}", String::from_utf8_lossy(&fetched.stderr));
        assert!(std::fs::read(output).unwrap() == image, "{from}");
    };
    box_fetches("before");
    let mut before = Vec::new();
    for (name, ahead) in [("forward", 5 * HOUR), ("back", -3 * HOUR), ("again", 0)] {
        images.drain();
        repair.drain();
        std::thread::sleep(Duration::from_secs(1));
        before.extend(symbols(&repair.drain()));
        clock.step(ahead);
        let wanted = seconds() + ahead;
        time.drain();
        said.drain();
        let is_now = |told: i64| (wanted - 3..wanted + 10).contains(&told);
        time.until(Duration::from_secs(3), |heard| is_now(told(heard)));
        said.until(Duration::from_secs(4), |heard| sender_time(heard).is_some_and(is_now));
        // The step is in the middle of this.
        let sent = images.drain();
        let kbps = rate(&sent) / 1_000.0;
        // Up to a tenth faster where this machine has held it up before.
        let part = kbps / f64::from(KBPS);
        assert!((0.97..1.11).contains(&part), "{name}: {kbps} kbit/s");
        let most = worst(&sent, Duration::from_millis(100)) / 1_000.0;
        assert!(most < f64::from(KBPS) * 1.2, "{name}: {most} kbit/s in 100 ms");
        let gaps = sent.windows(2).map(|pair| pair[1].at.saturating_sub(pair[0].at));
        assert!(gaps.max().unwrap() < 300_000_000, "{name}: a gap");
        // A box that collects symbols across the step finds new ones.
        let after = symbols(&repair.drain());
        assert!(after.len() > 20, "{name}: {} symbols", after.len());
        let again = after.iter().filter(|one| before.contains(one)).count();
        assert!(again * 10 < after.len(), "{name}: {again} of {} again", after.len());
        box_fetches(name);
        before = after;
    }
}

/// The group of a channel in the line-up of a site.
fn group_of(site: &Site, channel: &str) -> String {
    let text = std::fs::read_to_string(site.path("lineup.toml")).unwrap();
    let (_, rest) = text.split_once(&format!("name = \"{channel}\"")).unwrap();
    let (_, rest) = rest.split_once("group = \"").unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

#[test]
fn a_schedule_follows_a_clock_that_steps_within_two_seconds() {
    let hosts = Hosts::new();
    let mut site = Site::new();
    site.channel("always", 64, 1_000);
    site.object("boot", "boot.img", "");
    let group = site.channel("images", KBPS, 1_000);
    site.channel_key("schedule = \"night\"");
    site.object("boot", "boot.img", "");
    let windows = (seconds() + 4 * HOUR, seconds() + 6 * HOUR, "");
    site.add(&super::super::schedule::schedule("night", &[windows]));
    site.file("boot.img", &noise(1, 500_000));
    let clock = Clock::new(&site);
    let mut command = hosts.on(0, &headend());
    command.arg("serve").arg(site.write()).args(["--interface", "air0", "--ttl", "1", "--spool"]);
    command.arg(site.path("spool")).arg("--state").arg(site.path("state"));
    clock.on(&mut command);
    let mut headend = Program::start(&mut command);
    headend.wait_for("line-up 1 is on air");
    let ear = Ear::join(&hosts.names[1], &group, "air0");
    assert!(ear.hear_for(Duration::from_secs(1)).is_empty(), "outside its window");
    // What the clock is read from is read once a second.
    let within = Duration::from_secs(3);
    for ahead in [0, -HOUR, 9 * HOUR] {
        clock.step(5 * HOUR);
        ear.until(within, |_| true);
        clock.step(ahead);
        ear.hear_for(within);
        let later = ear.hear_for(Duration::from_secs(1));
        assert!(later.is_empty(), "{ahead} s: {} datagrams outside its window", later.len());
    }
}

#[test]
fn a_headend_that_was_stopped_for_five_seconds_does_not_burst_when_it_goes_on() {
    let hosts = Hosts::new();
    let mut site = Site::new();
    let group = site.channel("images", KBPS, 1_000);
    site.object("boot", "boot.img", "");
    site.file("boot.img", &noise(1, 500_000));
    let headend = hosts.serve(&site, &["--interface", "air0"]);
    let ear = Ear::join(&hosts.names[1], &group, "air0");
    ear.until(Duration::from_secs(2), |_| true);
    headend.signal(Signal::STOP);
    // What was under way.
    ear.hear_for(Duration::from_secs(5));
    assert!(ear.drain().is_empty());
    headend.signal(Signal::CONT);
    let heard = ear.hear_for(Duration::from_secs(3));
    let most = worst(&heard, Duration::from_millis(100)) / 1_000.0;
    assert!(most < f64::from(KBPS) * 1.15, "{most} kbit/s in 100 ms");
    let most = worst(&heard, Duration::from_millis(10)) / 1_000.0;
    assert!(most < f64::from(KBPS) * 1.4, "{most} kbit/s in 10 ms");
    let kbps = rate(&heard) / 1_000.0;
    assert!(kbps > f64::from(KBPS) * 0.99, "{kbps} kbit/s");
}

#[test]
fn channels_that_make_up_for_a_stop_stay_within_what_their_interface_may_carry() {
    let hosts = Hosts::new();
    let mut site = Site::new();
    let (cap, channels) = (20_000, 4);
    let mut groups = Vec::new();
    for number in 0..channels {
        groups.push(site.channel(&format!("images-{number}"), cap / channels - 100, 1_000));
        site.channel_key("interface = \"air0\"");
        site.object("boot", "boot.img", "");
    }
    site.add(&format!("[[interface]]\nname = \"air0\"\nbit_rate_kbps = {cap}\n"));
    site.file("boot.img", &noise(1, 500_000));
    let headend = hosts.serve(&site, &[]);
    let there = &hosts.names[1];
    let ears: Vec<Ear> = groups.iter().map(|group| Ear::join(there, group, "air0")).collect();
    ears[0].until(Duration::from_secs(2), |_| true);
    headend.signal(Signal::STOP);
    std::thread::sleep(Duration::from_millis(800));
    headend.signal(Signal::CONT);
    std::thread::sleep(Duration::from_secs(3));
    let mut heard: Vec<Heard> = ears.iter().flat_map(Ear::drain).collect();
    heard.sort_by_key(|heard| heard.at);
    // 16 KiB, and a batch.
    let beyond = f64::from(18_000 * 8);
    for millis in [100, 250, 1_000] {
        let window = Duration::from_millis(millis);
        let most = worst(&heard, window);
        let allowed = f64::from(cap) * 1_000.0 + beyond / window.as_secs_f64();
        assert!(most <= allowed, "{most} bit/s in {window:?}, {allowed} are allowed");
    }
    let last = heard[heard.len() - 1].at;
    let steady: Vec<_> =
        heard.iter().filter(|one| one.at + 2_000_000_000 > last).cloned().collect();
    let kbps = rate(&steady) / 1_000.0;
    assert!(kbps > f64::from(cap) * 0.97, "{kbps} kbit/s");
}
