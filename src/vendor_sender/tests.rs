use std::os::unix::fs::PermissionsExt;

use super::*;

/// Longest wait for anything.
const DEADLINE: Duration = Duration::from_secs(30);

/// A directory with a stand-in for a vendor's sender, and a line-up of it.
struct Site(tempfile::TempDir);

impl Site {
    /// The stand-in notes its arguments and does what the lines say.
    fn new(lines: &str) -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        site.program(lines);
        std::fs::write(site.0.path().join("fw.dff"), "firmware").unwrap();
        site
    }

    fn program(&self, lines: &str) {
        let script =
            format!("#!/bin/sh\necho $$ \"$@\" >> \"$(dirname \"$0\")\"/starts\n{lines}\n");
        // Another file, as packages replace programs: one that is executed cannot be written to.
        let (path, new) = (self.0.path().join("sender"), self.0.path().join("new"));
        std::fs::write(&new, script).unwrap();
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::rename(new, path).unwrap();
    }

    fn line_up(&self, more: &str) -> LineUp {
        let text = format!(
            "[[channel]]\ncarousel = \"infocast\"\ngroup = \"239.255.2.11\"\nbit_rate_kbps = 1000\n\
             slice_bytes = 1400\n[[channel.object]]\nname = \"time\"\nsource = {{ kind = \"time\" }}\n\
             [[vendor_sender]]\nname = \"dune\"\nprogram = \"sender\"\nfile = \"fw.dff\"\n\
             group = \"239.255.60.1:5000\"\nttl = 0\n{more}"
        );
        let reading = crate::lineup::parse(&text, self.0.path());
        reading.line_up.unwrap_or_else(|| panic!("{:?}", reading.findings))
    }

    /// Processes that were started, with what they were told.
    fn starts(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.0.path().join("starts")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn pids(&self) -> Vec<u32> {
        self.starts().iter().map(|it| it.split(' ').next().unwrap().parse().unwrap()).collect()
    }
}

fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|it| !it.is_empty() && !it.starts_with(" Z"))
}

#[track_caller]
fn wait(mut done: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !done() {
        assert!(Instant::now() < end, "it does not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn put(senders: &mut VendorSenders, line_up: &LineUp) {
    senders.take(line_up, Instant::now());
    senders.follow(line_up, &Roster::all(line_up), &Killed::default(), Instant::now());
}

fn off(line_up: &LineUp) -> Roster {
    Roster { vendor_senders: vec![false], ..Roster::all(line_up) }
}

#[test]
fn it_is_told_what_the_line_up_says_and_sees_none_of_our_environment() {
    let site = Site::new("env > \"$(dirname \"$0\")\"/env\nexec sleep 1000");
    let (line_up, mut senders) = (site.line_up(""), VendorSenders::default());
    put(&mut senders, &line_up);
    wait(|| site.0.path().join("env").metadata().is_ok_and(|it| it.len() > 0));
    let told = format!(
        "-s 256 -t 0 -n 0 -d 0 -i 2 -v 1 239.255.60.1 5000 {}",
        site.0.path().join("fw.dff").display()
    );
    assert!(site.starts()[0].ends_with(&told), "{:?}", site.starts());
    let env = std::fs::read_to_string(site.0.path().join("env")).unwrap();
    assert!(env.contains("PATH=") && !env.contains("CARGO"), "{env}");
}

#[test]
fn behind_its_window_it_ends_and_nothing_of_it_is_left() {
    let site = Site::new("sleep 1000 &\necho $! \"child\" >> \"$(dirname \"$0\")\"/starts\nwait");
    let (line_up, mut senders) = (site.line_up(""), VendorSenders::default());
    put(&mut senders, &line_up);
    wait(|| site.pids().len() == 2);
    let pids = site.pids();
    assert_eq!(senders.runs(|name| name == "dune"), Some("dune"));
    wait(|| {
        senders.follow(&line_up, &off(&line_up), &Killed::default(), Instant::now());
        senders.runs(|_| true).is_none()
    });
    wait(|| pids.iter().all(|pid| !is_alive(*pid)));
    let told: Vec<_> = senders.told().map(|it| (it.doing, it.problem.is_some())).collect();
    assert_eq!(told, [(Doing::Rests, false)]);
}

#[test]
fn one_that_does_not_listen_is_killed_by_its_channels_name_at_once() {
    let site = Site::new("trap '' TERM\nwhile :; do sleep 1; done");
    let (line_up, mut senders) = (site.line_up(""), VendorSenders::default());
    put(&mut senders, &line_up);
    wait(|| site.pids().len() == 1);
    let killed: Killed =
        [crate::killed::Entry::parse("channel dune").unwrap()].into_iter().collect();
    let since = Instant::now();
    wait(|| {
        senders.follow(&line_up, &Roster::all(&line_up), &killed, Instant::now());
        senders.runs(|_| true).is_none()
    });
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    assert!(!is_alive(site.pids()[0]));
}

#[test]
fn a_reload_leaves_it_alone_unless_it_its_program_or_its_file_changed() {
    let site = Site::new("exec sleep 1000");
    let (line_up, mut senders) = (site.line_up(""), VendorSenders::default());
    put(&mut senders, &line_up);
    wait(|| site.pids().len() == 1);
    put(&mut senders, &line_up);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(site.pids().len(), 1, "nothing changed");
    let mut again = |line_up: &LineUp, count: usize| {
        put(&mut senders, line_up);
        wait(|| {
            senders.tick(Instant::now());
            site.pids().len() == count
        });
        let alive: Vec<_> = site.pids().into_iter().filter(|pid| is_alive(*pid)).collect();
        assert_eq!(alive, site.pids()[count - 1..], "one at a time");
    };
    std::fs::write(site.0.path().join("fw.dff"), "new firmware").unwrap();
    again(&line_up, 2);
    site.program("exec sleep 1001");
    again(&line_up, 3);
    again(&site.line_up("kbytes_per_s = 300\n"), 4);
    assert!(site.starts()[3].contains("-s 300"));
    let without = LineUp { vendor_senders: Vec::new(), ..line_up };
    put(&mut senders, &without);
    wait(|| {
        senders.tick(Instant::now());
        senders.told().next().is_none()
    });
    assert!(site.pids().iter().all(|pid| !is_alive(*pid)), "it left the line-up");
}

#[test]
fn one_that_ends_by_itself_is_started_again_and_one_that_is_done_is_not() {
    let site = Site::new("exit 3");
    let (line_up, mut senders) = (site.line_up(""), VendorSenders::default());
    put(&mut senders, &line_up);
    wait(|| {
        senders.tick(Instant::now());
        senders.told().any(|it| it.restarts == 1)
    });
    let problem = senders.told().next().unwrap().problem.map(str::to_owned);
    assert_eq!(problem.as_deref(), Some("it ended with code 3"));
    let site = Site::new("exit 0");
    let (line_up, mut senders) = (site.line_up("iterations = 2\n"), VendorSenders::default());
    put(&mut senders, &line_up);
    wait(|| {
        senders.tick(Instant::now());
        senders.told().any(|it| it.doing == Doing::Done)
    });
    senders.tick(Instant::now() + Duration::from_secs(1_000));
    assert_eq!(site.pids().len(), 1);
}

#[test]
fn a_program_that_cannot_be_run_is_told_and_tried_again() {
    let site = Site::new("exec sleep 1000");
    let (line_up, mut senders) = (site.line_up(""), VendorSenders::default());
    let [program, away] = ["sender", "away"].map(|name| site.0.path().join(name));
    std::fs::rename(&program, &away).unwrap();
    put(&mut senders, &line_up);
    let told = senders.told().next().unwrap();
    assert_eq!((told.doing, told.pid), (Doing::Waits, None));
    assert!(told.problem.is_some_and(|it| it.contains("cannot run") && it.contains("sender")));
    std::fs::rename(&away, &program).unwrap();
    senders.tick(Instant::now() + Duration::from_secs(2));
    wait(|| site.pids().len() == 1);
}

#[test]
fn at_the_end_nothing_is_left_of_one_that_does_not_listen() {
    let site = Site::new("trap '' TERM\nsleep 1000 &\nwhile :; do sleep 1; done");
    let (line_up, mut senders) = (site.line_up(""), VendorSenders::default());
    put(&mut senders, &line_up);
    wait(|| site.pids().len() == 1);
    drop(senders);
    assert!(!is_alive(site.pids()[0]));
}
