//! The StbConfigs of a line-up: their bytes, and what is wrong with those somebody wrote.

use std::collections::HashMap;

use stbcast_bootcast::stbconfig::{
    BootImage, BootParams, DOCUMENT_BYTES_MAX, Generation, Severity, lint,
};
use stbcast_bootcast::{Part, SourceUrl};

use super::{any_digest, find, objects};
use crate::announced::source_url;
use crate::lineup::{
    Finding, Image, LineUp, ObjectId, StbConfig, StbConfigContent, Written, read_at_most,
};

/// Whether a control object is a StbConfig and no bootcast information.
pub(super) fn is_xml(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    bytes.trim_ascii_start().starts_with(b"<")
}

/// The bytes of a StbConfig, with the digest of each image where it has no version.
///
/// # Errors
/// Why there are none.
pub(crate) fn stbconfig_text(
    line_up: &LineUp,
    stbconfig: &StbConfig,
    digest: impl Fn(ObjectId) -> Option<String>,
) -> Result<Vec<u8>, String> {
    let bytes = match &stbconfig.content {
        StbConfigContent::File { path, .. } => read_at_most(path, DOCUMENT_BYTES_MAX as u64),
        StbConfigContent::Written(written) => document(line_up, written, digest),
    };
    bytes.map_err(|error| format!("stbconfig `{}`: {error}", stbconfig.name))
}

fn document(
    line_up: &LineUp,
    written: &Written,
    digest: impl Fn(ObjectId) -> Option<String>,
) -> Result<Vec<u8>, String> {
    let image = |image: &Image| boot_image(line_up, image, &digest);
    let boot = BootParams {
        splash: written.splash.as_ref().map(image).transpose()?,
        diagnostic: written.diagnostic.as_ref().map(image).transpose()?,
        ..BootParams::new(image(&written.image)?)
    };
    let config = stbcast_bootcast::StbConfig { boot, permanent: written.permanent.clone() };
    let text = config.write(written.generation);
    text.map(String::into_bytes).map_err(|error| error.to_string())
}

fn boot_image(
    line_up: &LineUp,
    image: &Image,
    digest: &impl Fn(ObjectId) -> Option<String>,
) -> Result<BootImage, String> {
    let id = match image {
        Image::Url { url, version } => {
            return Ok(BootImage { url: url.clone(), version: version.clone() });
        }
        Image::Object(id) => *id,
    };
    let (channel, object) = line_up.object(id).ok_or("it names no object")?;
    let version = object.version.clone().or_else(|| digest(id));
    let version = version.ok_or_else(|| format!("object `{}` has no version", object.name))?;
    let url =
        source_url(channel, object).parse::<SourceUrl>().map_err(|error| error.to_string())?;
    Ok(BootImage { url, version: Some(version) })
}

/// Looks at every StbConfig. One that cannot be had keeps the line-up off the air, as does a file
/// that boxes refuse. The result is what objects each of them names, by its name.
pub(super) fn survey(
    line_up: &LineUp,
    findings: &mut Vec<Finding>,
) -> HashMap<String, Vec<ObjectId>> {
    let mut all = HashMap::new();
    for stbconfig in &line_up.stbconfigs {
        let mut named: Vec<_> = stbconfig.parts().into_iter().flatten().collect();
        match (stbconfig_text(line_up, stbconfig, any_digest), &stbconfig.content) {
            (Ok(bytes), StbConfigContent::File { path, generation }) => {
                let what = format!("stbconfig `{}`: {}", stbconfig.name, path.display());
                let (told, objects) = lint_bytes(line_up, &what, &bytes, *generation);
                findings.extend(told.into_iter().map(|(severity, message)| match severity {
                    Severity::Refused => Finding::error(message),
                    Severity::Error | Severity::Warning => Finding::warning(message),
                }));
                named.extend(objects);
            }
            (Ok(bytes), StbConfigContent::Written(written)) => {
                let found = lint(&bytes, Some(written.generation)).findings;
                let message = |problem| format!("stbconfig `{}`: {problem}", stbconfig.name);
                findings.extend(found.iter().map(|it| Finding::warning(message(&it.problem))));
            }
            (Err(message), _) => findings.push(Finding::error(message)),
        }
        all.insert(stbconfig.name.clone(), named);
    }
    all
}

/// What is wrong with a document, and the objects it names.
pub(super) fn lint_bytes(
    line_up: &LineUp,
    what: &str,
    bytes: &[u8],
    generation: Option<Generation>,
) -> (Vec<(Severity, String)>, Vec<ObjectId>) {
    let lint = lint(bytes, generation);
    let told = lint.findings.iter();
    let told = told.map(|it| (it.problem.severity(), format!("{what}: {it}")));
    let (mut told, mut named): (Vec<_>, _) = (told.collect(), Vec::new());
    let images = |config: &stbcast_bootcast::StbConfig| {
        let images = Part::ALL.map(|part| (part, config.boot.image(part).cloned()));
        images.into_iter().filter_map(|(part, image)| Some((part, image?)))
    };
    for (part, image) in lint.config.as_ref().into_iter().flat_map(images) {
        let SourceUrl::Infocast { group, name } = &image.url else { continue };
        match find(line_up, *group, name) {
            Some(id) => named.push(id),
            None => {
                let message = format!(
                    "{what} names the {} `{name}` on {group}, which is not in this line-up",
                    part.word()
                );
                told.push((Severity::Warning, message));
            }
        }
    }
    (told, named)
}

/// What an object is to a box by the bootcast informations and StbConfigs that name it.
pub(crate) fn role(line_up: &LineUp, id: ObjectId) -> Option<&'static str> {
    let sources = objects(line_up).map(|(_, object, _)| object.source.parts());
    let parts = sources.chain(line_up.stbconfigs.iter().map(StbConfig::parts));
    let role = |parts: [Option<ObjectId>; 3]| {
        let words = ["image", "splash", "diagnostic"];
        words.into_iter().zip(parts).find(|(_, part)| *part == Some(id)).map(|(word, _)| word)
    };
    parts.filter_map(role).min()
}

#[cfg(test)]
mod tests;
