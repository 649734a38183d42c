//! Whether an image may go on the air: what `[channel.mag]` says of model and key.

use std::io::{BufReader, Read};

use stbcast_mag::image::HeaderError;

use super::openpgp::PublicKeys;
use super::read::{Image, ImageError, other_hash};
use crate::lineup::{Channel, Finding, LineUp, Mag, Object, Protocol, Role, Source, open_file};

/// Holds the images of a line-up's MAG channels against what is said of their model and key, as their
/// files are now. For `stbcast check`; what goes on the air is held against it by [`admit`] again.
pub fn findings(line_up: &LineUp) -> Vec<Finding> {
    let channels = line_up.channels.iter().filter(|it| it.protocol == Protocol::Mag);
    let objects = channels.flat_map(|channel| channel.objects.iter().map(move |it| (channel, it)));
    objects.filter_map(|(channel, object)| of_file(channel, object)).collect()
}

fn of_file(channel: &Channel, object: &Object) -> Option<Finding> {
    let Source::File(path) = &object.source else { return None };
    // That it cannot be opened is found where its length is asked for.
    let file = open_file(path).ok()?;
    let length = file.metadata().ok()?.len();
    admit((channel, object), length, BufReader::new(file))
}

/// Whether the image of a MAG channel may be sent, by its `length` bytes from the first to the last: an error where
/// it is of another model than the line-up says, or not signed with its key, or not whole; a warning
/// instead where the line-up forces it. `None` where there is nothing to tell.
///
/// Where the line-up says nothing, only an image that is damaged is told, in a warning; of something that is no
/// container at all, as Bootstrap, nothing is known.
pub fn admit(
    (channel, object): (&Channel, &Object),
    length: u64,
    source: impl Read,
) -> Option<Finding> {
    let rules = channel.mag.as_ref().filter(|_| channel.protocol == Protocol::Mag)?;
    if rules.role == Role::Bootstrap {
        return None;
    }
    let named = |why| format!("channel `{}`, object `{}`: {why}", channel.name, object.name);
    let named = match judged(rules, length, source) {
        Ok(doubt) => return doubt.map(|doubt| Finding::warning(named(doubt))),
        Err(why) => named(why),
    };
    match (asks(rules), rules.force) {
        (false, _) => Some(Finding::warning(named)),
        (true, true) => {
            Some(Finding::warning(format!("{named}; it is sent because the line-up forces it")))
        }
        (true, false) => Some(Finding::error(format!(
            "{named}; it is not sent, unless `force = true` stands in `[channel.mag]`"
        ))),
    }
}

/// Whether the line-up says which image it must be.
const fn asks(rules: &Mag) -> bool {
    rules.model.is_some() || rules.key.is_some()
}

/// Holds an image against what is asked for: why it is refused, else what is doubtful about it.
fn judged(rules: &Mag, length: u64, source: impl Read) -> Result<Option<String>, String> {
    let image = match Image::open(source) {
        Ok(image) => image,
        Err(ImageError::Header(HeaderError::NoImage)) if !asks(rules) => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let model = image.header.model.clone();
    if let Some(wanted) = rules.model.as_ref().filter(|wanted| **wanted != model) {
        return Err(format!("it is for boxes of model {model}, and the line-up says {wanted}"));
    }
    image.layout.check(length).map_err(|error| error.to_string())?;
    let Some(key) = &rules.key else { return Ok(None) };
    let keys = PublicKeys::of_file(key).map_err(|error| error.to_string())?;
    let checked = image.verify(&keys).map_err(|error| error.to_string())?;
    let mut outcomes = checked.iter().map(|it| (it.part, it.outcome.as_ref()));
    if let Some((part, Err(error))) = outcomes.find(|(_, outcome)| outcome.is_err()) {
        return Err(format!("{part}: {error}"));
    }
    Ok(other_hash(&model, &checked))
}
