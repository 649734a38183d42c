//! A box in memory and a carousel that plays any datagrams to it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]
#![allow(dead_code, reason = "each test binary uses a part")]

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use stbcast_infocast::{Check, Header, Name, ObjectType, Precoding};
use stbcast_object::{Group, Micros};
use stbcast_receiver::{
    Boot, ChannelDecoder, Event, Fetch, FetchOptions, Input, MemoryStorage, Output, Role, Session,
    Target, drive,
};

pub const SENDER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
pub const RIVAL: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

pub fn group(last: u8) -> Group {
    Group::new([239, 255, 2, last].into(), 22222).unwrap()
}

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// An object as a sender would cut it.
#[derive(Clone)]
pub struct Sent {
    pub name: &'static str,
    pub object_type: u16,
    pub precoding: u16,
    pub slices: Vec<Vec<u8>>,
    pub trailer: fn(&Header, &[u8]) -> Vec<u8>,
}

pub fn no_trailer(_: &Header, _: &[u8]) -> Vec<u8> {
    Vec::new()
}

impl Sent {
    pub fn equal(name: &'static str, bytes: &[u8], slice_bytes: usize) -> Self {
        let mut slices: Vec<_> = bytes.chunks(slice_bytes).map(<[u8]>::to_vec).collect();
        if slices.is_empty() {
            slices.push(Vec::new());
        }
        Self { name, object_type: 5, precoding: 1, slices, trailer: no_trailer }
    }

    pub fn total(&self) -> u32 {
        self.slices.len() as u32
    }

    pub fn datagram(&self, index: u32) -> Vec<u8> {
        let header = Header {
            object_type: ObjectType(self.object_type),
            precoding: Precoding(self.precoding),
            number: index + 1,
            total: self.total(),
            name: name(self.name),
        };
        let slice = &self.slices[index as usize];
        let mut bytes = header.encode().to_vec();
        bytes.extend_from_slice(slice);
        bytes.extend((self.trailer)(&header, slice));
        bytes
    }

    pub fn pass(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        (0..self.total()).map(|index| self.datagram(index))
    }
}

/// Pseudo-random bytes: no two slices of them are alike.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// A session with its memory, its clock, and what it said.
pub struct TestBox<S> {
    pub session: S,
    pub storage: MemoryStorage,
    pub now: Micros,
    pub joined: Option<Group>,
    pub events: Vec<Event>,
    decoder: ChannelDecoder,
}

impl TestBox<Fetch<Range<usize>>> {
    pub fn fetching(wanted: &str, options: FetchOptions) -> Self {
        Self::new(Fetch::new(Target::infocast(group(2), name(wanted)), options))
    }

    /// Asserts that exactly `bytes` were committed.
    #[track_caller]
    pub fn assert_object(&self, bytes: &[u8], context: &str) {
        let object = self.object();
        let length = object.map(<[u8]>::len);
        assert_eq!(length, Some(bytes.len()), "{context}: length of the object");
        assert!(object == Some(bytes), "{context}: the bytes differ");
    }

    pub fn object(&self) -> Option<&[u8]> {
        self.storage.committed(Role::Object).map(|committed| committed.bytes.as_slice())
    }

    pub fn check(&self) -> Option<Check> {
        self.events.iter().find_map(|event| match event {
            Event::Complete { check, .. } => *check,
            _ => None,
        })
    }
}

impl TestBox<Boot<Range<usize>>> {
    pub fn part(&self, part: stbcast_bootcast::Part) -> Option<&[u8]> {
        self.storage.committed(Role::Part(part)).map(|committed| committed.bytes.as_slice())
    }
}

impl<S: Session<Range<usize>>> TestBox<S> {
    pub fn new(session: S) -> Self {
        let mut new = Self {
            session,
            storage: MemoryStorage::default(),
            now: Micros::from_secs(1),
            joined: None,
            events: Vec::new(),
            decoder: ChannelDecoder::default(),
        };
        new.input(Input::Wake, &[]);
        new
    }

    pub fn input(&mut self, input: Input<'_, Range<usize>>, datagram: &[u8]) {
        let (events, joined, decoder) = (&mut self.events, &mut self.joined, &mut self.decoder);
        let shell = &mut |output| match output {
            Output::Join { group, .. } => {
                assert!(joined.replace(group).is_none(), "one channel at a time");
                *decoder = ChannelDecoder::default();
            }
            Output::Leave { group } => assert_eq!(joined.take(), Some(group)),
            Output::Event(event) => events.push(event),
            other => panic!("not for a shell: {other:?}"),
        };
        drive(&mut self.session, &mut self.storage, self.now, input, datagram, shell).unwrap();
    }

    /// A datagram arrives on the joined channel, one millisecond after the last.
    pub fn hear_from(&mut self, from: IpAddr, datagram: &[u8]) {
        self.now = self.now.after(Micros::from_millis(1));
        let input = match self.decoder.decode(from, datagram) {
            Ok(arrival) => Input::Arrival(arrival),
            Err(reject) => Input::Rejected(datagram.len(), reject.into()),
        };
        self.input(input, datagram);
    }

    /// A datagram was sent and lost.
    pub fn miss(&mut self) {
        self.now = self.now.after(Micros::from_millis(1));
    }

    pub fn hear(&mut self, datagram: impl AsRef<[u8]>) {
        self.hear_from(SENDER, datagram.as_ref());
    }

    pub fn hear_all<D: AsRef<[u8]>>(&mut self, datagrams: impl IntoIterator<Item = D>) {
        datagrams.into_iter().for_each(|datagram| self.hear(datagram));
    }

    /// Nothing arrives until the session wants to be woken.
    pub fn wait(&mut self) {
        self.now = self.session.wake_at().expect("the session waits for something");
        self.input(Input::Wake, &[]);
    }

    pub fn is_over(&self) -> bool {
        self.session.is_over()
    }
}
