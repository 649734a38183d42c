//! What servers send a box that asks them.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::ops::Range;

use sha2::{Digest, Sha256};
use stbcast_bootcast::SourceUrl;
use stbcast_object::Micros;
use stbcast_receiver::limits::{
    BUSY_PATIENCE, TFTP_STRANGERS_MAX, TIMEOUT, UNICAST_PROGRESS_BYTES,
};
use stbcast_receiver::tftp::{Packet, Transfer};
use stbcast_receiver::{
    Answer, Event, Fetch, FetchOptions, Input, Output, Request, Role, Server, Target, TftpOptions,
    UnicastError, drive,
};

use super::receiver::Watched;
use super::{Script, noise};

/// A datagram of a TFTP server: what is read of it stands where it says.
pub fn tftp_packet(data: &[u8]) {
    match Packet::parse(data) {
        Ok(Packet::Data { block, payload }) => {
            assert_eq!(data, [&[0, 3], &block.to_be_bytes(), payload].concat());
        }
        Ok(Packet::OptionAck(options)) => assert_eq!(data, [&[0, 6], options].concat()),
        Ok(Packet::Error { code, text }) => {
            assert!(data.starts_with(&[&[0, 5], &code.to_be_bytes(), text].concat()));
            assert!(!text.contains(&0));
        }
        Err(_) => assert!(data.len() < 4 || !matches!(data, [0, 3 | 5 | 6, ..])),
    }
}

const LENGTH_MAX: u64 = 4_096;

/// A transfer and what came of it.
struct Reading {
    transfer: Transfer,
    now: Micros,
    file: Vec<u8>,
    turned_away: u8,
}

impl Reading {
    fn new(options: TftpOptions) -> Self {
        let server = address(69);
        let limits = (LENGTH_MAX, TIMEOUT);
        let transfer = Transfer::new(Micros::ZERO, server, "image", options, limits);
        let mut new = Self {
            transfer: transfer.expect("a short path"),
            now: Micros::ZERO,
            file: Vec::new(),
            turned_away: 0,
        };
        assert!(new.sent().is_some_and(|(to, packet)| to == server && packet.len() <= 512));
        new
    }

    /// What it sends now: one datagram at most.
    fn sent(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        let sent = self.transfer.to_send();
        assert!(self.transfer.to_send().is_none());
        sent
    }

    fn hear(&mut self, from: SocketAddr, datagram: &[u8]) {
        let was_over = self.transfer.end().is_some();
        let before = self.file.len();
        if let Some(taken) = self.transfer.handle(self.now, from, datagram) {
            assert_eq!(taken.offset, before as u64, "a gap");
            self.file.extend_from_slice(&datagram[taken.payload]);
            assert!(self.file.len() as u64 <= LENGTH_MAX);
        }
        assert_eq!(self.transfer.received(), self.file.len() as u64);
        let sent = self.sent();
        assert!(!was_over || (sent.is_none() && self.file.len() == before), "it goes on");
        if let Some((to, packet)) = sent
            && to.ip() == from.ip()
            && packet.starts_with(&[0, 5, 0, 5])
        {
            self.turned_away += 1;
            assert!(self.turned_away <= TFTP_STRANGERS_MAX);
        }
        if let Some(Ok(length)) = self.transfer.end() {
            assert_eq!(*length, self.file.len() as u64);
            assert!(self.transfer.length().is_none_or(|told| told == *length));
        }
    }

    /// Until it wants to be woken, or less.
    fn pass_time(&mut self, less: u64) {
        let wake_at = self.transfer.wake_at();
        self.now = Micros(wake_at.0.saturating_sub(less)).max(self.now);
        self.transfer.wake(self.now);
        self.sent();
        let goes_on = self.transfer.end().is_none();
        assert!(!goes_on || self.transfer.wake_at() > self.now, "it does not get on");
    }
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::new([192, 0, 2, 1].into(), port)
}

/// Any datagrams to a transfer, among good ones and the passing of time.
pub fn tftp_transfer(data: &[u8]) {
    let mut script = Script(data);
    let block_bytes = 8 + 4 * u16::from(script.byte().unwrap_or(0));
    let options = TftpOptions { block_bytes, ..TftpOptions::default() };
    let mut reading = Reading::new(options);
    let (mut block, mut size) = (1u16, 512);
    while let (Some(op), Some(n)) = (script.byte(), script.byte()) {
        let from = [address(4_000), address(4_001), SocketAddr::new([192, 0, 2, 2].into(), 4_000)]
            [usize::from(op >> 6).min(2)];
        match op % 8 {
            // The next block, and which size and numbers hold from here on.
            0..3 => {
                let payload = noise(n.into(), if op % 8 == 2 { n.into() } else { size });
                let before = reading.file.len();
                reading.hear(from, &[&[0, 3][..], &block.to_be_bytes(), &payload].concat());
                if reading.file.len() > before {
                    block = block.wrapping_add(1);
                }
            }
            3 => reading.hear(from, &[0, 3, n, script.byte().unwrap_or(0), 1, 2, 3]),
            4 => {
                let text = format!("blksize\0{}\0tsize\0{}\0", block_bytes, u64::from(n) * 16);
                reading.hear(from, &[&[0, 6], text.as_bytes()].concat());
                size = if block_bytes == 512 { 512 } else { block_bytes.into() };
            }
            5 => {
                let kind = [3, 5, 6, n][usize::from(n % 4)];
                reading.hear(from, &[&[0, kind], script.block()].concat());
            }
            6 => reading.pass_time(u64::from(n) * 10_000),
            _ => reading.hear(from, script.block()),
        }
    }
    // Left alone it ends, soon.
    for _ in 0..64 {
        if reading.transfer.end().is_some() {
            return;
        }
        reading.pass_time(0);
    }
    panic!("it never ends");
}

/// A download, its clock, its storage, and a server with two revisions.
struct Box {
    session: Fetch<Range<usize>>,
    storage: Watched,
    now: Micros,
    under_way: Option<Request>,
    ids: HashSet<u64>,
    ended: bool,
    completed: Option<Option<[u8; 32]>>,
}

impl Box {
    fn new(target: Target, options: FetchOptions) -> Self {
        Self {
            storage: Watched::new(options.length_max),
            session: Fetch::new(target, options),
            now: Micros::from_secs(1),
            under_way: None,
            ids: HashSet::new(),
            ended: false,
            completed: None,
        }
    }

    fn input(&mut self, input: Input<'_, Range<usize>>, bytes: &[u8]) {
        let Self { session, storage, under_way, ids, ended, completed, .. } = self;
        let mut shell = |output| match output {
            Output::Request(request) => {
                assert!(under_way.is_none(), "two requests at once");
                assert!(ids.insert(request.id), "a number was used twice");
                assert_eq!(request.to, None);
                *under_way = Some(request);
            }
            Output::CancelRequest { id } => {
                assert_eq!(under_way.take().map(|request| request.id), Some(id));
            }
            Output::Event(Event::Complete { sha256, .. }) => {
                *completed = Some(sha256);
                assert!(!std::mem::replace(ended, true), "it ended twice");
            }
            Output::Event(Event::Failed(_)) => {
                assert!(!std::mem::replace(ended, true), "it ended twice");
            }
            Output::Event(_) => {}
            other => panic!("not for a shell: {other:?}"),
        };
        let _ = drive(session, storage, self.now, input, bytes, &mut shell);
        assert_eq!(self.session.is_over(), self.ended);
        assert!(!self.ended || self.under_way.is_none(), "it ended and left its request");
    }

    fn give(&mut self, id: u64, offset: u64, bytes: &[u8]) {
        let (length, payload) = (bytes.len(), 0..bytes.len());
        self.input(Input::Bytes { id, offset, length, payload }, bytes);
    }

    fn answer(&mut self, answer: Answer) {
        if let Some(Request { id, .. }) = self.under_way.take() {
            self.input(Input::Answered { id, answer }, &[]);
        }
    }

    fn pass_time(&mut self) {
        if let Some(wake_at) = self.session.wake_at() {
            self.now = wake_at.max(self.now);
        }
        self.input(Input::Wake, &[]);
    }
}

/// A download from a server that cuts, is busy, changes its object or tells lies, into a storage
/// that fails. Without lies one revision is committed as it is, or nothing.
pub fn download_ops(data: &[u8]) {
    let mut script = Script(data);
    let flags = script.byte().unwrap_or(0);
    let revisions = [1, 2].map(|seed| noise(seed, 8 * usize::from(script.byte().unwrap_or(0))));
    let digest: Option<[u8; 32]> =
        (flags & 1 != 0).then(|| Sha256::digest(&revisions[usize::from(flags >> 1 & 1)]).into());
    let target = if flags & 4 == 0 { "http://192.0.2.1/image" } else { "tftp://192.0.2.1/image" };
    let target = match target.parse() {
        Ok(SourceUrl::Http(url)) => Target::Unicast(Server::Http(url)),
        Ok(SourceUrl::Tftp(url)) => {
            Target::Unicast(Server::Tftp { url, options: TftpOptions::default() })
        }
        other => panic!("{other:?}"),
    };
    let length_max = if flags & 8 == 0 { 2_048 } else { 1_000 };
    let options = FetchOptions {
        sha256: digest,
        length_max,
        attempts: 1 + (flags >> 4),
        ..FetchOptions::default()
    };
    let mut stb = Box::new(target, options);
    let (mut current, mut known, mut lied) = (0, 0, false);
    // Where the bytes of the request under way have come to.
    let mut at = 0;
    while let (Some(op), Some(n)) = (script.byte(), script.byte()) {
        let Some(Request { id, from, .. }) = stb.under_way.clone() else {
            if stb.session.is_over() {
                break;
            }
            stb.pass_time();
            if let Some(request) = &stb.under_way {
                at = request.from;
                if at == 0 {
                    known = current;
                }
            }
            continue;
        };
        let object = &revisions[known];
        let rest = object.get(at as usize..).unwrap_or_default();
        match op % 12 {
            // A transport knows that the object is another one.
            _ if from > 0 && known != current => {
                stb.answer(Answer::Failed(UnicastError::Changed));
            }
            0..3 => {
                let piece = &rest[..rest.len().min(1 + usize::from(n) * 4)];
                if !piece.is_empty() {
                    stb.give(id, at, piece);
                    at += piece.len() as u64;
                }
            }
            3 | 4 => {
                for piece in rest.chunks(64) {
                    if stb.under_way.is_some() {
                        stb.give(id, at, piece);
                        at += piece.len() as u64;
                    }
                }
                let sha256 = (n & 1 != 0).then(|| Sha256::digest(object).into());
                stb.answer(Answer::Done { length: object.len() as u64, sha256 });
            }
            5 => stb.input(Input::Length { id, length: object.len() as u64 }, &[]),
            6 => stb.answer(Answer::Failed(error(n))),
            7 => {
                let retry_after = (n & 1 != 0).then(|| Micros::from_secs(u64::from(n) * 4));
                stb.answer(Answer::Busy { retry_after });
            }
            8 => current = 1,
            9 => stb.storage.fail_later(n, script.byte().unwrap_or(0)),
            // What is not for this request.
            10 => {
                let id = id.wrapping_add(u64::from(n)).wrapping_add(1);
                stb.give(id, at, &[n; 8]);
                let answer = Answer::Done { length: at, sha256: None };
                stb.input(Input::Answered { id, answer }, &[]);
            }
            _ => {
                lied = true;
                match n % 4 {
                    0 => stb.input(Input::Length { id, length: u64::from(n) << 56 }, &[]),
                    1 => stb.give(id, at.wrapping_add(u64::from(n)), &[n; 16]),
                    2 => stb.give(id, at, &vec![n; 4 * usize::from(n)]),
                    _ => stb.answer(Answer::Done { length: at, sha256: None }),
                }
                at = stb
                    .under_way
                    .as_ref()
                    .map_or(at, |_| at + 4 * u64::from(n) * u64::from(n % 4 == 2));
            }
        }
    }
    // Left alone by a server that never answers well, it ends.
    for _ in 0..2_000 {
        if stb.session.is_over() {
            break;
        }
        stb.pass_time();
        stb.answer(Answer::Failed(UnicastError::Silent));
    }
    assert!(stb.session.is_over(), "it never ends");
    assert!(stb.now < Micros::from_secs(1).after(BUSY_PATIENCE).after(Micros::from_secs(86_400)));
    assert!(length_max < UNICAST_PROGRESS_BYTES, "here every attempt counts");
    let committed = stb.storage.committed(Role::Object);
    assert_eq!(stb.completed.is_some(), committed.is_some(), "completed means committed");
    if let (Some(bytes), Some(sha256)) = (committed, stb.completed) {
        assert!(bytes.len() as u64 <= length_max);
        assert!(lied || revisions.iter().any(|revision| revision == bytes), "they were mixed");
        let found: [u8; 32] = Sha256::digest(bytes).into();
        assert!(sha256.is_none_or(|sha256| sha256 == found));
        assert!(digest.is_none_or(|digest| digest == found));
    }
}

fn error(n: u8) -> UnicastError {
    match n % 11 {
        0 => UnicastError::Unreachable,
        1 => UnicastError::Silent,
        2 => UnicastError::Cut { bytes: n.into() },
        3 => UnicastError::Status { status: 200 + 2 * u16::from(n) },
        4 => UnicastError::Redirect { status: 307 },
        5 => UnicastError::Changed,
        6 => UnicastError::Range,
        7 => UnicastError::TooLong { length: u64::MAX },
        8 => UnicastError::Tftp { code: u16::from(n) / 11 },
        9 => UnicastError::Busy { retry_after: Micros::NEVER },
        _ => UnicastError::Protocol,
    }
}
