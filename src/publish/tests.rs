//! Publications that meet each other, failures and kills, with real threads and sockets on the loopback
//! interface.

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::killed::Killed;
use crate::roster::Roster;
use crate::spool::Digest;
use crate::testing::{Store, killed};
use crate::transmit::TransmitPath;

/// A cycle of the slow channel takes 50 seconds.
const LINE_UP: &str = r#"
[[channel]]
name = "slow"
carousel = "infocast"
group = "239.255.250.21:22222"
interface = "127.0.0.1"
ttl = 0
bit_rate_kbps = 64
slice_bytes = 1400

[[channel.object]]
name = "image"
source = "slow.img"

[[channel]]
name = "other"
carousel = "infocast"
group = "239.255.250.22:22222"
interface = "127.0.0.1"
ttl = 0
bit_rate_kbps = 64
slice_bytes = 1400

[[channel.object]]
name = "image"
source = "other.img"
"#;

struct Night {
    store: Store,
    publisher: Publisher,
    reports: UnboundedReceiver<Report>,
}

impl Night {
    fn new() -> Self {
        let (told, reports) = unbounded_channel();
        let sockets = Sockets::new(TransmitPath::Send);
        let publisher = Publisher::new(Drivers::new(told), sockets);
        let store = Store::new();
        store.image("slow.img", 1);
        store.image("other.img", 2);
        Self { store, publisher, reports }
    }

    fn programme(&mut self, text: &str, lines: &str) -> Programme {
        let line_up = self.store.line_up(text);
        let stock = self.store.stock(&line_up);
        stock.programme(&Roster::all(&line_up), &killed(lines)).unwrap()
    }

    /// Takes reports until the threads told this, ten seconds at most.
    fn until(&mut self, is_it: impl Fn(&Report) -> bool) {
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            self.publisher.on_time(Instant::now()).unwrap();
            let Ok(report) = self.reports.try_recv() else {
                std::thread::sleep(Duration::from_millis(1));
                continue;
            };
            let found = is_it(&report);
            self.publisher.on_report(report).unwrap();
            if found {
                return;
            }
        }
        panic!("not told within ten seconds");
    }

    fn until_on_air(&mut self, name: &str) {
        self.until(|report| matches!(report, Report::OnAir { channel, .. } if channel == name));
    }

    fn sends(&self, digest: Digest) -> bool {
        self.publisher.carries(|_| false, |it| *it == digest).is_some()
    }

    fn is_on_air(&self, name: &str) -> bool {
        self.publisher.carries(|it| it == name, |_| false).is_some()
    }
}

fn is_retired(name: &str) -> impl Fn(&Report) -> bool {
    move |report| matches!(report, Report::Retired { channel, .. } if channel == name)
}

#[test]
fn an_image_that_finishes_its_cycle_before_it_is_replaced_can_be_killed() {
    let mut night = Night::new();
    let old = Digest::of(&[1; 400_000]);
    let programme = night.programme(LINE_UP, "");
    night.publisher.publish(programme).unwrap();
    night.until_on_air("other");
    let new = night.store.image("slow.img", 3);
    let programme = night.programme(LINE_UP, "");
    night.publisher.publish(programme).unwrap();
    assert!(night.sends(old), "its cycle takes a minute");
    let programme = night.programme(LINE_UP, &format!("image {}", old.hex()));
    night.publisher.follow(programme).unwrap();
    assert!(!night.sends(old));
    night.until(is_retired("slow"));
    night.until_on_air("slow");
    assert!(night.sends(new) && !night.sends(old));
}

#[test]
fn a_channel_that_was_dropped_and_finishes_its_cycle_can_be_killed() {
    let mut night = Night::new();
    let programme = night.programme(LINE_UP, "");
    night.publisher.publish(programme).unwrap();
    night.until_on_air("other");
    let without = LINE_UP.split_once("[[channel]]\nname = \"other\"").unwrap().0;
    let programme = night.programme(without, "");
    night.publisher.publish(programme).unwrap();
    assert!(night.is_on_air("other"), "it completes its cycle");
    let programme = night.programme(without, "channel other");
    night.publisher.follow(programme).unwrap();
    night.until(is_retired("other"));
    assert!(!night.is_on_air("other") && night.is_on_air("slow"));
}

#[test]
fn a_publication_that_is_refused_silences_nothing() {
    let mut night = Night::new();
    let programme = night.programme(LINE_UP, "");
    night.publisher.publish(programme).unwrap();
    night.until_on_air("other");
    let text = LINE_UP.replacen("127.0.0.1", "nowhere9", 2).replacen("nowhere9", "127.0.0.1", 1);
    let line_up = night.store.line_up(&text);
    let stock = night.store.stock(&line_up);
    let mut roster = Roster::all(&line_up);
    roster.channels[0] = None;
    let programme = stock.programme(&roster, &Killed::default()).unwrap();
    assert!(night.publisher.publish(programme).is_err(), "nowhere9 is no interface");
    assert!(night.is_on_air("slow") && night.is_on_air("other"));
    assert!(night.reports.try_recv().is_err(), "nothing has changed on air");
}

#[test]
fn at_night_one_interface_that_is_not_there_keeps_no_other_channel_off_the_air() {
    let mut night = Night::new();
    let text = LINE_UP.replacen("127.0.0.1", "nowhere9", 1);
    let line_up = night.store.line_up(&text);
    let stock = night.store.stock(&line_up);
    let mut roster = Roster { channels: vec![None, None], ..Roster::all(&line_up) };
    let nothing = Killed::default();
    let programme = stock.programme(&roster, &nothing).unwrap();
    night.publisher.publish(programme).unwrap();
    roster.channels = vec![Some(64_000), Some(64_000)];
    let programme = stock.programme(&roster, &nothing).unwrap();
    night.publisher.follow(programme).unwrap();
    night.until_on_air("other");
}

#[test]
fn what_waits_behind_a_long_cycle_does_not_come_on_air_when_it_was_killed_meanwhile() {
    let mut night = Night::new();
    let programme = night.programme(LINE_UP, "");
    night.publisher.publish(programme).unwrap();
    night.until_on_air("other");
    night.store.image("slow.img", 3);
    let control = format!(
        "{LINE_UP}\n[[channel]]\nname = \"control\"\ncarousel = \"infocast\"\n\
         group = \"239.255.250.23:22222\"\ninterface = \"127.0.0.1\"\nttl = 0\nbit_rate_kbps = 64\n\
         slice_bytes = 1400\n[[channel.object]]\nname = \"info\"\n\
         source = {{ kind = \"bootcast\", image = \"image\" }}\n"
    );
    let control = control.replacen("name = \"image\"", "name = \"first\"", 1);
    let programme = night.programme(&control, "");
    night.publisher.publish(programme).unwrap();
    assert!(night.publisher.is_pending("control"));
    let absent = HashSet::from(["control".to_owned()]);
    night.publisher.silence(&absent, &[]);
    assert!(!night.publisher.is_pending("control"), "whatever fails behind it");
}
