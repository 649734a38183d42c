//! A value to XML.

use alloc::string::{String, ToString};
use core::fmt::Write as _;

use stbcast_object::xml::Escaped;

use super::elements::{BOOT_ELEMENTS, Element};
use super::{DOCUMENT_BYTES_MAX, Generation, Problem, StbConfig, permanent};

/// Why a document cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// Boxes of the older generation refuse a document without `SplashUrl`.
    #[error("boxes of the older generation refuse a StbConfig without `SplashUrl`: name a splash")]
    NoSplash,
    /// What boxes of the older generation do not know.
    #[error("`{element}` is unknown to boxes of the older generation")]
    NotInOld {
        /// The element.
        element: &'static str,
    },
    /// A value that is not legal.
    #[error(transparent)]
    Value(#[from] Problem),
    /// Longer than boxes take.
    #[error("the document would have {bytes} bytes: at most {DOCUMENT_BYTES_MAX} are taken")]
    Bytes {
        /// Bytes of the document.
        bytes: usize,
    },
}

pub(super) fn write(config: &StbConfig, generation: Generation) -> Result<String, WriteError> {
    let old = generation == Generation::Old;
    if old && config.boot.splash.is_none() {
        return Err(WriteError::NoSplash);
    }
    if old && !config.permanent.is_empty() {
        return Err(WriteError::NotInOld { element: permanent::NAME });
    }
    let mut xml = String::from(
        "<?xml version=\"1.0\"?>\n<!DOCTYPE StbConfig SYSTEM \"stbconfig.dtd\">\n<StbConfig>\n  \
         <BootParams>\n",
    );
    for (at, (row, value)) in BOOT_ELEMENTS.iter().zip(boot_values(config)).enumerate() {
        let Some(value) = value else { continue };
        if old && at >= super::elements::BOOT_ELEMENTS_OLD {
            return Err(WriteError::NotInOld { element: row.name });
        }
        row.check(&value)?;
        element(&mut xml, row, &value);
    }
    xml.push_str("  </BootParams>\n");
    if !config.permanent.is_empty() {
        xml.push_str("  <PermanentParams>\n");
        config.permanent.iter().for_each(|(row, value)| element(&mut xml, row, value));
        xml.push_str("  </PermanentParams>\n");
    }
    xml.push_str("</StbConfig>\n");
    match xml.len() {
        bytes if bytes > DOCUMENT_BYTES_MAX => Err(WriteError::Bytes { bytes }),
        _ => Ok(xml),
    }
}

/// The values of `BootParams`, in the order of the table.
fn boot_values(config: &StbConfig) -> [Option<String>; BOOT_ELEMENTS.len()] {
    let boot = &config.boot;
    let url = |image: Option<&super::BootImage>| image.map(|image| image.url.to_string());
    let version = |image: Option<&super::BootImage>| image.and_then(|image| image.version.clone());
    let (kernel, splash) = (Some(&boot.kernel), boot.splash.as_ref());
    let diagnostic = boot.diagnostic.as_ref();
    [
        url(kernel),
        version(kernel),
        url(splash),
        version(splash),
        url(diagnostic),
        version(diagnostic),
        boot.nfs_server.clone(),
        boot.nfs_root.clone(),
    ]
}

fn element(xml: &mut String, element: &Element, value: &str) {
    let name = element.name;
    // Writing into a string cannot fail.
    let _ = write!(xml, "    <{name}>");
    let _ = Escaped(xml).write_str(value);
    let _ = writeln!(xml, "</{name}>");
}
