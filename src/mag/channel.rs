//! MAG channels: what is told of their image, and the carousel of one. Plan and programme both come
//! here, so that what is checked is what is sent.

use stbcast_mag::image::{HEADER_BYTES_MAX, Header};
use stbcast_mag::{Carousel, DESCRIPTION_BYTES_MAX, Description, Stream};
use stbcast_object::Slices;

use crate::lineup::{Channel, Object, Role, Source, read_beginning};

/// What is told of the image that begins with `bytes`: as the line-up says, else model and version of its
/// header, else its name.
pub(crate) fn description(channel: &Channel, object: &Object, bytes: &[u8]) -> Description {
    let mag = channel.mag.as_ref();
    if let Some(written) = mag.and_then(|mag| mag.description.clone()) {
        return written;
    }
    let is_container = mag.is_some_and(|mag| mag.role == Role::Image);
    match Header::parse(bytes) {
        Ok(header) if is_container => of_text(&format!("{} {}", header.model, header.version)),
        _ => of_text(&object.name.to_string()),
    }
}

/// The beginning of an object's file, as far as a header goes; nothing where it cannot be read, which is
/// told where its length is asked for.
fn head(object: &Object) -> Vec<u8> {
    let Source::File(path) = &object.source else { return Vec::new() };
    read_beginning(path, HEADER_BYTES_MAX as u64).unwrap_or_default()
}

/// As much of a text as a description takes.
fn of_text(text: &str) -> Description {
    let mut end = text.len().min(DESCRIPTION_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Description::new(text.get(..end).unwrap_or_default()).unwrap_or_default()
}

/// The stream of an image of `length` bytes.
///
/// # Errors
/// When it cannot be cut so.
pub(crate) fn stream(
    channel: &Channel,
    length: u64,
    (serial, description): (u16, Description),
) -> Result<Stream, String> {
    let slices = Slices::new(length, channel.slice_bytes).map_err(|error| error.to_string())?;
    let description_repeat =
        channel.mag.as_ref().map(|mag| mag.description_repeat).unwrap_or_default();
    Ok(Stream { serial, description, description_repeat, slices })
}

/// The carousel of a channel with this stream.
///
/// # Errors
/// When the image is longer than its datagrams can say.
pub(crate) fn carousel(channel: &Channel, stream: Stream) -> Result<Carousel, String> {
    Carousel::new(stream, channel.burst_delay)
        .map_err(|error| format!("channel `{}`: {error}", channel.name))
}

/// The carousel of a channel whose image has `length` bytes, before its revision is known.
///
/// # Errors
/// When it cannot be sent.
pub(crate) fn expected(channel: &Channel, length: u64) -> Result<Carousel, String> {
    let Some(object) = channel.objects.first() else {
        return Err(format!("channel `{}` has no object", channel.name));
    };
    let serial = channel.mag.as_ref().and_then(|mag| mag.serial).unwrap_or_default();
    let stream = stream(channel, length, (serial, description(channel, object, &head(object))));
    let stream = stream.map_err(|error| {
        format!("channel `{}`, object `{}`: {error}", channel.name, object.name)
    })?;
    carousel(channel, stream)
}
