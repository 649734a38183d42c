//! Finding out how trailers are made, from the trailers themselves (Infocast notes §9.2).

use alloc::vec::Vec;

use arrayvec::ArrayVec;

use crate::check::{compute, fingerprint};
use crate::{Algorithm, ByteOrder, Check, Coverage, Packet, Precoding, Running};

/// Different packets that must agree on one check before it is enforced.
const VOTES_TO_ADOPT: u8 = 3;

/// Packets looked at before learning is given up for a precoding: it bounds the work per datagram.
const PACKETS_TO_TRY: u8 = 64;

/// Failures in a row after which the lesson, not the packets, is taken to be wrong.
const FAILURES_TO_FORGET: u8 = 16;

/// Precodings learned at once. The wire knows three that carry trailers.
const LESSONS_MAX: usize = 4;

/// Slices shorter than this prove too little: a CRC that starts at zero is zero over nothing.
const PAYLOAD_BYTES_MIN: usize = 8;

/// What a packet's trailer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The precoding has no trailer.
    Absent,
    /// There is a trailer, but how it is made is not known (yet).
    Unverified,
    /// The trailer matches the check learned.
    Verified(Check),
    /// The trailer contradicts the check learned: the packet is damaged or forged.
    Bad,
}

/// Learns the checks of one channel.
#[derive(Clone, Debug, Default)]
pub struct Learner {
    lessons: ArrayVec<(Precoding, Lesson), LESSONS_MAX>,
}

#[derive(Clone, Debug)]
enum Lesson {
    Learning { votes: Vec<(Check, u8)>, tried: u8, recent: ArrayVec<u32, 8> },
    Learned { check: Check, failures: u8 },
    GivenUp,
}

impl Lesson {
    fn new(trailer_bytes: usize) -> Self {
        Self::Learning {
            votes: candidates(trailer_bytes).map(|check| (check, 0)).collect(),
            tried: 0,
            recent: ArrayVec::new(),
        }
    }

    fn judge(&mut self, packet: &Packet<'_>, print: u32) -> Verdict {
        match self {
            Self::GivenUp => Verdict::Unverified,
            Self::Learned { check, failures } => {
                if matches(check, packet, print) {
                    *failures = 0;
                    return Verdict::Verified(*check);
                }
                *failures += 1;
                if *failures == FAILURES_TO_FORGET {
                    *self = Self::new(packet.trailer().len());
                }
                Verdict::Bad
            }
            Self::Learning { votes, tried, recent } => {
                let whole = fingerprint(packet.lead()) ^ print;
                if packet.payload().len() < PAYLOAD_BYTES_MIN || recent.contains(&whole) {
                    return Verdict::Unverified;
                }
                if recent.is_full() {
                    recent.remove(0);
                }
                recent.push(whole);
                *tried += 1;
                for (check, count) in votes.iter_mut() {
                    *count += u8::from(matches(check, packet, print));
                }
                let adopted = votes.iter().find(|(_, count)| *count == VOTES_TO_ADOPT);
                if let Some(&(check, _)) = adopted {
                    *self = Self::Learned { check, failures: 0 };
                    return Verdict::Verified(check);
                }
                if *tried == PACKETS_TO_TRY {
                    *self = Self::GivenUp;
                }
                Verdict::Unverified
            }
        }
    }
}

impl Learner {
    /// Judges the trailer of `packet`, and learns from it.
    pub fn judge(&mut self, packet: &Packet<'_>) -> Verdict {
        if packet.trailer().is_empty() {
            return Verdict::Absent;
        }
        self.judge_print(packet, packet.fingerprint())
    }

    /// The same for who knows the packet's fingerprint: where the trailer is that CRC too, it is
    /// not computed again.
    pub fn judge_print(&mut self, packet: &Packet<'_>, fingerprint: u32) -> Verdict {
        let precoding = packet.header().precoding;
        if packet.trailer().is_empty() {
            return Verdict::Absent;
        }
        let known = self.lessons.iter().position(|(code, _)| *code == precoding);
        let place = match known {
            Some(place) => place,
            None => {
                let lesson = Lesson::new(packet.trailer().len());
                if self.lessons.try_push((precoding, lesson)).is_err() {
                    return Verdict::Unverified;
                }
                self.lessons.len() - 1
            }
        };
        self.lessons
            .get_mut(place)
            .map_or(Verdict::Unverified, |(_, lesson)| lesson.judge(packet, fingerprint))
    }
}

fn candidates(trailer_bytes: usize) -> impl Iterator<Item = Check> {
    let fitting = Algorithm::ALL.into_iter().filter(move |(a, _)| a.bytes() == trailer_bytes);
    fitting.flat_map(|(algorithm, _)| {
        [Coverage::Payload, Coverage::Header].into_iter().flat_map(move |coverage| {
            [ByteOrder::Big, ByteOrder::Little].into_iter().map(move |order| Check {
                algorithm,
                coverage,
                order,
            })
        })
    })
}

/// `print` is the fingerprint of the packet's payload, which is a CRC-32 itself.
fn matches(check: &Check, packet: &Packet<'_>, print: u32) -> bool {
    let value = match check.coverage {
        Coverage::Payload => match check.algorithm {
            Algorithm::Crc32IsoHdlc => print,
            Algorithm::Crc32Jamcrc => !print,
            other => compute(other, &[packet.payload()]),
        },
        Coverage::Header => compute(check.algorithm, &[packet.lead(), packet.payload()]),
        Coverage::Object => return false,
    };
    value == check.read(packet.trailer())
}

/// Tries every check over a whole object, for objects whose packets all carry the same trailer.
pub struct ObjectCheck {
    trailer: ArrayVec<u8, 4>,
    running: Vec<(Algorithm, Running)>,
}

impl ObjectCheck {
    /// Starts for the `trailer` that every packet carried (2 or 4 bytes).
    pub fn new(trailer: &[u8]) -> Self {
        let fitting = Algorithm::ALL.into_iter().filter(|(a, _)| a.bytes() == trailer.len());
        Self {
            trailer: trailer.iter().copied().take(4).collect(),
            running: fitting.map(|(a, _)| (a, Running::new(a))).collect(),
        }
    }

    /// Takes the next bytes of the object.
    pub fn update(&mut self, bytes: &[u8]) {
        self.running.iter_mut().for_each(|(_, running)| running.update(bytes));
    }

    /// The check that explains the trailer, if one does.
    pub fn finish(self) -> Option<Check> {
        let coverage = Coverage::Object;
        self.running.into_iter().find_map(|(algorithm, running)| {
            let value = running.finish();
            [ByteOrder::Big, ByteOrder::Little]
                .into_iter()
                .map(|order| Check { algorithm, coverage, order })
                .find(|check| check.read(&self.trailer) == value)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Header, Name, ObjectType};

    fn datagram(number: u32, precoding: Precoding, check: Check, seed: u8) -> Vec<u8> {
        let header = Header {
            object_type: ObjectType::GENERIC,
            precoding,
            number,
            total: 100,
            name: Name::new("x").unwrap(),
        };
        let mut bytes = header.encode().to_vec();
        bytes.extend(
            (0..50u32).map(|i| seed.wrapping_mul(31).wrapping_add((i as u8).wrapping_mul(7))),
        );
        let covered = match check.coverage {
            Coverage::Payload => &bytes[44..],
            _ => &bytes[..],
        };
        let value = compute(check.algorithm, &[covered]);
        bytes.extend_from_slice(&check.write(value));
        bytes
    }

    fn judge(learner: &mut Learner, bytes: &[u8]) -> Verdict {
        learner.judge(&Packet::parse(bytes).unwrap())
    }

    #[test]
    fn every_candidate_is_learned_from_three_different_packets_and_then_enforced() {
        for (precoding, bytes) in [(Precoding::CRC16, 2), (Precoding::CRC32_OIS, 4)] {
            for check in candidates(bytes) {
                let mut learner = Learner::default();
                let verdicts: Vec<_> = (1..=4)
                    .map(|n| judge(&mut learner, &datagram(n, precoding, check, n as u8)))
                    .collect();
                let verified = Verdict::Verified(check);
                assert_eq!(verdicts[..2], [Verdict::Unverified; 2], "{check}");
                assert_eq!(verdicts[2..], [verified; 2], "{check}");
                let mut broken = datagram(5, precoding, check, 5);
                broken[60] ^= 1;
                assert_eq!(judge(&mut learner, &broken), Verdict::Bad);
            }
        }
    }

    #[test]
    fn the_same_packet_three_times_teaches_nothing() {
        let check = Check::default_for(4).unwrap();
        let mut learner = Learner::default();
        for _ in 0..10 {
            let bytes = datagram(1, Precoding::CRC32, check, 1);
            assert_eq!(judge(&mut learner, &bytes), Verdict::Unverified);
        }
    }

    #[test]
    fn a_wrong_lesson_is_forgotten_and_the_right_one_learned() {
        let forged = Check { order: ByteOrder::Little, ..Check::default_for(4).unwrap() };
        let genuine = Check::default_for(4).unwrap();
        let mut learner = Learner::default();
        for n in 1..=3 {
            judge(&mut learner, &datagram(n, Precoding::CRC32, forged, n as u8));
        }
        let verdicts: Vec<_> = (4..30)
            .map(|n| judge(&mut learner, &datagram(n, Precoding::CRC32, genuine, n as u8)))
            .collect();
        assert_eq!(verdicts[0], Verdict::Bad);
        assert_eq!(verdicts.last(), Some(&Verdict::Verified(genuine)));
    }

    #[test]
    fn trailers_nobody_can_explain_stay_unverified_at_bounded_cost() {
        let mut learner = Learner::default();
        for n in 1..=200u32 {
            let check = Check::default_for(4).unwrap();
            let mut bytes = datagram(n.min(100), Precoding::CRC32, check, n as u8);
            let end = bytes.len();
            bytes[end - 4..].copy_from_slice(&n.to_be_bytes());
            assert_eq!(judge(&mut learner, &bytes), Verdict::Unverified);
        }
        assert!(matches!(learner.lessons[0].1, Lesson::GivenUp));
    }

    #[test]
    fn a_trailer_over_the_whole_object_is_explained() {
        let object = b"a whole object in two pieces";
        for (algorithm, word) in Algorithm::ALL {
            let check = Check { algorithm, coverage: Coverage::Object, order: ByteOrder::Little };
            let trailer = check.write(compute(algorithm, &[object]));
            let mut whole = ObjectCheck::new(&trailer);
            whole.update(&object[..10]);
            whole.update(&object[10..]);
            assert_eq!(whole.finish(), Some(check), "{word}");
        }
    }
}
