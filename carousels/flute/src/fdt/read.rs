//! XML to values. The crate `roxmltree` is named in this file alone.

use alloc::collections::BTreeSet;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::num::{NonZeroU8, NonZeroU16};
use core::str::FromStr;

use roxmltree::{Document, Node, ParsingOptions};
use stbcast_object::Group;

use super::digest::{from_base64, from_content_digest};
use super::file::is_media_type;
use super::{
    Alternates, Announced, Companion, FdtError, File, Instance, Kind, Location, OWN_NAMESPACE,
    Supersedes, Unicast, limits,
};
use crate::ntp::NtpSeconds;
use crate::scheme::encoding_id;
use crate::{Code, Fti, Scheme};

/// Reads an instance that [`stbcast_object::xml::guard`] has passed.
pub(super) fn instance(text: &str) -> Result<Instance, FdtError> {
    let options =
        ParsingOptions { allow_dtd: false, nodes_limit: limits::NODES_MAX, ..Default::default() };
    let document = Document::parse_with_options(text, options).map_err(|_| FdtError::Xml)?;
    let root = document.root_element();
    if root.tag_name().name() != "FDT-Instance" {
        return Err(FdtError::Root);
    }
    let expires = plain(root, "Expires").and_then(number).ok_or(FdtError::Expires)?;
    let complete = matches!(plain(root, "Complete"), Some("true" | "1"));
    let (mut files, mut tois, mut files_refused) = (Vec::new(), BTreeSet::new(), 0);
    let elements = root.children().filter(|node| node.tag_name().name() == "File");
    for (count, element) in elements.enumerate() {
        if count == limits::FILES_MAX {
            return Err(FdtError::Files);
        }
        let toi = plain(element, "TOI").and_then(number).filter(|&toi: &u128| toi > 0);
        if let Some(toi) = toi.filter(|&toi| !tois.insert(toi)) {
            return Err(FdtError::DuplicateToi { toi });
        }
        match toi.and_then(|toi| file(element, root, toi)) {
            Some(file) => files.push(file),
            None => files_refused += 1,
        }
    }
    Ok(Instance { expires: NtpSeconds(expires), complete, files, files_refused })
}

/// An attribute without a name space.
fn plain<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    node.attribute(name)
}

/// An attribute of ours.
fn own<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    node.attribute((OWN_NAMESPACE, name))
}

/// A decimal number, digits alone.
fn number<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// A number that may be missing: `None` where it is there and no number.
fn optional<T: FromStr>(text: Option<&str>) -> Option<Option<T>> {
    text.map_or(Some(None), |text| number(text).map(Some))
}

/// One file; `None` where a value is not legal.
fn file(element: Node<'_, '_>, root: Node<'_, '_>, toi: u128) -> Option<File> {
    let inherited = |name| plain(element, name).or_else(|| plain(root, name));
    let encoding = inherited("Content-Encoding").unwrap_or_default();
    if !matches!(encoding, "" | "null" | "identity") {
        return None;
    }
    let location = Location::new(plain(element, "Content-Location")?).ok()?;
    let content_bytes: Option<u64> = optional(plain(element, "Content-Length"))?;
    let transfer_bytes: Option<u64> = optional(plain(element, "Transfer-Length"))?;
    // Nothing is encoded, so both lengths are of the same bytes.
    if content_bytes.zip(transfer_bytes).is_some_and(|(content, transfer)| content != transfer) {
        return None;
    }
    let length = transfer_bytes.or(content_bytes);
    let digest = element.attributes().find(|one| one.name() == "Content-Digest");
    let sha256 = match digest {
        Some(digest) => from_content_digest(digest.value()).ok()?,
        None => None,
    };
    Some(File {
        location,
        toi,
        content_bytes: length,
        media_type: inherited("Content-Type")
            .filter(|text| is_media_type(text))
            .map(str::to_string),
        md5: plain(element, "Content-MD5").and_then(from_base64),
        sha256,
        fti: fti(&inherited, length)?,
        announced: announced(element)?,
    })
}

/// The FEC parameters: `Some(None)` where the FDT does not say them or the code is unknown here,
/// `None` where they are not legal.
fn fti<'a>(
    attribute: &impl Fn(&'static str) -> Option<&'a str>,
    length: Option<u64>,
) -> Option<Option<Fti>> {
    let encoding: Option<u8> = optional(attribute("FEC-OTI-FEC-Encoding-ID"))?;
    let symbol_bytes: Option<u16> = optional(attribute("FEC-OTI-Encoding-Symbol-Length"))?;
    let block: Option<u32> = optional(attribute("FEC-OTI-Maximum-Source-Block-Length"))?;
    let instance: Option<u16> = optional(attribute("FEC-OTI-FEC-Instance-ID"))?;
    let (Some(encoding), Some(symbol_bytes), Some(length)) = (encoding, symbol_bytes, length)
    else {
        return Some(None);
    };
    let scheme = match encoding {
        encoding_id::NO_CODE => block.map(|block_symbols| Scheme::NoCode { block_symbols }),
        encoding_id::COMPANION => {
            let code = Code::from_instance(instance.unwrap_or_default());
            code.zip(block).map(|(code, block_symbols)| Scheme::Companion { code, block_symbols })
        }
        encoding_id::RAPTORQ => {
            let info = attribute("FEC-OTI-Scheme-Specific-Info").and_then(from_base64::<4>);
            match info {
                Some([source_blocks, 0, 1, alignment]) => {
                    Some(Scheme::RaptorQ { source_blocks, alignment })
                }
                Some(_) => return None,
                None => None,
            }
        }
        _ => None,
    };
    let Some(scheme) = scheme else { return Some(None) };
    Fti::new(scheme, length, symbol_bytes).ok().map(Some)
}

/// Our own attributes; `None` where one is not legal.
fn announced(element: Node<'_, '_>) -> Option<Announced> {
    let kind = match own(element, "Kind") {
        Some(word) => Some(Kind::new(word).ok()?),
        None => None,
    };
    let slice_bytes: Option<NonZeroU16> = optional(own(element, "Slice-Bytes"))?;
    let companion = match own(element, "Repair-Group") {
        Some(text) => {
            let group = Group::parse(text, None).ok()?;
            Some(Companion { group, tsi: own(element, "Repair-TSI").and_then(number)? })
        }
        None => None,
    };
    let unicast = match own(element, "Alternate") {
        Some(list) => Some(unicast(element, list)?),
        None => None,
    };
    let supersedes = match own(element, "Supersedes") {
        Some(toi) => Some(supersedes(element, number(toi)?)?),
        None => None,
    };
    Some(Announced { kind, slice_bytes, companion, unicast, supersedes })
}

/// Where the bytes are served over HTTP; `None` where a value is not legal.
fn unicast(element: Node<'_, '_>, list: &str) -> Option<Unicast> {
    let Unicast { alternates, after_cycles, .. } = Unicast::of(Alternates::new(list).ok()?);
    let after: Option<NonZeroU8> = optional(own(element, "Alternate-After"))?;
    let window_s: Option<u32> = optional(own(element, "Alternate-Window"))?;
    let window_s = window_s.unwrap_or(limits::WINDOW_S_DEFAULT);
    Unicast::new(alternates, after.unwrap_or(after_cycles), window_s).ok()
}

/// The overlap of two revisions; `None` where a value is missing or not legal.
fn supersedes(element: Node<'_, '_>, toi: u128) -> Option<Supersedes> {
    let overlap_s = own(element, "Overlap").and_then(number)?;
    let finish_past_permille = own(element, "Finish-Past").and_then(number)?;
    Supersedes::new(toi, overlap_s, finish_past_permille).ok()
}
