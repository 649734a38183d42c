//! An FDT instance.

use alloc::string::String;
use alloc::vec::Vec;

use stbcast_object::xml;

use super::{FdtError, File, limits, read, write};
use crate::ntp::NtpSeconds;

/// What is taken of the XML. The parser counts texts and comments to the elements.
const XML: xml::Limits = xml::Limits {
    depth: limits::DEPTH_MAX,
    elements: limits::NODES_MAX as usize,
    attributes: limits::ATTRIBUTES_MAX,
    signs: limits::SIGNS_MAX,
    document_type: xml::DocumentType::Refused,
};

const fn refused(why: xml::Refused) -> FdtError {
    match why {
        xml::Refused::DocumentType { .. } | xml::Refused::InternalSubset { .. } => {
            FdtError::DocumentType
        }
        xml::Refused::Depth { .. } => FdtError::Depth,
        xml::Refused::Signs { .. } | xml::Refused::Elements { .. } => FdtError::Xml,
        xml::Refused::Attributes { .. } => FdtError::Attributes,
    }
}

/// An FDT instance: files, and until when their description holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// When it expires.
    pub expires: NtpSeconds,
    /// Whether no later instance describes more files.
    pub complete: bool,
    /// The files, each TOI once.
    pub files: Vec<File>,
    /// Files left out because of a value that is not legal; 0 in what we write.
    pub files_refused: u32,
}

impl Instance {
    /// An instance of `files` that expires at `expires`.
    pub fn new(expires: NtpSeconds, files: Vec<File>) -> Self {
        Self { expires, complete: false, files, files_refused: 0 }
    }

    /// The instance as XML, escaped, without a name space prefix on standard names.
    pub fn write(&self) -> String {
        write::instance(self)
    }

    /// Reads an instance of any name space. Unknown elements and attributes are passed over;
    /// attributes of the root stand for files that lack them (RFC 6726 §3.4.2).
    ///
    /// # Errors
    /// When the instance is too large, not XML, an XML bomb, or names a TOI twice. It does not
    /// look at the time: see [`Instance::check_time`].
    pub fn parse(bytes: &[u8]) -> Result<Self, FdtError> {
        if bytes.len() as u64 > limits::INSTANCE_BYTES_MAX {
            return Err(FdtError::Bytes { bytes: bytes.len() });
        }
        let text = core::str::from_utf8(bytes).map_err(|_| FdtError::Utf8)?;
        xml::guard(text, &XML).map_err(refused)?;
        read::instance(text)
    }

    /// When the instance expires, in Unix seconds; who has no clock gives `None`.
    ///
    /// # Errors
    /// [`FdtError::Expired`] when that is over.
    pub fn check_time(&self, now_unix_s: Option<u64>) -> Result<u64, FdtError> {
        let expires_unix_s = self.expires.to_unix(now_unix_s);
        match now_unix_s {
            Some(now_unix_s) if expires_unix_s < now_unix_s => {
                Err(FdtError::Expired { expires_unix_s, now_unix_s })
            }
            _ => Ok(expires_unix_s),
        }
    }
}
