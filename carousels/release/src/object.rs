//! One object of a release.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;
use core::num::{NonZeroU8, NonZeroU16};

use stbcast_fec::{SYMBOLS_MAX, SYMBOLS_PER_SLICE_MAX};
use stbcast_object::Group;

use crate::cose::Value;
use crate::fields::{Fields, check, text};
use crate::labels::object as label;
use crate::legal::{is_http, is_name};
use crate::limits::{HTTP_MAX, HTTP_WINDOW_S_MAX, URL_BYTES_MAX};
use crate::{Layout, Refusal, Source};

/// What an object is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ObjectKind {
    /// What the box boots.
    Image,
    /// The picture shown meanwhile.
    Splash,
    /// The program that tests the box.
    Diagnostic,
    /// Its configuration; it has no slot.
    Config,
}

impl ObjectKind {
    /// All of them, in the order of their numbers on the wire, from 0.
    pub const ALL: [Self; 4] = [Self::Image, Self::Splash, Self::Diagnostic, Self::Config];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Splash => "splash",
            Self::Diagnostic => "diagnostic",
            Self::Config => "config",
        }
    }

    /// Its number on the wire.
    #[cfg(feature = "sign")]
    pub(crate) const fn number(self) -> u64 {
        self as u64
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The FLUTE session with the repair symbols of an object's channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Companion {
    /// Where it is sent.
    pub group: Group,
    /// Its Transport Session Identifier.
    pub tsi: u32,
}

/// One object of a release: its bytes by digest, and where they are on air.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// What it is for.
    pub kind: ObjectKind,
    /// What people call it: 1 to 64 of `[A-Za-z0-9._-]`, not beginning with a dot.
    pub name: String,
    /// Length in bytes, 1 or more.
    pub length: u64,
    /// SHA-256 of all of it.
    pub sha256: [u8; 32],
    /// Bytes of a slice on its channel.
    pub slice_bytes: NonZeroU16,
    /// Source URL, see [`Source`].
    pub url: String,
    /// Where its repair symbols are sent; with a layout alone.
    pub companion: Option<Companion>,
    /// Its code.
    pub layout: Option<Layout>,
    /// 0 to 4 http or https URLs of the same bytes, at most 512 bytes in all with a space between
    /// two.
    pub http: Vec<String>,
    /// Cycles heard before a box may ask there; 2 where `http` is empty.
    pub http_after: NonZeroU8,
    /// Seconds over which boxes spread what they ask, 0 to 86,400; 3,600 where `http` is empty.
    pub http_window_s: u32,
}

impl Object {
    /// [`Object::http_after`] where nothing is said.
    pub const HTTP_AFTER_DEFAULT: NonZeroU8 = NonZeroU8::new(2).unwrap();
    /// [`Object::http_window_s`] where nothing is said.
    pub const HTTP_WINDOW_S_DEFAULT: u32 = 3_600;

    /// Its source URL, read; `None` where it is none, which no release that was opened has.
    pub fn source(&self) -> Option<Source<'_>> {
        Source::parse(&self.url)
    }

    /// Reads an object of a release.
    pub(crate) fn decode(value: Value) -> Result<Self, Refusal> {
        let mut fields = Fields::new("an object", value)?;
        let kind = fields.number::<usize>(label::KIND, "the kind of an object", KIND)?;
        let kind = ObjectKind::ALL.get(kind).copied();
        let (http, http_after, http_window_s) = http(&mut fields)?;
        let object = Self {
            kind: kind.ok_or(Refusal::Value { field: "the kind of an object", legal: KIND })?,
            name: fields.text(label::NAME, "the name of an object", NAME, is_name)?,
            length: fields.number(label::LENGTH, "the length of an object", "1 or more")?,
            sha256: fields.digest(label::SHA256, "the digest of an object")?,
            slice_bytes: non_zero(fields.number(
                label::SLICE_BYTES,
                "slice bytes",
                SLICE_BYTES,
            )?)?,
            url: fields
                .text(label::URL, "a source URL", URL, |url| Source::parse(url).is_some())?,
            companion: fields.optional(label::COMPANION).map(Companion::decode).transpose()?,
            layout: fields.optional(label::LAYOUT).map(Layout::decode).transpose()?,
            http,
            http_after,
            http_window_s,
        };
        object.check_layout()?;
        Ok(object)
    }

    /// Whether its numbers make slices and symbols.
    fn check_layout(&self) -> Result<(), Refusal> {
        let slice_bytes = self.slice_bytes.get();
        let slices = self.length.div_ceil(slice_bytes.into());
        let counted = (1..=u64::from(SYMBOLS_MAX)).contains(&slices);
        check(counted, "the length of an object", "1 to 16777216 slices")?;
        check(
            self.layout.is_some() || self.companion.is_none(),
            "the companion of an object",
            "one beside a layout",
        )?;
        let Some(layout) = self.layout else { return Ok(()) };
        let symbol_bytes = layout.symbol_bytes.get();
        let cut = slice_bytes.is_multiple_of(symbol_bytes)
            && slice_bytes / symbol_bytes <= SYMBOLS_PER_SLICE_MAX;
        let sound = layout.geometry(self.length).is_ok();
        check(cut && sound, "the layout of an object", "slices of 1 to 8 symbols, in legal blocks")
    }

    #[cfg(feature = "sign")]
    pub(crate) fn encode(&self) -> Value {
        let mut entries = alloc::vec![
            (label::KIND, self.kind.number().into()),
            (label::NAME, self.name.as_str().into()),
            (label::LENGTH, self.length.into()),
            (label::SHA256, self.sha256.as_slice().into()),
            (label::SLICE_BYTES, self.slice_bytes.get().into()),
            (label::URL, self.url.as_str().into()),
        ];
        entries.extend(self.companion.map(|companion| (label::COMPANION, companion.encode())));
        entries.extend(self.layout.map(|layout| (label::LAYOUT, layout.encode())));
        if !self.http.is_empty() {
            entries.push((label::HTTP, crate::fields::list(&self.http)));
            entries.push((label::HTTP_AFTER, self.http_after.get().into()));
            entries.push((label::HTTP_WINDOW, self.http_window_s.into()));
        }
        crate::fields::map(entries)
    }
}

const KIND: &str = "0 image, 1 splash, 2 diagnostic, 3 config";
const NAME: &str = "1 to 64 of A-Z a-z 0-9 . _ -, not beginning with a dot";
const SLICE_BYTES: &str = "1 to 65535";
const URL: &str =
    "infocast://GROUP:PORT/NAME, flute://GROUP:PORT/NAME or mag://GROUP:PORT, at most 512 bytes";
const COMPANION: &str = "a group of 4 or 16 bytes, a port and a TSI";

fn non_zero(number: u16) -> Result<NonZeroU16, Refusal> {
    NonZeroU16::new(number).ok_or(Refusal::Value { field: "slice bytes", legal: SLICE_BYTES })
}

type Http = (Vec<String>, NonZeroU8, u32);

fn http(fields: &mut Fields) -> Result<Http, Refusal> {
    let legal = "1 to 4 http or https URLs, at most 512 bytes in all";
    let Some(urls) = fields.optional(label::HTTP) else {
        let stray = [label::HTTP_AFTER, label::HTTP_WINDOW].map(|key| fields.optional(key));
        check(stray.iter().all(Option::is_none), "HTTP timing", "none without HTTP URLs")?;
        return Ok((Vec::new(), Object::HTTP_AFTER_DEFAULT, Object::HTTP_WINDOW_S_DEFAULT));
    };
    let urls = crate::fields::array(urls, "the HTTP URLs")?;
    check((1..=HTTP_MAX).contains(&urls.len()), "the HTTP URLs", legal)?;
    let urls = urls.into_iter().map(|url| text(url, "an HTTP URL", legal));
    let urls = urls.collect::<Result<Vec<_>, _>>()?;
    let bytes = urls.iter().map(String::len).sum::<usize>() + urls.len().saturating_sub(1);
    check(urls.iter().all(|url| is_http(url)) && bytes <= URL_BYTES_MAX, "the HTTP URLs", legal)?;
    let after = fields.number(label::HTTP_AFTER, "HTTP cycles", "1 to 255")?;
    let after =
        NonZeroU8::new(after).ok_or(Refusal::Value { field: "HTTP cycles", legal: "1 to 255" })?;
    let window_s = fields.number(label::HTTP_WINDOW, "the HTTP window", "0 to 86400")?;
    check(window_s <= HTTP_WINDOW_S_MAX, "the HTTP window", "0 to 86400")?;
    Ok((urls, after, window_s))
}

impl Companion {
    fn decode(value: Value) -> Result<Self, Refusal> {
        let refusal = Refusal::Value { field: "a companion", legal: COMPANION };
        let parts = crate::fields::array(value, "a companion")?;
        let [Value::Bytes(address), Value::Integer(port), Value::Integer(tsi)] = parts.as_slice()
        else {
            return Err(refusal);
        };
        let address = match address.len() {
            4 => <[u8; 4]>::try_from(address.as_slice()).ok().map(IpAddr::from),
            _ => <[u8; 16]>::try_from(address.as_slice()).ok().map(IpAddr::from),
        };
        let (port, tsi) = (u16::try_from(*port), u32::try_from(*tsi));
        let (Some(address), Ok(port), Ok(tsi)) = (address, port, tsi) else { return Err(refusal) };
        let group = Group::new(address, port).map_err(|_| refusal)?;
        Ok(Self { group, tsi })
    }

    #[cfg(feature = "sign")]
    fn encode(self) -> Value {
        let address = match self.group.address() {
            IpAddr::V4(address) => Value::from(address.octets().as_slice()),
            IpAddr::V6(address) => Value::from(address.octets().as_slice()),
        };
        Value::Array(alloc::vec![address, self.group.port().into(), self.tsi.into()])
    }
}
