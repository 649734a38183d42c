//! Metadata.

use stbcast_bootcast::{BootcastInfo, TEXT_BYTES_MAX};

/// A bootcast information: what is read is written, and read again the same.
pub fn bootcast_info(data: &[u8]) {
    let Ok(info) = BootcastInfo::parse(data) else { return };
    let text = info.to_string();
    // Writing may lengthen a text by a few bytes, and so beyond what is taken.
    if text.len() <= TEXT_BYTES_MAX {
        assert_eq!(BootcastInfo::parse(text.as_bytes()), Ok(info), "{text}");
    }
}
