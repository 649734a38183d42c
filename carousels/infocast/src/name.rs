//! Object names: 30 bytes on the wire, padded with NUL.

use core::fmt;

/// Bytes of the name field. A name of exactly this length carries no NUL (Infocast notes §2.3).
pub const NAME_BYTES: usize = 30;

/// The name of an object: 1 to 30 bytes that can never be taken for a path.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    field: [u8; NAME_BYTES],
}

/// Why bytes are not an object name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// No byte before the first NUL.
    #[error("the name is empty: 1 to 30 bytes are legal")]
    Empty,
    /// More bytes than the wire carries.
    #[error("the name has {bytes} bytes: the wire carries at most 30")]
    TooLong {
        /// Bytes of the name as given.
        bytes: usize,
    },
    /// A separator, a control byte, white space, or a byte that is not ASCII where that is asked.
    #[error(
        "the name has the byte 0x{byte:02x} at position {position}: legal are printable ASCII characters but space, / and \\"
    )]
    IllegalByte {
        /// The byte.
        byte: u8,
        /// Where it stands, from 0.
        position: usize,
    },
    /// `.` and `..` mean folders to people and programs.
    #[error("a name of dots alone is not legal")]
    Dots,
}

impl Name {
    /// A name to send. Stricter than what is received: printable ASCII without space, because the
    /// bootcast information separates its words by white space.
    ///
    /// # Errors
    /// When the name is empty, longer than 30 bytes, or holds an illegal byte.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if let Some((position, byte)) =
            text.bytes().enumerate().find(|(_, b)| !b.is_ascii_graphic())
        {
            return Err(NameError::IllegalByte { byte, position });
        }
        Self::from_bytes(text.as_bytes())
    }

    /// A received name: the bytes up to the first NUL, high bytes and spaces allowed.
    ///
    /// # Errors
    /// When it is empty or holds a separator or a control byte.
    pub fn from_field(field: &[u8; NAME_BYTES]) -> Result<Self, NameError> {
        let end = field.iter().position(|&b| b == 0).unwrap_or(NAME_BYTES);
        Self::from_bytes(field.get(..end).unwrap_or_default())
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, NameError> {
        if bytes.is_empty() {
            return Err(NameError::Empty);
        }
        if bytes == b"." || bytes == b".." {
            return Err(NameError::Dots);
        }
        let illegal = |b: u8| b.is_ascii_control() || b == b'/' || b == b'\\';
        if let Some((position, &byte)) = bytes.iter().enumerate().find(|&(_, &b)| illegal(b)) {
            return Err(NameError::IllegalByte { byte, position });
        }
        let mut field = [0; NAME_BYTES];
        let too_long = NameError::TooLong { bytes: bytes.len() };
        field.get_mut(..bytes.len()).ok_or(too_long)?.copy_from_slice(bytes);
        Ok(Self { field })
    }

    /// The bytes without padding.
    pub fn as_bytes(&self) -> &[u8] {
        let end = self.field.iter().position(|&b| b == 0).unwrap_or(NAME_BYTES);
        self.field.get(..end).unwrap_or_default()
    }

    /// The 30 bytes as they stand on the wire.
    pub const fn field(&self) -> &[u8; NAME_BYTES] {
        &self.field
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().escape_ascii().fmt(f)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name(\"{self}\")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_name_of_thirty_bytes_has_no_nul_and_survives() {
        let text = "cfg.media.audio.formatpriority";
        let name = Name::new(text).unwrap();
        assert_eq!(name.field(), text.as_bytes());
        assert_eq!(Name::from_field(name.field()).unwrap().to_string(), text);
    }

    #[test]
    fn what_could_be_a_path_is_never_a_name() {
        for text in
            ["", ".", "..", "a/b", "a\\b", "a b", "a\tb", "ä", "0123456789012345678901234567890"]
        {
            assert!(Name::new(text).is_err(), "{text:?}");
        }
        let mut field = [0; NAME_BYTES];
        field[..8].copy_from_slice(b"../../et");
        assert!(Name::from_field(&field).is_err());
        assert_eq!(Name::from_field(&[0; NAME_BYTES]), Err(NameError::Empty));
    }

    #[test]
    fn bytes_after_the_first_nul_do_not_count() {
        let mut field = [0; NAME_BYTES];
        field[..5].copy_from_slice(b"ab\0cd");
        assert_eq!(Name::from_field(&field), Name::new("ab"));
    }

    #[test]
    fn high_bytes_are_shown_escaped() {
        let mut field = [0; NAME_BYTES];
        field[..3].copy_from_slice(&[b'a', 0x9b, b'"']);
        assert_eq!(Name::from_field(&field).unwrap().to_string(), "a\\x9b\\\"");
    }
}
