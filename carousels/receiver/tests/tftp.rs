//! A TFTP transfer against a server of the RFCs, over a network that the test makes up.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

mod servers;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use proptest::prelude::*;
use servers::object;
use servers::tftp::{Manners, Sending};
use stbcast_object::Micros;
use stbcast_receiver::TftpOptions;
use stbcast_receiver::tftp::{TftpError, Transfer};

const LENGTH_MAX: u64 = 1 << 20;
const SILENCE: Micros = Micros::from_secs(10);
/// One way through the network.
const DELAY: Micros = Micros::from_millis(3);

fn server() -> SocketAddr {
    "192.0.2.1:69".parse().unwrap()
}

fn transfer_port() -> SocketAddr {
    "192.0.2.1:40000".parse().unwrap()
}

fn files(file: &[u8]) -> BTreeMap<String, Vec<u8>> {
    BTreeMap::from([("image".to_owned(), file.to_vec())])
}

fn options(block_bytes: u16) -> TftpOptions {
    TftpOptions { block_bytes, ..TftpOptions::default() }
}

/// A box, a server, and what is under way between them.
struct Net {
    now: Micros,
    transfer: Transfer,
    sending: Option<Sending>,
    manners: Manners,
    files: BTreeMap<String, Vec<u8>>,
    /// Arrives at the time, at the box or not.
    under_way: Vec<(Micros, bool, Vec<u8>)>,
    /// When the server sends again.
    resend_at: Micros,
    file: Vec<u8>,
    /// Packets of the box to the server.
    sent: Vec<Vec<u8>>,
    /// And to others.
    to_others: Vec<(SocketAddr, Vec<u8>)>,
    /// How often the next packets arrive, either way; once behind its end.
    copies: Vec<usize>,
    /// What the client told the server.
    error: Option<String>,
}

impl Net {
    fn new(file: &[u8], options: TftpOptions, manners: Manners) -> Self {
        let limits = (LENGTH_MAX, SILENCE);
        let now = Micros::ZERO;
        Self {
            now,
            transfer: Transfer::new(now, server(), "image", options, limits).unwrap(),
            sending: None,
            manners,
            files: files(file),
            under_way: Vec::new(),
            resend_at: Micros::NEVER,
            file: Vec::new(),
            sent: Vec::new(),
            to_others: Vec::new(),
            copies: Vec::new(),
            error: None,
        }
    }

    fn send(&mut self, to_box: bool, packet: &[u8]) {
        let copies = if self.copies.is_empty() { 1 } else { self.copies.remove(0) };
        for copy in 0..copies {
            let at = self.now.after(DELAY).after(Micros(copy as u64));
            self.under_way.push((at, to_box, packet.to_vec()));
        }
    }

    fn send_from_box(&mut self) {
        while let Some((to, packet)) = self.transfer.to_send() {
            if to == server() || to == transfer_port() {
                self.sent.push(packet.clone());
                self.send(false, &packet);
            } else {
                self.to_others.push((to, packet));
            }
        }
    }

    /// Hands a datagram to the box.
    fn arrive(&mut self, from: SocketAddr, datagram: &[u8]) {
        let taken = self.transfer.handle(self.now, from, datagram);
        if let Some(taken) = taken {
            assert_eq!(taken.offset, self.file.len() as u64);
            self.file.extend_from_slice(&datagram[taken.payload]);
        }
    }

    fn arrive_at_server(&mut self, packet: &[u8]) {
        let Some(sending) = &mut self.sending else {
            if packet.starts_with(&[0, 1]) {
                let begun = Sending::begin(packet, &self.files, self.manners);
                let first = begun.as_ref().map_or_else(Clone::clone, |s| s.last().to_vec());
                self.sending = begun.ok();
                return self.reply(&first);
            }
            return;
        };
        if packet.starts_with(&[0, 1]) {
            return;
        }
        match sending.hear(packet) {
            Ok(Some(next)) => {
                let next = next.to_vec();
                self.reply(&next);
            }
            Ok(None) => {}
            Err(error) => self.error = Some(error),
        }
        if self.sending.as_ref().is_some_and(Sending::is_done) {
            self.resend_at = Micros::NEVER;
        }
    }

    fn reply(&mut self, packet: &[u8]) {
        self.resend_at = self.now.after(Micros::from_secs(1));
        self.send(true, packet);
    }

    /// Goes on until the transfer has ended.
    fn run(&mut self) -> Result<u64, TftpError> {
        for _ in 0..1_000_000 {
            self.send_from_box();
            if let Some(end) = self.transfer.end() {
                let end = end.clone();
                // Whatever arrives behind its end changes nothing.
                let before = self.file.len();
                self.arrive(transfer_port(), &[0, 3, 0, 1, 7]);
                assert!(self.file.len() == before && self.transfer.to_send().is_none());
                return end;
            }
            let arrives = self.under_way.iter().map(|(at, ..)| *at).min().unwrap_or(Micros::NEVER);
            self.now = arrives.min(self.transfer.wake_at()).min(self.resend_at).max(self.now);
            if self.now == arrives {
                let first = self.under_way.iter().position(|(at, ..)| *at == arrives).unwrap();
                let (_, to_box, packet) = self.under_way.remove(first);
                if to_box {
                    self.arrive(transfer_port(), &packet);
                } else {
                    self.arrive_at_server(&packet);
                }
            } else if self.now == self.resend_at {
                let last = self.sending.as_ref().unwrap().last().to_vec();
                self.reply(&last);
            } else {
                self.transfer.wake(self.now);
            }
        }
        panic!("it never ends");
    }
}

fn assert_fetched(net: &mut Net, file: &[u8]) {
    assert_eq!(net.run(), Ok(file.len() as u64));
    assert!(net.file == file);
}

#[test]
fn files_of_every_length_around_a_block_come_whole() {
    for length in [0, 1, 99, 100, 101, 199, 200, 201, 1_000] {
        let file = object(length);
        let mut net = Net::new(&file, options(100), Manners::default());
        assert_fetched(&mut net, &file);
        // Empty files are not told: servers send the zero of the request back.
        assert_eq!(net.transfer.length(), (length > 0).then_some(length as u64));
        assert_eq!(net.sent[0], b"\0\x01image\0octet\0tsize\0\x30\0timeout\x001\0blksize\x00100\0");
    }
}

#[test]
fn a_server_without_options_is_read_in_blocks_of_512() {
    let file = object(5_120);
    let manners = Manners { options: false, ..Manners::default() };
    let mut net = Net::new(&file, options(1_428), manners);
    assert_fetched(&mut net, &file);
    assert_eq!((net.sent.len(), net.transfer.length()), (1 + 11, None));
}

#[test]
fn a_server_may_agree_to_smaller_blocks() {
    let file = object(5_000);
    let manners = Manners { block_max: 1_000, ..Manners::default() };
    let mut net = Net::new(&file, options(1_428), manners);
    assert_fetched(&mut net, &file);
    assert_eq!(net.sent.len(), 1 + 1 + 6);
}

#[test]
fn block_numbers_begin_anew_at_zero_or_one() {
    let file = object(65_540 * 8 + 3);
    for rolls_over_to in [0, 1] {
        let manners = Manners { rolls_over_to, ..Manners::default() };
        let mut net = Net::new(&file, options(8), manners);
        assert_fetched(&mut net, &file);
    }
}

#[test]
fn what_is_lost_is_sent_again_wherever_it_is_lost() {
    let file = object(950);
    let packets = {
        let mut net = Net::new(&file, options(100), Manners::default());
        net.run().unwrap();
        2 * net.sent.len() - 1
    };
    for lost in 0..packets {
        for times in 1..=3 {
            let mut net = Net::new(&file, options(100), Manners::default());
            net.copies = vec![1; lost];
            net.copies.extend(vec![0; times]);
            assert_fetched(&mut net, &file);
        }
    }
}

#[test]
fn what_is_doubled_is_answered_once() {
    let file = object(10_000);
    for apprentice in [false, true] {
        let manners = Manners { apprentice, ..Manners::default() };
        let mut net = Net::new(&file, options(100), manners);
        net.copies = vec![2; 1_000];
        assert_fetched(&mut net, &file);
        // Not one packet more than without: nothing is doubled on and on.
        assert_eq!(net.sent.len(), 1 + 1 + 101);
    }
}

#[test]
fn a_lost_acknowledgement_of_an_apprentice_costs_one_more_packet() {
    let file = object(10_000);
    let manners = Manners { apprentice: true, ..Manners::default() };
    let mut net = Net::new(&file, options(100), manners);
    net.copies = vec![1; 20];
    net.copies.push(0);
    assert_fetched(&mut net, &file);
    assert!(net.sent.len() <= 1 + 1 + 101 + 2, "{}", net.sent.len());
}

#[test]
fn strangers_are_told_so_and_change_nothing() {
    let file = object(950);
    let mut net = Net::new(&file, options(100), Manners::default());
    let strangers: [SocketAddr; 2] =
        ["192.0.2.1:40001", "192.0.2.9:40000"].map(|address| address.parse().unwrap());
    net.send_from_box();
    while net.file.len() < 300 {
        let (at, to_box, packet) = net.under_way.remove(0);
        net.now = at;
        if to_box {
            net.arrive(transfer_port(), &packet);
        } else {
            net.arrive_at_server(&packet);
        }
        net.send_from_box();
    }
    let acknowledged = net.sent.len();
    for n in 0..100 {
        for stranger in strangers {
            net.arrive(stranger, &[0, 3, 0, 4, 1, 2, 3]);
            net.send_from_box();
            // Nobody answers an error with an error.
            net.arrive(stranger, b"\0\x05\0\0bye\0");
            assert!(net.transfer.to_send().is_none(), "{n}");
        }
    }
    assert_eq!(net.sent.len(), acknowledged);
    assert!((1..=8).contains(&net.to_others.len()), "{}", net.to_others.len());
    for (to, packet) in &net.to_others {
        assert!(strangers.contains(to) && packet.starts_with(&[0, 5, 0, 5]));
    }
    assert_fetched(&mut net, &file);
}

#[test]
fn an_answer_from_another_address_is_not_the_servers() {
    let mut net = Net::new(b"", options(512), Manners::default());
    net.arrive("192.0.2.9:69".parse().unwrap(), &[0, 3, 0, 1]);
    assert!(net.transfer.end().is_none());
}

#[test]
fn a_server_that_is_silent_is_given_up_after_the_time_outs() {
    let mut net = Net::new(b"", options(512), Manners::default());
    net.copies = vec![0; 1_000];
    assert_eq!(net.run(), Err(TftpError::Silent { span: Micros::from_secs(10) }));
    assert_eq!(net.now, Micros::from_secs(10));
    // Each time twice as late.
    assert_eq!(net.sent.len(), 4);

    let mut net = Net::new(&object(950), options(100), Manners::default());
    net.copies = vec![1; 10];
    net.copies.extend([0; 1_000]);
    let (span, received) = (SILENCE, 400);
    assert_eq!(net.run(), Err(TftpError::Stalled { span, received }));
}

#[test]
fn a_server_that_drips_is_given_up() {
    let file = object(100_000);
    let mut net = Net::new(&file, options(8), Manners::default());
    // Each block arrives only when the server sends it again.
    net.copies = [1, 1, 1, 0].into_iter().chain([1, 1, 0].repeat(10_000)).collect();
    let end = net.run();
    assert!(matches!(end, Err(TftpError::Slow { .. })), "{end:?}");
    assert!(net.now < Micros::from_secs(70), "{}", net.now);
    assert!(net.sent.last().unwrap().starts_with(&[0, 5]), "the server is not told");
}

#[test]
fn an_error_of_the_server_is_told_with_its_words_escaped() {
    let mut net = Net::new(b"", options(512), Manners::default());
    net.files.clear();
    let text = "no such\\nfile".to_owned();
    assert_eq!(net.run(), Err(TftpError::Refused { code: 1, text }));
}

#[test]
fn a_server_that_refuses_options_is_asked_once_without() {
    let mut net = Net::new(b"", options(1_000), Manners::default());
    net.send_from_box();
    for code in [8, 8] {
        net.arrive(transfer_port(), &[0, 5, 0, code, 0]);
        net.send_from_box();
    }
    assert_eq!(net.sent[1], b"\0\x01image\0octet\0");
    assert_eq!(net.sent.len(), 2);
    assert!(matches!(net.transfer.end(), Some(Err(TftpError::Refused { code: 8, .. }))));
}

#[test]
fn options_that_were_not_offered_end_it_with_error_8() {
    for extra in [
        &b"blksize\x001001\0"[..],
        b"blksize\x007\0",
        b"blksize\x00+9\0",
        b"blksize\x00512\0blksize\x00512\0",
        b"timeout\x002\0",
        b"tsize\x00-1\0",
        b"tsize\x0018446744073709551616\0",
        b"tsize\x001\0TSIZE\x001\0",
        b"windowsize\x004\0",
        b"cut\0",
        b"cut",
    ] {
        let mut net = Net::new(b"", options(1_000), Manners::default());
        net.send_from_box();
        net.arrive(transfer_port(), &[&[0, 6], extra].concat());
        net.send_from_box();
        let end = net.transfer.end();
        assert!(matches!(end, Some(Err(TftpError::Option { .. }))), "{end:?}");
        assert!(net.sent[1].starts_with(&[0, 5, 0, 8]), "{}", extra.escape_ascii());
    }
}

#[test]
fn names_of_options_may_be_written_in_any_case() {
    let mut net = Net::new(b"", options(1_000), Manners::default());
    net.send_from_box();
    net.arrive(transfer_port(), b"\0\x06BlkSize\x00900\0TSIZE\x00901\0");
    net.send_from_box();
    assert_eq!((&*net.sent[1], net.transfer.length()), (&[0, 4, 0, 0][..], Some(901)));
    net.arrive(transfer_port(), &[&[0, 3, 0, 1][..], &[5; 900]].concat());
    net.arrive(transfer_port(), &[0, 3, 0, 2, 5]);
    assert_eq!(net.transfer.end(), Some(&Ok(901)));
}

#[test]
fn a_file_that_is_too_large_is_refused_as_soon_as_that_is_known() {
    let told = Manners { told: Some(LENGTH_MAX + 1), ..Manners::default() };
    let mut net = Net::new(&object(100), options(1_000), told);
    assert_eq!(net.run(), Err(TftpError::TooLarge { length: LENGTH_MAX + 1 }));
    assert!(net.file.is_empty() && net.sent.last().unwrap().starts_with(&[0, 5, 0, 3]));

    let untold = Manners { told: Some(0), ..Manners::default() };
    let file = object(LENGTH_MAX as usize + 1);
    let mut net = Net::new(&file, options(60_000), untold);
    assert!(matches!(net.run(), Err(TftpError::TooLarge { .. })));
    assert!(net.file.len() as u64 <= LENGTH_MAX);
}

#[test]
fn a_file_of_another_length_than_told_is_none() {
    for told in [99, 101, 250] {
        let manners = Manners { told: Some(told), ..Manners::default() };
        let mut net = Net::new(&object(100), options(50), manners);
        let end = net.run();
        assert!(matches!(end, Err(TftpError::Length { told: t, .. }) if t == told), "{end:?}");
    }
}

#[test]
fn a_block_that_is_longer_than_agreed_ends_it() {
    let mut net = Net::new(b"", options(1_000), Manners::default());
    net.send_from_box();
    net.arrive(transfer_port(), &[&[0, 3, 0, 1][..], &[5; 513]].concat());
    let end = net.transfer.end();
    assert_eq!(end, Some(&Err(TftpError::Block { bytes: 513, agreed: 512 })));
}

#[test]
fn a_path_that_no_request_can_carry_is_refused() {
    for path in ["", "a\0b", &"a".repeat(500)] {
        let limits = (LENGTH_MAX, SILENCE);
        let begun = Transfer::new(Micros::ZERO, server(), path, options(512), limits);
        assert_eq!(begun.err(), Some(TftpError::Path { bytes: path.len() }));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_the_network_loses_and_doubles_the_file_comes_whole_or_not_at_all(
        length in 0usize..3_000,
        block_bytes in 8u16..600,
        copies in prop::collection::vec(prop::sample::select(vec![0usize, 1, 1, 1, 1, 2, 3]), 0..400),
        manners in prop::sample::select(vec![(true, false), (false, false), (true, true)]),
    ) {
        let file = object(length);
        let (options_known, apprentice) = manners;
        let manners = Manners { options: options_known, apprentice, ..Manners::default() };
        let mut net = Net::new(&file, options(block_bytes), manners);
        net.copies = copies;
        match net.run() {
            Ok(length) => prop_assert!(length == file.len() as u64 && net.file == file),
            Err(error) => prop_assert!(file.starts_with(&net.file), "{}", error),
        }
    }

    #[test]
    fn any_datagrams_leave_a_prefix_that_is_consistent(
        datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..40),
    ) {
        let mut net = Net::new(b"", options(16), Manners::default());
        for mut datagram in datagrams {
            if let [first, second, ..] = &mut *datagram {
                (*first, *second) = (0, *second % 8);
            }
            net.arrive(transfer_port(), &datagram);
            net.send_from_box();
            prop_assert_eq!(net.transfer.received(), net.file.len() as u64);
        }
    }
}
