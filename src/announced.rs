//! How objects are described in an FDT: where they are, which revision, how they are coded.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::sync::Arc;

use stbcast_flute::fdt::{Companion, File, Kind, LocationError, toi_candidates};
use stbcast_flute::{DEFAULT_TSI, Fti, Statement};
use stbcast_infocast::ObjectType;
use stbcast_object::Micros;

use crate::contents::{Contents, role};
use crate::lineup::{Channel, LineUp, Object, ObjectId, Protocol, Source};
use crate::spool::Digest;

mod serials;
use serials::Serials;

/// Boxes know a description for at most a day after the last one (PROTOCOL.md, 2.5).
const REMEMBERED: Micros = Micros::from_secs(86_400);

/// All that an announce session says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// The objects.
    pub files: Vec<File>,
    /// What the operator signed.
    pub statements: Vec<Statement>,
}

/// What is known of an object when it is described.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// Its number in the sessions that describe it.
    pub(crate) toi: u32,
    /// Its digest; `None` where the bytes are made at send time.
    pub(crate) digest: Option<Digest>,
    /// Its length in bytes.
    pub(crate) length: u64,
    /// How its repair symbols, or its own, are coded.
    pub(crate) fti: Option<Fti>,
}

/// The source URL of an object: all that a box must be told of it beside the announce group. A MAG
/// channel has one object, whose name is not sent.
pub fn source_url(channel: &Channel, object: &Object) -> String {
    let (word, group) = (channel.protocol.word(), channel.group);
    match channel.protocol {
        Protocol::Infocast | Protocol::Flute => format!("{word}://{group}/{}", object.name),
        Protocol::Mag => format!("{word}://{group}"),
    }
}

/// The description of an object.
///
/// # Errors
/// When its name cannot stand in a URL.
pub(crate) fn describe(
    line_up: &LineUp,
    contents: &Contents,
    id: ObjectId,
    facts: Facts,
) -> Result<Option<File>, LocationError> {
    let Some((channel, object)) = line_up.object(id) else { return Ok(None) };
    let mut file = File::new(&source_url(channel, object), facts.toi)?;
    if let Some(digest) = facts.digest {
        file.content_bytes = Some(facts.length);
        file.sha256 = Some(digest.bytes());
    }
    if let Some(fti) = facts.fti {
        file = file.with_fti(fti);
        let companion = channel.repair.as_ref().and_then(|repair| repair.group);
        file.announced.companion = companion.map(|group| Companion { group, tsi: DEFAULT_TSI });
    }
    if channel.protocol != Protocol::Flute {
        file.announced.slice_bytes = Some(channel.slice_bytes);
    }
    if let (Some(unicast), Some(digest)) = (&line_up.unicast, &facts.digest) {
        // The rules of the line-up have seen to it that it can be announced.
        file.announced.unicast = unicast.announced(channel, object, digest).ok();
    }
    file.announced.kind = Kind::new(kind(line_up, contents, id, object)).ok();
    Ok(Some(file))
}

/// What an object is to a box, in a word.
fn kind(line_up: &LineUp, contents: &Contents, id: ObjectId, object: &Object) -> &'static str {
    match object.source {
        Source::Time => return "time",
        Source::Bootcast { .. } => return "bootcast",
        Source::StbConfig(_) | Source::File(_) | Source::Reboot(_) => {}
    }
    if let Some(mag) = line_up.object(id).and_then(|(channel, _)| channel.mag.as_ref()) {
        return mag.role.word();
    }
    if contents.is_stbconfig(id, object) {
        return "stbconfig";
    }
    if contents.object_type(id, object) == ObjectType::BOOTCAST_INFO {
        return "bootcast";
    }
    role(line_up, id).unwrap_or("object")
}

/// The description of an object that is not spooled yet: as long as the one that it will have.
///
/// # Errors
/// As [`describe`].
pub(crate) fn expected(
    line_up: &LineUp,
    contents: &Contents,
    id: ObjectId,
    fti: Option<Fti>,
) -> Result<Option<File>, LocationError> {
    let Some((channel, object)) = line_up.object(id) else { return Ok(None) };
    let toi = u32::MAX - u32::try_from(id.object).unwrap_or_default();
    let digest = (object.source != Source::Time).then(|| Digest::of(&[]));
    let facts = Facts { toi, digest, length: contents.length(id), fti };
    let file = describe(line_up, contents, id, facts)?;
    let md5 = (channel.protocol == Protocol::Flute).then_some([0; 16]);
    Ok(file.map(|file| File { md5, ..file }))
}

/// What a number stands for. Boxes refuse a description that contradicts one they know, so what is
/// cut or coded in another way has another number, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Revision {
    /// Where it is.
    pub(crate) url: String,
    /// Its digest; that of its URL where the bytes are made at send time.
    pub(crate) digest: Digest,
    /// Bytes of a slice.
    pub(crate) slice_bytes: NonZeroU16,
    /// How it is coded, where it is.
    pub(crate) fti: Option<Fti>,
}

impl Revision {
    /// Whether a box that knows one would take the description of the other as the same object.
    fn is_same_as(&self, other: &Self) -> bool {
        let codes = self.fti.zip(other.fti).is_none_or(|(one, other)| one == other);
        let places = (&self.url, self.digest, self.slice_bytes);
        codes && places == (&other.url, other.digest, other.slice_bytes)
    }
}

/// Numbers for objects: each stands for one revision, also across changes of the line-up, because
/// boxes know descriptions for a while after the last one.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    tois: BTreeMap<u32, Numbered>,
    serials: Serials,
}

#[derive(Clone, Debug)]
struct Numbered {
    /// Shared by the copies that each load makes: a day has many revisions.
    revision: Arc<Revision>,
    /// When it was last part of a line-up, since the Unix epoch; `NEVER` where it still is.
    until: Micros,
}

impl Numbers {
    /// Another line-up begins at `wall`, the time since the Unix epoch. What left the last one is
    /// remembered for as long as boxes may.
    pub(crate) fn begin(&mut self, wall: Micros) {
        for one in self.tois.values_mut() {
            one.until = one.until.min(wall);
        }
        self.tois.retain(|_, one| wall.since(one.until) <= REMEMBERED);
    }

    /// The serial number of the image with this digest, in packets of so many bytes, at the source URL of a
    /// MAG channel.
    pub(crate) fn serial(&mut self, url: &str, cut: (Digest, u16), written: Option<u16>) -> u16 {
        self.serials.of(url, cut, written)
    }

    /// The number of a revision.
    pub(crate) fn of(&mut self, mut revision: Revision) -> u32 {
        // One whose URL stands twice in a line-up has two numbers all the same.
        let left = self.tois.iter().filter(|(_, one)| one.until != Micros::NEVER);
        let mut left = left.filter(|(_, one)| one.revision.is_same_as(&revision));
        let known = left.next();
        let toi = known.map(|(toi, _)| *toi);
        let toi = toi.unwrap_or_else(|| self.free(revision.digest));
        let old = self.tois.remove(&toi);
        // Boxes still know the code of one that has none any more.
        revision.fti = revision.fti.or(old.and_then(|old| old.revision.fti));
        let revision = Arc::new(revision);
        self.tois.insert(toi, Numbered { revision, until: Micros::NEVER });
        toi
    }

    fn free(&self, digest: Digest) -> u32 {
        let is_free = |toi: &u32| !self.tois.contains_key(toi);
        // All eight words taken: eight objects of the same bytes came before.
        toi_candidates(&digest.bytes()).chain(1..=u32::MAX).find(is_free).unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stbcast_flute::Scheme;

    fn revision(url: &str, bytes: &[u8]) -> Revision {
        let slice_bytes = NonZeroU16::new(1_000).unwrap();
        Revision { url: url.to_owned(), digest: Digest::of(bytes), slice_bytes, fti: None }
    }

    fn coded(block_symbols: u32) -> Revision {
        let fti = Fti::new(Scheme::NoCode { block_symbols }, 5_000, 1_000).unwrap();
        Revision { fti: Some(fti), ..revision("a", b"x") }
    }

    #[test]
    fn equal_bytes_have_a_number_for_each_place_and_keep_it_when_one_leaves() {
        let mut numbers = Numbers::default();
        let first = numbers.of(revision("a", b"x"));
        let second = numbers.of(revision("b", b"x"));
        let words: Vec<_> = toi_candidates(&Digest::of(b"x").bytes()).take(2).collect();
        assert_eq!([first, second], words[..]);
        numbers.begin(Micros::from_secs(100));
        assert_eq!(numbers.of(revision("b", b"x")), second);
        assert_ne!(numbers.of(revision("c", b"x")), first, "boxes still know it as another one");
    }

    #[test]
    fn the_revisions_of_a_day_are_not_copied_by_each_load() {
        let mut numbers = Numbers::default();
        for number in 0..1_000_u32 {
            numbers.begin(Micros::from_secs(number.into()));
            numbers.of(revision("infocast://239.255.2.11:22222/boot", &number.to_be_bytes()));
        }
        let mut copy = Numbers::default();
        let copied = allocation_counter::measure(|| copy = numbers.clone());
        assert!(copied.bytes_total < 64 * 1_000, "{} bytes", copied.bytes_total);
        assert_eq!(copy.tois.len(), 1_000);
    }

    #[test]
    fn a_revision_that_comes_back_has_its_old_number_and_one_long_gone_is_forgotten() {
        let mut numbers = Numbers::default();
        let first = numbers.of(revision("a", b"x"));
        for day in 1..=3 {
            // On air all the time.
            numbers.begin(Micros::from_secs(day * 86_400 * 2));
            assert_eq!(numbers.of(revision("a", b"x")), first);
        }
        numbers.begin(Micros::from_secs(600_000));
        numbers.of(revision("a", b"y"));
        numbers.begin(Micros::from_secs(600_100));
        assert_eq!(numbers.of(revision("a", b"x")), first);
        numbers.begin(Micros::from_secs(600_200));
        numbers.begin(Micros::from_secs(800_000));
        assert!(numbers.tois.is_empty());
    }

    #[test]
    fn another_code_is_another_object_and_none_is_the_same() {
        let mut numbers = Numbers::default();
        let mut next = |revision| {
            numbers.begin(Micros::from_secs(1));
            numbers.of(revision)
        };
        let plain = next(revision("a", b"x"));
        assert_eq!(next(coded(10)), plain, "boxes learn the code");
        assert_eq!(next(revision("a", b"x")), plain, "and know it afterwards");
        let other = next(coded(20));
        assert_ne!(other, plain);
        assert_eq!(next(coded(10)), plain);
        assert_eq!(next(coded(20)), other);
    }

    #[test]
    fn no_number_stands_twice_in_a_line_up() {
        let mut numbers = Numbers::default();
        let first = numbers.of(revision("a", b"x"));
        assert_ne!(numbers.of(revision("a", b"x")), first);
    }
}
