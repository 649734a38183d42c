//! Objects `cmd.reboot`: their bytes, and what is wrong with them beside what else is on air.
//!
//! Boxes reboot as long as they run another software than is wanted. So what is wanted must be what
//! they get when they reboot: the boot image that control objects of the line-up name.

use std::collections::BTreeSet;
use std::path::Path;

use stbcast_bootcast::reboot::{REBOOT_BYTES_MAX, RebootRequest, RebootRequests, Wanted, lint};
use stbcast_bootcast::{BootcastInfo, StbConfig as Document};

use super::{objects, stbconfig};
use crate::lineup::{
    Finding, Image, LineUp, Object, ObjectId, Reboot, Source, StbConfigContent, read_at_most,
};

/// Name of the object.
const NAME: &str = "cmd.reboot";

/// Name of the object that says which objects boxes fetch.
const CLIENT: &str = "cfg.infocast";

/// The bytes of requests to reboot.
///
/// # Errors
/// Why boxes would refuse them.
pub(crate) fn reboot_text(reboot: &Reboot) -> Result<Vec<u8>, String> {
    let text = reboot.requests.write();
    text.map(String::into_bytes).map_err(|error| format!("reboot `{}`: {error}", reboot.name))
}

/// Looks at each object that has boxes reboot, and at what else is on air. The result is for each of
/// them what its requests want: where that is not on air, boxes must not reboot for it.
pub(super) fn survey(
    line_up: &LineUp,
    findings: &mut Vec<Finding>,
) -> Vec<(ObjectId, Vec<ObjectId>)> {
    let (mut versions, mut named) = (None, Vec::new());
    for (channel, object, id) in objects(line_up) {
        let Some(requests) = requests(line_up, object, findings) else { continue };
        let is_ours = matches!(object.source, Source::Reboot(_));
        let versions = versions.get_or_insert_with(|| boot_versions(line_up));
        for (which, request) in (1..).zip(&requests.requests) {
            if let Wanted::Version(wanted) = &request.wanted {
                let what = format!("object `{}`, request {which}", object.name);
                findings.extend(never_met(&what, wanted, versions, is_ours));
            }
        }
        let is_wanted = |version: &Option<String>| {
            let wants = |request: &RebootRequest| matches!(&request.wanted, Wanted::Version(wanted) if Some(wanted) == version.as_ref());
            requests.requests.iter().any(wants)
        };
        let wanted = objects(line_up).filter(|(_, other, _)| is_wanted(&other.version));
        named.push((id, wanted.map(|(.., id)| id).collect()));
        if object.schedule.is_none() && channel.schedule.is_none() {
            findings.push(Finding::warning(format!(
                "object `{}` follows no schedule: boxes that are on reboot at any time of the day",
                object.name
            )));
        }
        if object.name.as_bytes() != NAME.as_bytes() {
            findings.push(Finding::warning(format!(
                "object `{}` has boxes reboot, and boxes look for it under the name `{NAME}`",
                object.name
            )));
        }
        findings.extend(not_fetched(line_up));
    }
    named
}

/// The requests of an object; `None` where it is another one, or they cannot be read, which is told.
fn requests(
    line_up: &LineUp,
    object: &Object,
    findings: &mut Vec<Finding>,
) -> Option<RebootRequests> {
    match &object.source {
        Source::Reboot(name) => line_up.reboot(name).map(|reboot| reboot.requests.clone()),
        Source::File(path) if object.name.as_bytes() == NAME.as_bytes() => {
            // What cannot be read is told where its length is asked for.
            let text = read_at_most(path, REBOOT_BYTES_MAX as u64).ok()?;
            let lint = lint(&text);
            findings.extend(lint.findings.iter().map(|finding| {
                let path = path.display();
                Finding::warning(format!("object `{NAME}`: {path}: {finding}"))
            }));
            lint.requests
        }
        _ => None,
    }
}

/// A version that no box gets by rebooting. What somebody wrote as XML stays usable unchanged.
fn never_met(
    what: &str,
    wanted: &str,
    versions: &BTreeSet<String>,
    is_ours: bool,
) -> Option<Finding> {
    if versions.contains(wanted) {
        return None;
    }
    if versions.is_empty() {
        return Some(Finding::warning(format!(
            "{what} wants version {wanted}, and this line-up tells boxes of no boot image with a version: \
             boxes that do not get this one elsewhere reboot for ever"
        )));
    }
    let on_air: Vec<_> = versions.iter().map(String::as_str).collect();
    let message = format!(
        "{what} wants version {wanted}, and boxes that reboot get {}: they reboot for ever",
        on_air.join(" or ")
    );
    Some(if is_ours { Finding::error(message) } else { Finding::warning(message) })
}

/// The versions of all boot images that boxes are told of.
fn boot_versions(line_up: &LineUp) -> BTreeSet<String> {
    let mut versions = BTreeSet::new();
    let object = |id| line_up.object(id).and_then(|(_, object)| object.version.clone());
    for (_, spec, _) in objects(line_up) {
        match &spec.source {
            Source::Bootcast { image, .. } => versions.extend(object(*image)),
            Source::File(path) if spec.is_control() => versions.extend(version_in(path)),
            _ => {}
        }
    }
    for stbconfig in &line_up.stbconfigs {
        versions.extend(match &stbconfig.content {
            StbConfigContent::File { path, .. } => version_in(path),
            StbConfigContent::Written(written) => match &written.image {
                Image::Object(id) => object(*id),
                Image::Url { version, .. } => version.clone(),
            },
        });
    }
    versions
}

/// The version of the boot image in metadata that somebody wrote.
fn version_in(path: &Path) -> Option<String> {
    let text = read_at_most(path, stbcast_bootcast::stbconfig::DOCUMENT_BYTES_MAX as u64).ok()?;
    if stbconfig::is_xml(&text) {
        return Document::parse(&text).ok()?.boot.kernel.version;
    }
    Some(BootcastInfo::parse(&text).ok()?.kernel.version)
}

/// A client configuration on air that does not have boxes fetch the object.
fn not_fetched(line_up: &LineUp) -> Option<Finding> {
    let mut clients = objects(line_up).filter_map(|(_, object, _)| match &object.source {
        Source::File(path) if object.name.as_bytes() == CLIENT.as_bytes() => Some(path),
        _ => None,
    });
    let path = clients.next()?;
    let text = read_at_most(path, REBOOT_BYTES_MAX as u64).ok()?;
    let names = text.windows(NAME.len()).any(|window| window == NAME.as_bytes());
    (!names).then(|| {
        Finding::warning(format!(
            "{} has no line for `{NAME}`: boxes fetch what it lists and nothing else; add \
             <Object name=\"{NAME}\" fetch=\"Prefetch\"/>",
            path.display()
        ))
    })
}

#[cfg(test)]
mod tests;
