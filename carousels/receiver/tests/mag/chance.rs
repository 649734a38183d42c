//! Any order, any loss, any forgery.

use proptest::prelude::*;
use stbcast_mag::Header;
use stbcast_object::Micros;
use stbcast_receiver::Role;

use super::headend::Sent;
use super::{channel, cycle, hear, image, plain};

/// What arrives instead of, or beside, the packet whose turn it is.
#[derive(Clone, Debug)]
enum Weather {
    Fine,
    Lost,
    Twice,
    Silence(u64),
    Bytes(Vec<u8>),
    Forged(Header, usize),
}

fn weather() -> impl Strategy<Value = Weather> {
    let header = (0u16..4, any::<u16>(), 0u32..4_000, 0u32..4_000).prop_map(
        |(serial, index, offset, length)| Header { serial, index, last: index, offset, length },
    );
    prop_oneof![
        8 => Just(Weather::Fine),
        2 => Just(Weather::Lost),
        1 => Just(Weather::Twice),
        1 => (0u64..2_000).prop_map(Weather::Silence),
        1 => any::<Vec<u8>>().prop_map(Weather::Bytes),
        1 => (header, 0usize..100).prop_map(|(header, bytes)| Weather::Forged(header, bytes)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever else comes: once the channel is honest, the image is whole within a few cycles, and every
    /// datagram ends in one counter.
    #[test]
    fn an_honest_channel_is_enough_in_the_end(
        length in 0usize..3_000,
        weather in proptest::collection::vec(weather(), 0..150),
    ) {
        let revision = image(3, length);
        let (mut stb, mut forged) = (plain(), false);
        let mut packets = cycle(&revision).into_iter().cycle();
        for one in weather {
            let packet = packets.next().unwrap();
            match one {
                Weather::Fine => hear(&mut stb, [packet]),
                Weather::Lost => {}
                Weather::Twice => hear(&mut stb, [packet.clone(), packet]),
                Weather::Silence(millis) => {
                    let now = stb.now.after(Micros::from_millis(millis));
                    stb.wait_until(now);
                }
                Weather::Bytes(bytes) => hear(&mut stb, [bytes]),
                Weather::Forged(header, bytes) => {
                    forged = true;
                    hear(&mut stb, [[&header.encode()[..], &vec![7; bytes]].concat()]);
                }
            }
        }
        for _ in 0..8 {
            hear(&mut stb, cycle(&revision));
        }
        let object = stb.storage.memory.committed(Role::Object).map(|one| one.bytes.clone());
        prop_assert!(object.is_some() && stb.is_over());
        prop_assert!(forged || object.as_deref() == Some(&revision.bytes[..]));
    }

    /// Memory and storage are those of one image, however many are claimed.
    #[test]
    fn hostile_packets_are_answered_and_nothing_is_written_behind_the_longest_image(
        packets in proptest::collection::vec((any::<u16>(), any::<u32>(), any::<u32>(), 0usize..1_500), 1..200),
    ) {
        let mut stb = plain();
        for (serial, offset, length, bytes) in packets {
            let (index, last) = (0, 0);
            let header = Header { serial, index, last, offset: offset % (64 << 10), length: length % (1 << 20) };
            let bytes = [&header.encode()[..], &vec![1; bytes]].concat();
            let now = stb.now.after(Micros::from_millis(1));
            stb.hear(now, &Sent { group: channel(), bytes, carries_symbol: true });
            let stats = *stb.fetch.stats();
            let counted = stats.stored + stats.duplicates + stats.foreign + stats.descriptions;
            prop_assert!(counted + stats.rejected_total() <= stats.datagrams);
        }
        prop_assert!(stb.storage.there.len() <= 1 << 20);
    }
}
