//! Which old revision can be completed, at which rates, and until when.

use super::*;
use crate::killed::Killed;
use crate::lineup::LineUp;
use crate::roster::Roster;
use crate::testing::Store;

const LINE_UP: &str = r#"
announce = "239.255.9.1:22223"

[[channel]]
name = "images"
carousel = "infocast"
group = "239.255.9.3:22222"
bit_rate_kbps = 4000
slice_bytes = 1400
repair = { group = "239.255.9.4:22222", ratio = 0.1 }
overlap = { share = 0.3, cycles = 2, finish_past = 0.7 }

[[channel.object]]
name = "a"
source = "a.img"

[[channel.object]]
name = "b"
source = "b.img"
"#;

struct Site {
    store: Store,
    line_up: LineUp,
    overlaps: Overlaps,
    generation: u64,
    now: Instant,
}

impl Site {
    fn new() -> Self {
        Self::of(LINE_UP)
    }

    fn of(text: &str) -> Self {
        let store = Store::new();
        let line_up = store.line_up(text);
        let (overlaps, now) = (Overlaps::default(), Instant::now());
        Self { store, line_up, overlaps, generation: 0, now }
    }

    /// What is published when the images are filled with these bytes.
    fn publish(&mut self, a: u8, b: u8) -> Programme {
        self.publish_as(a, b, &Roster::all(&self.line_up))
    }

    fn publish_as(&mut self, a: u8, b: u8, roster: &Roster) -> Programme {
        for (name, fill) in [("a.img", a), ("b.img", b)] {
            self.store.image(name, fill);
        }
        let stock = self.store.stock(&self.line_up);
        let mut programme = stock.programme(roster, &Killed::default()).unwrap();
        self.generation += 1;
        self.overlaps.apply(&mut programme, self.generation, self.now);
        programme
    }

    fn on_air(&mut self) {
        self.overlaps.on_air("images", self.generation, self.now);
    }

    fn wait(&mut self, span: Duration) {
        self.now += span;
    }
}

fn companion(programme: &Programme) -> &ChannelProgramme {
    programme.channels[0].companion.as_deref().unwrap()
}

fn superseded(programme: &Programme) -> Vec<u128> {
    match &companion(programme).carousel {
        Carousel::Companion(session) => session.superseded().collect(),
        _ => panic!("no companion"),
    }
}

fn tois(programme: &Programme) -> Vec<u128> {
    programme.channels[0].files.iter().map(|file| file.toi).collect()
}

/// What is said of each object: which revision it supersedes, for how many seconds.
fn said(programme: &Programme) -> Vec<Option<(u128, u32)>> {
    let of = |file: &File| file.announced.supersedes.map(|it| (it.toi(), it.overlap_s()));
    programme.channels[0].files.iter().map(of).collect()
}

fn rates(programme: &Programme) -> (u64, u64) {
    (programme.channels[0].channel.bit_rate_bps, companion(programme).channel.bit_rate_bps)
}

#[test]
fn the_old_revision_has_its_share_of_both_rates_until_its_time_is_over() {
    let mut site = Site::new();
    let first = site.publish(1, 9);
    assert_eq!((superseded(&first), said(&first)), (vec![], vec![None, None]));
    site.on_air();
    let second = site.publish(2, 9);
    assert_eq!(superseded(&second), [tois(&first)[0]], "the other object stays as it is");
    let (before, during) = (rates(&first), rates(&second));
    assert_eq!(during.0 + during.1, before.0 + before.1);
    assert!(during.0.abs_diff(before.0 * 7 / 10) < 2, "{during:?}");
    // Two cycles of 574 datagrams of 1,440 bytes or so at 2,800 kbit/s.
    let (toi, seconds) = said(&second)[0].unwrap();
    assert_eq!((toi, said(&second)[1]), (tois(&first)[0], None));
    assert!((4..=6).contains(&seconds), "{seconds}");
    assert_eq!(site.overlaps.due(), None, "it is not on air");
    site.wait(Duration::from_secs(100));
    site.on_air();
    let due = site.overlaps.due().unwrap();
    let span = due - site.now;
    assert!(span <= Duration::from_secs(u64::from(seconds)) && span > Duration::from_secs(4));
    // Another publication meanwhile changes nothing.
    site.wait(Duration::from_secs(2));
    let again = site.publish(2, 9);
    assert!(companion(&again).is_same_as(companion(&second)));
    site.on_air();
    assert_eq!(site.overlaps.due(), Some(due), "its time goes on");
    site.now = due;
    let over = site.publish(2, 9);
    assert_eq!((superseded(&over), said(&over)), (vec![], vec![None, None]));
    assert_eq!((rates(&over), site.overlaps.due()), (before, None));
    // What ends it is a change of rates, which comes at once.
    assert!(over.channels[0].is_same_but_rate(&again.channels[0]));
    assert!(companion(&over).is_same_but_rate(companion(&again)));
    assert!(!companion(&over).is_same_as(companion(&again)));
}

#[test]
fn the_last_revision_that_was_on_air_is_kept_and_no_older_one() {
    let mut site = Site::new();
    let first = site.publish(1, 9);
    site.on_air();
    // The second one is overtaken before it comes on air.
    site.publish(2, 9);
    let third = site.publish(3, 9);
    assert_eq!(superseded(&third), [tois(&first)[0]]);
    site.on_air();
    let fourth = site.publish(4, 8);
    assert_eq!(superseded(&fourth), [tois(&third)[0], tois(&third)[1]]);
    // Back to what is on air: nothing is superseded.
    let back = site.publish(3, 9);
    assert!(superseded(&back).is_empty() && said(&back) == [None, None]);
}

#[test]
fn what_is_killed_is_completed_no_more() {
    let mut site = Site::new();
    let first = site.publish(1, 8);
    site.on_air();
    site.publish(2, 9);
    site.on_air();
    let digests: Vec<_> = first.channels[0].digests.iter().map(|digest| digest.unwrap()).collect();
    site.overlaps.kill(&dead([digests[0]]));
    let one = site.publish(2, 9);
    assert_eq!(superseded(&one), [tois(&first)[1]]);
    site.overlaps.kill(&dead([digests[1]]));
    let none = site.publish(2, 9);
    assert!(superseded(&none).is_empty() && said(&none) == [None, None]);
    // What was killed on air is not superseded by what replaces it.
    let on_air: Vec<_> = none.channels[0].digests.iter().flatten().copied().collect();
    site.overlaps.kill(&dead(on_air));
    assert!(superseded(&site.publish(4, 5)).is_empty());
}

#[test]
fn a_channel_that_leaves_the_air_ends_its_overlap() {
    let mut site = Site::new();
    site.publish(1, 9);
    site.on_air();
    site.publish(2, 9);
    site.on_air();
    let nobody = Roster { channels: vec![None], ..Roster::all(&site.line_up) };
    assert!(site.publish_as(2, 9, &nobody).channels.is_empty());
    assert_eq!(site.overlaps.due(), None);
    let later = site.publish(3, 9);
    assert!(superseded(&later).is_empty(), "nobody is in mid-download");
}

fn dead(digests: impl IntoIterator<Item = Digest>) -> Dead {
    Dead { digests: digests.into_iter().collect(), ..Dead::default() }
}

#[test]
fn the_old_image_of_a_mag_channel_can_be_completed_while_the_new_one_has_another_serial_number() {
    let mag = LINE_UP.replace("infocast", "mag").replace("1400", "1456");
    let (one_object, _) = mag.rsplit_once("[[channel.object]]").unwrap();
    let mut site = Site::of(one_object);
    let serial = |programme: &Programme| match &programme.channels[0].carousel {
        Carousel::Mag(carousel) => carousel.stream().serial,
        _ => panic!("no MAG channel"),
    };
    let first = site.publish(1, 9);
    site.on_air();
    let second = site.publish(2, 9);
    assert_eq!(superseded(&second), [tois(&first)[0]]);
    assert_eq!(said(&second)[0].map(|(toi, _)| toi), Some(tois(&first)[0]));
    let (before, during) = (rates(&first), rates(&second));
    assert_eq!(during.0 + during.1, before.0 + before.1);
    assert_ne!(serial(&first), serial(&second));
    let location = second.channels[0].files[0].location.to_string();
    assert_eq!(location, "mag://239.255.9.3:22222");
    assert!(!first.channels[0].is_same_as(&second.channels[0]));
}
