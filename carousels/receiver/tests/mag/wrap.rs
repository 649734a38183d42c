//! Images over the 65,536 packets that the index counts, without their bytes in memory.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::sync::LazyLock;

use stbcast_mag::{Carousel, DEFAULT_PACKET_BYTES, Description, Step, Stream};
use stbcast_object::{Datagram, Micros, Slices};
use stbcast_receiver::{
    Area, Event, Fetch, FetchOptions, GroupDecoder, Input, Listen, Output, Target, limits,
};

use super::{channel, image};

const SENDER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// The image is these bytes again and again. Their number is prime, so that packets that an index of 16 bits
/// confuses differ.
const PERIOD: usize = 65_521;

/// The bytes of the image in a range of at most one packet.
fn bytes_at(range: Range<u64>) -> &'static [u8] {
    static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let once = image(7, PERIOD).bytes;
        [&once[..], &once[..usize::from(DEFAULT_PACKET_BYTES)]].concat()
    });
    let start = (range.start % PERIOD as u64) as usize;
    &BYTES[start..start + (range.end - range.start) as usize]
}

/// A slot that is right where every byte is written once, with what belongs there.
struct Checked {
    fetch: Fetch<Range<usize>>,
    written: u64,
    completed: Option<u64>,
}

impl Checked {
    fn input(&mut self, now: Micros, input: Input<'_, Range<usize>>, datagram: &[u8]) {
        let mut outputs: Vec<_> = self.fetch.handle(now, input).collect();
        while !outputs.is_empty() {
            let mut answers = Vec::new();
            for output in outputs.drain(..) {
                match output {
                    Output::Write { area, offset, payload } => {
                        assert_eq!(area, Area::Slot);
                        let bytes = &datagram[payload];
                        assert!(bytes == bytes_at(offset..offset + bytes.len() as u64), "{offset}");
                        self.written += bytes.len() as u64;
                        answers.push(Input::Written { ok: true });
                    }
                    Output::Sync { .. } => answers.push(Input::Synced { ok: true }),
                    Output::Commit => answers.push(Input::Committed { ok: true }),
                    Output::Event(Event::Complete { length, .. }) => self.completed = Some(length),
                    Output::Begin { .. } | Output::Join { .. } | Output::Leave { .. } => {}
                    Output::Event(Event::Found { .. }) => {}
                    other => panic!("{other:?}"),
                }
            }
            for answer in answers {
                outputs.extend(self.fetch.handle(now, answer));
            }
        }
    }
}

/// Packets sent until the image is whole, where it is joined after `skipped` of them.
fn packets_until_whole(length: u64, skipped: u64) -> u64 {
    let packet_bytes = DEFAULT_PACKET_BYTES.try_into().unwrap();
    let slices = Slices::new(length, packet_bytes).unwrap();
    let description = Description::new("MAG254 219").unwrap();
    let stream = Stream { serial: 9, description, description_repeat: Micros::ZERO, slices };
    let mut carousel = Carousel::new(stream, Micros::from_millis(100)).unwrap();
    let mut decoder = GroupDecoder::new(channel(), None, &Listen::Mag);
    let fetch = Fetch::new(Target::Mag { group: channel() }, FetchOptions::default());
    let mut slot = Checked { fetch, written: 0, completed: None };
    slot.input(Micros::ZERO, Input::Wake, &[]);
    let (mut now, mut sent) = (Micros::ZERO, 0);
    while slot.completed.is_none() && sent < skipped + 2 * u64::from(slices.count()) {
        let bytes = match carousel.next(now) {
            Step::Datagram(Datagram { head, body, .. }) => {
                now = now.after(Micros(1_000));
                sent += 1;
                [&head[..], bytes_at(body)].concat()
            }
            Step::Description(bytes) => bytes,
            Step::CycleEnd => continue,
            Step::Idle { until } => {
                now = until;
                continue;
            }
        };
        if sent > skipped {
            slot.input(now, decoder.decode(SENDER, &bytes, None), &bytes);
        }
    }
    assert_eq!((slot.completed, slot.written), (Some(length), length), "after {skipped}");
    sent - skipped
}

#[test]
fn an_image_over_the_wrap_of_the_index_is_whole_wherever_it_is_joined() {
    // The vector of MAG notes §1.3: 65,540 packets, the last four with the index of the first four.
    assert_eq!(packets_until_whole(95_425_416, 0), 65_540);
    let most = 65_540 + u64::from(limits::CONFIRM_SLICES) + 1;
    assert!(packets_until_whole(95_425_416, 65_537) <= most);
}

#[test]
fn an_image_that_ends_where_the_index_does_is_whole() {
    assert_eq!(packets_until_whole(65_536 * 1_456, 0), 65_536);
}
