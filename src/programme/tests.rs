use super::*;
use crate::lineup::{LineUp, ObjectId};
use crate::roster::Roster;
use crate::testing::{Store, killed};

const LINE_UP: &str = r#"
announce = "239.255.9.1:22223"

[[channel]]
name = "metadata"
carousel = "infocast"
group = "239.255.9.2:22222"
bit_rate_kbps = 64
slice_bytes = 1024

[[channel.object]]
name = "a.info"
source = { kind = "bootcast", image = "a" }

[[channel.object]]
name = "b.info"
source = { kind = "bootcast", image = "b" }

[[channel]]
name = "images"
carousel = "infocast"
group = "239.255.9.3:22222"
bit_rate_kbps = 4000
slice_bytes = 1400
repair = { group = "239.255.9.4:22223", ratio = 0.1, keep_total = true }

[[channel.object]]
name = "a"
source = "a.img"

[[channel.object]]
name = "b"
source = "b.img"

[[channel]]
name = "films"
carousel = "flute"
group = "239.255.9.5:22223"
bit_rate_kbps = 2000
slice_bytes = 1400
repair = { ratio = 0.1 }

[[channel.object]]
name = "film"
source = "film.img"

[[stbconfig]]
name = "a.xml"
image = "a"

[[stbconfig]]
name = "b.xml"
image = "b"
"#;

struct Site {
    _store: Store,
    line_up: LineUp,
    stock: Stock,
}

impl Site {
    fn new() -> Self {
        let mut store = Store::new();
        for (name, fill) in [("a.img", 1), ("b.img", 2), ("film.img", 3)] {
            store.image(name, fill);
        }
        let line_up = store.line_up(LINE_UP);
        let stock = store.stock(&line_up);
        Self { _store: store, line_up, stock }
    }

    fn programme(&self, roster: &Roster, lines: &str) -> Programme {
        self.stock.programme(roster, &killed(lines)).unwrap()
    }

    fn all(&self) -> Roster {
        Roster::all(&self.line_up)
    }
}

/// What is on air, each channel with its objects and those whose symbols its companion has.
fn on_air(programme: &Programme) -> Vec<String> {
    let channel = |channel: &ChannelProgramme| {
        let objects = channel.channel.objects.iter().map(|object| object.name.to_string());
        let objects: Vec<_> = objects.collect();
        assert_eq!(
            objects.len(),
            channel.payloads.iter().filter(|it| it.digest().is_some()).count()
        );
        let repaired = channel.companion.iter().flat_map(|companion| &companion.files);
        let repaired: Vec<_> = repaired.map(|file| file.location.as_str().to_owned()).collect();
        format!("{}: {} + {}", channel.channel.name, objects.join(" "), repaired.len())
    };
    programme.channels.iter().map(channel).collect()
}

fn names(set: &HashMap<String, Arc<[u8]>>) -> Vec<&str> {
    let mut names: Vec<_> = set.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[test]
fn what_names_an_absent_object_is_absent_with_it() {
    let site = Site::new();
    let all = site.programme(&site.all(), "");
    let whole = ["metadata: a.info b.info + 0", "images: a b + 2", "films: film + 0"];
    assert_eq!(on_air(&all), whole);
    assert_eq!((names(&all.stbconfigs), all.absent), (vec!["a.xml", "b.xml"], Absent::default()));
    let roster = Roster { off: [ObjectId { channel: 1, object: 0 }].into(), ..site.all() };
    let some = site.programme(&roster, "");
    assert_eq!(on_air(&some), ["metadata: b.info + 0", "images: b + 1", "films: film + 0"]);
    assert_eq!(names(&some.stbconfigs), ["b.xml"]);
    let out = [("metadata", "a.info"), ("images", "a")];
    let out = out.map(|(channel, name)| (channel.to_owned(), Name::new(name).unwrap()));
    assert_eq!(some.absent, Absent { out: out.into(), ..Absent::default() });
}

#[test]
fn a_channel_off_the_roster_takes_its_companion_and_its_control_objects_along() {
    let site = Site::new();
    let mut roster = site.all();
    roster.channels[1] = None;
    let programme = site.programme(&roster, "");
    assert_eq!(on_air(&programme), ["films: film + 0"], "nothing is left of the metadata");
    assert_eq!(programme.absent.channels, ["images".to_owned()].into());
    assert!(programme.absent.objects.is_empty() && programme.stbconfigs.is_empty());
    assert_eq!(on_air(&site.programme(&roster, "channel films")), [""; 0]);
}

#[test]
fn a_killed_image_must_not_wait_and_neither_must_what_names_it() {
    let site = Site::new();
    let digest = Digest::of(&[1; 400_000]);
    let programme = site.programme(&site.all(), &format!("image {}", digest.hex()));
    assert_eq!(on_air(&programme), ["metadata: b.info + 0", "images: b + 1", "films: film + 0"]);
    let object = |channel: &str, name| (channel.to_owned(), Name::new(name).unwrap());
    let killed = [object("metadata", "a.info"), object("images", "a")];
    assert_eq!(programme.absent.objects, killed.into());
    assert!(programme.absent.dead.has(&digest) && !programme.absent.dead.has(&Digest::of(b"")));
    assert_eq!(names(&programme.stbconfigs), ["b.xml"]);
}

#[test]
fn another_rate_is_shared_with_the_companion_as_the_line_up_says() {
    let site = Site::new();
    let mut roster = site.all();
    let full = site.programme(&roster, "");
    roster.channels[1] = Some(1_000_000);
    let slow = site.programme(&roster, "");
    let rate = |programme: &Programme| {
        let images = &programme.channels[1];
        let companion = images.companion.as_ref().unwrap().channel.bit_rate_bps;
        (images.channel.bit_rate_bps + companion, companion * 100 / images.channel.bit_rate_bps)
    };
    assert!((3_999_000..=4_000_000).contains(&rate(&full).0), "{:?}", rate(&full));
    assert!((999_000..=1_000_000).contains(&rate(&slow).0), "{:?}", rate(&slow));
    let (before, after) = (&full.channels[1], &slow.channels[1]);
    assert!(!after.is_same_as(before) && after.is_same_but_rate(before));
    assert!(full.channels[0].is_same_as(&slow.channels[0]));
    let again = site.programme(&site.all(), "");
    assert!(again.channels.iter().zip(&full.channels).all(|(new, old)| new.is_same_as(old)));
}
