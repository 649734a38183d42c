//! A signed release on the loopback interface.

use std::num::NonZeroU16;
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};
use stbcast_bootcast::Part;
use stbcast_flute::fdt::{File, toi_candidates};
use stbcast_flute::{AnnounceSession, FdtSettings, Statement, Step};
use stbcast_infocast::{Carousel, Content as Sent, Entry, Name, ObjectType, Precoding};
use stbcast_object::{Group, Micros, Slices};
use stbcast_receiver::Content;
use stbcast_release::{KeyRole, Object, ObjectKind, Release, Root, SigningKey, digest};

use crate::air::{Air, free_group};
use crate::common::noise;

pub const MODEL: &str = "VIP1113";
const SLICE_BYTES: u16 = 1_400;
const DAY: u64 = 86_400;

fn wall() -> Micros {
    Micros(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64)
}

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32])
}

fn role(number: u8) -> KeyRole {
    KeyRole::new(1, [key(number).public().unwrap()])
}

/// The root document of boxes.
pub fn root() -> Vec<u8> {
    let root = Root {
        number: 1,
        operator: "example-tv".into(),
        epoch: 1,
        expiry: wall().0 / 1_000_000 + 1_000 * DAY,
        root: role(1),
        release: role(2),
        channel: role(3),
    };
    root.sign(&[&key(1)]).unwrap()
}

/// A release of an image and a splash.
pub struct Signed {
    pub number: u64,
    pub announce: Group,
    pub image: Vec<u8>,
    pub splash: Vec<u8>,
    pub statement: Vec<u8>,
    groups: [Group; 2],
}

impl Signed {
    pub fn new(number: u64, image_bytes: usize) -> Self {
        let (announce, groups) = (free_group(), [free_group(), free_group()]);
        let image = noise(number, image_bytes);
        let splash = noise(number + 100, 50_001);
        let now = wall().0 / 1_000_000;
        let object = |kind, name: &str, bytes: &[u8], group: Group| Object {
            kind,
            name: name.into(),
            length: bytes.len() as u64,
            sha256: digest(bytes),
            slice_bytes: NonZeroU16::new(SLICE_BYTES).unwrap(),
            url: format!("infocast://{group}/{name}"),
            companion: None,
            layout: None,
            http: Vec::new(),
            http_after: Object::HTTP_AFTER_DEFAULT,
            http_window_s: Object::HTTP_WINDOW_S_DEFAULT,
        };
        let release = Release {
            number,
            epoch: 1,
            operator: "example-tv".into(),
            models: vec![MODEL.into()],
            hardware: 1..=9,
            not_before: now - DAY,
            expiry: now + 90 * DAY,
            objects: vec![
                object(ObjectKind::Image, "image", &image, groups[0]),
                object(ObjectKind::Splash, "splash", &splash, groups[1]),
            ],
        };
        let statement = release.sign(&key(2)).unwrap();
        Self { number, announce, image, splash, statement, groups }
    }

    pub fn parts(&self) -> [(Part, &[u8]); 2] {
        [(Part::Kernel, &self.image), (Part::Splash, &self.splash)]
    }

    pub fn content(bytes: &[u8]) -> Content {
        let sha256 = Sha256::digest(bytes).into();
        Content { sha256, length: bytes.len() as u64, symbol_bytes: SLICE_BYTES }
    }

    /// Puts it on air, some thousand slices a second, the statement several times a second.
    pub fn play(&self) -> Air {
        let toi = toi_candidates(&digest(&self.statement)).next().unwrap();
        let file = File::new("release:42", toi).unwrap();
        let statement = Statement::new(file, self.statement.clone().into()).unwrap();
        let mut session = AnnounceSession::new(FdtSettings::new(1), Vec::new(), wall()).unwrap();
        session.set(Vec::new(), vec![statement], wall()).unwrap();
        let began = std::time::Instant::now();
        let announce = self.announce;
        let mut channels: Vec<_> = self.groups.iter().zip(self.parts()).map(channel).collect();
        let (mut turn, mut announcing) = (0_u64, false);
        Air::bursts(1, move || {
            let now = Micros(began.elapsed().as_micros() as u64);
            if announcing || turn % 500 == 0 {
                if let Step::Fdt(bytes) = session.next(now, wall()) {
                    announcing = true;
                    return Some((announce, bytes));
                }
                announcing = false;
            }
            turn += 1;
            // The splash now and then.
            let channel = usize::from(turn % 20 == 0);
            channels[channel]()
        })
    }
}

type Next = Box<dyn FnMut() -> Option<(Group, Vec<u8>)> + Send>;

fn channel((group, (part, bytes)): (&Group, (Part, &[u8]))) -> Next {
    let (group, bytes) = (*group, bytes.to_vec());
    let slices = Slices::new(bytes.len() as u64, NonZeroU16::new(SLICE_BYTES).unwrap()).unwrap();
    let name = if part == Part::Kernel { "image" } else { "splash" };
    let name = Name::new(name).unwrap();
    let entry = Entry::new(name, ObjectType(5), Precoding(1), None, Sent::Stored(slices)).unwrap();
    let mut carousel = Carousel::new(vec![entry], 100_000_000, 28, Micros::ZERO);
    Box::new(move || {
        loop {
            if let stbcast_infocast::Step::Datagram(datagram) = carousel.next(Micros::ZERO, 0) {
                let body = datagram.body.start as usize..datagram.body.end as usize;
                let bytes = [&datagram.head[..], &bytes[body], &datagram.tail[..]].concat();
                return Some((group, bytes));
            }
        }
    })
}
