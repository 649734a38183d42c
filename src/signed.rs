//! What a release states of an object, made from what is on air: for `release build`, which signs it,
//! and for `check` and `serve`, which compare it with what was signed.

use std::num::{NonZeroU8, NonZeroU32};

use stbcast_flute::{DEFAULT_TSI, Fti, Scheme};
use stbcast_release::{Code, Companion, Layout, Object, ObjectKind, Source as SourceUrl};

use crate::announced::source_url;
use crate::companion;
use crate::contents::Contents;
use crate::flute_channel::Coding;
use crate::lineup::{Channel, Finding, LineUp, Object as OnAir, ObjectId, Protocol, Source};
use crate::spool::Digest;

/// The object at `id` as it is on air, as a release states it. Its file is read for the digest.
///
/// # Errors
/// A finding when no release can name it: there is none, its bytes are no file, or its name cannot
/// stand in a release.
pub fn object_on_air(
    line_up: &LineUp,
    contents: &Contents,
    id: ObjectId,
    kind: ObjectKind,
) -> Result<Object, Finding> {
    let Some((_, object)) = line_up.object(id) else {
        return Err(Finding::error("no such object in this line-up"));
    };
    let digest = digest(object)?;
    stated(line_up, id, kind, (digest, contents.length(id)))
}

/// The digest of the file that an object is.
pub(crate) fn digest(object: &OnAir) -> Result<Digest, Finding> {
    let Source::File(path) = &object.source else {
        let message = format!(
            "object `{}` is made from the line-up: a release names files alone",
            object.name
        );
        return Err(Finding::error(message));
    };
    let refused = |error| Finding::error(format!("object `{}`: {error}", object.name));
    Digest::of_path(path).map_err(refused)
}

/// What a release states of the object at `id` with these bytes.
///
/// # Errors
/// When no release can state it.
pub(crate) fn stated(
    line_up: &LineUp,
    id: ObjectId,
    kind: ObjectKind,
    (digest, length): (Digest, u64),
) -> Result<Object, Finding> {
    let Some((channel, object)) = line_up.object(id) else {
        return Err(Finding::error("no such object in this line-up"));
    };
    let refused = |why: String| {
        let (channel, object) = (&channel.name, &object.name);
        Finding::error(format!("channel `{channel}`, object `{object}`: {why}"))
    };
    let url = source_url(channel, object);
    let name = object.name.to_string();
    if SourceUrl::parse(&url).is_none() || !is_plain(&name) {
        let legal = "1 to 64 of A-Z, a-z, 0-9, `.`, `_` and `-`, not beginning with a dot";
        return Err(refused(format!("no release can name it: legal are {legal}")));
    }
    let fti = coding(channel, object, length).map_err(refused)?;
    let layout = fti.and_then(layout);
    let companion = channel.repair.as_ref().and_then(|repair| repair.group);
    let companion = companion.filter(|_| layout.is_some());
    let unicast = line_up.unicast.as_ref();
    let unicast = unicast.map(|unicast| unicast.announced(channel, object, &digest)).transpose();
    let unicast = unicast.map_err(|error| refused(error.to_string()))?;
    let urls = unicast.iter().flat_map(|it| it.alternates.urls());
    Ok(Object {
        kind,
        name,
        length,
        sha256: digest.bytes(),
        slice_bytes: channel.slice_bytes,
        url,
        companion: companion.map(|group| Companion { group, tsi: DEFAULT_TSI }),
        layout,
        http: urls.map(str::to_owned).collect(),
        http_after: unicast.as_ref().map_or(Object::HTTP_AFTER_DEFAULT, |it| it.after_cycles),
        http_window_s: unicast.as_ref().map_or(Object::HTTP_WINDOW_S_DEFAULT, |it| it.window_s()),
    })
}

fn is_plain(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=stbcast_release::limits::NAME_BYTES_MAX).contains(&name.len())
        && !name.starts_with('.')
        && name.bytes().all(legal)
}

/// How its symbols are coded; none where nothing repairs it.
fn coding(channel: &Channel, object: &OnAir, length: u64) -> Result<Option<Fti>, String> {
    if channel.protocol == Protocol::Flute {
        return Coding::of(channel, length).map(|coding| Some(coding.fti));
    }
    let repair = channel.repair.as_ref();
    let Some(repair) = repair.and_then(|repair| Some((repair, repair.group?))) else {
        return Ok(None);
    };
    Ok(companion::geometry(channel, object, repair, length).ok().map(Fti::of_geometry))
}

fn layout(fti: Fti) -> Option<Layout> {
    let code = match fti.scheme() {
        Scheme::NoCode { .. } => return None,
        Scheme::Companion { code, block_symbols } => {
            let block_symbols = NonZeroU32::new(block_symbols)?;
            match code {
                stbcast_flute::Code::Rs8 => Code::Rs8 { block_symbols },
                stbcast_flute::Code::Rs16 => Code::Rs16 { block_symbols },
            }
        }
        Scheme::RaptorQ { source_blocks, alignment } => Code::RaptorQ {
            blocks: NonZeroU8::new(source_blocks)?,
            alignment: NonZeroU8::new(alignment)?,
        },
    };
    Some(Layout { symbol_bytes: fti.symbol_bytes(), code })
}

/// A value that was signed otherwise than it is on air.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which one.
    pub field: &'static str,
    /// As signed.
    pub signed: String,
    /// As on air.
    pub on_air: String,
    /// Whether boxes of the release follow what is on air all the same: how fast they may ask servers,
    /// and which of those that were signed.
    pub is_followed: bool,
}

/// All that is on air otherwise than `signed` says.
pub fn differences(signed: &Object, on_air: &Object) -> Vec<Difference> {
    let of = |field, show: fn(&Object) -> String| {
        let (signed, on_air) = (show(signed), show(on_air));
        (signed != on_air).then_some(Difference { field, signed, on_air, is_followed: false })
    };
    let followed = |difference: Option<Difference>| {
        difference.map(|difference| Difference { is_followed: true, ..difference })
    };
    let urls =
        of(
            "HTTP URLs",
            |it| {
                if it.http.is_empty() { "none".to_owned() } else { it.http.join(" ") }
            },
        );
    // URLs name digests: of another content they tell nothing new.
    let same = (signed.sha256, signed.length) == (on_air.sha256, on_air.length);
    let urls = urls.filter(|_| same);
    let fewer = on_air.http.iter().all(|url| signed.http.contains(url));
    let fields = [
        of("URL", |it| it.url.clone()),
        of("name", |it| it.name.clone()),
        of("length", |it| format!("{} bytes", it.length)),
        of("SHA-256", |it| it.sha256.iter().map(|byte| format!("{byte:02x}")).collect()),
        of("slice_bytes", |it| it.slice_bytes.to_string()),
        of("companion", companion_text),
        of("code", code_text),
        if fewer { followed(urls) } else { urls },
        followed(of("after_cycles", |it| it.http_after.to_string())),
        followed(of("window_s", |it| it.http_window_s.to_string())),
    ];
    fields.into_iter().flatten().collect()
}

fn companion_text(object: &Object) -> String {
    let text = |Companion { group, tsi }: Companion| format!("{group}, TSI {tsi}");
    object.companion.map_or_else(|| "none".to_owned(), text)
}

fn code_text(object: &Object) -> String {
    let Some(Layout { symbol_bytes, code }) = object.layout else { return "none".to_owned() };
    let code = match code {
        Code::Rs8 { block_symbols } => format!("rs8, blocks of {block_symbols}"),
        Code::Rs16 { block_symbols } => format!("rs16, blocks of {block_symbols}"),
        Code::RaptorQ { blocks, alignment } => {
            format!("raptorq, {blocks} blocks, alignment {alignment}")
        }
    };
    format!("{code} symbols of {symbol_bytes} bytes")
}
