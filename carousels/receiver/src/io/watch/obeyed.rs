//! What a box rebooted for, in a file of its store: `obeyed`, 28 bytes, replaced as a whole.
//!
//! ```text
//!  0 "STBO"   4 layout 1   6 0   8 action   16 release   24 CRC-32
//! ```
//!
//! Numbers are little-endian, as in the state of the banks.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use stbcast_flute::crc32;

use super::super::{Observer, StorageError, Trouble, areas};
use crate::Obeyed;

const NAME: &str = "obeyed";
const HEAD: [u8; 8] = *b"STBO\x01\0\0\0";
const BYTES: usize = 28;

/// What is written down. Where that cannot be read, nothing is: the box may reboot once more.
pub(super) fn read(store: &Path, observer: &mut dyn Observer) -> Obeyed {
    let path = store.join(NAME);
    match fs::read(&path) {
        Ok(bytes) => decode(&bytes).unwrap_or_else(|| {
            let why = format!("{} is damaged: what the box obeyed is not known", path.display());
            observer.trouble(&Trouble::Store(why));
            Obeyed::default()
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Obeyed::default(),
        Err(error) => {
            observer.trouble(&Trouble::Store(format!("cannot read {}: {error}", path.display())));
            Obeyed::default()
        }
    }
}

/// Writes it down; a power cut leaves what was there before or this.
pub(super) fn write(store: &Path, obeyed: &Obeyed) -> Result<(), StorageError> {
    let path = store.join(NAME);
    let file = tempfile::NamedTempFile::new_in(store);
    let mut file = file.map_err(StorageError::doing("create a file in", store))?;
    let written = file.write_all(&encode(obeyed)).and_then(|()| file.as_file().sync_all());
    written.map_err(StorageError::doing("write", &path))?;
    let put = file.persist(&path).map_err(|error| error.error);
    put.map_err(StorageError::doing("write", &path))?;
    areas::sync_directory(store)
}

fn encode(obeyed: &Obeyed) -> Vec<u8> {
    let mut bytes = HEAD.to_vec();
    bytes.extend(obeyed.action.to_le_bytes());
    bytes.extend(obeyed.release.to_le_bytes());
    bytes.extend(crc32(&bytes).to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<Obeyed> {
    let bytes: &[u8; BYTES] = bytes.try_into().ok()?;
    let (body, crc) = bytes.split_last_chunk::<4>()?;
    let rest = body.strip_prefix(&HEAD)?;
    let (action, release) = rest.split_first_chunk::<8>()?;
    let release = u64::from_le_bytes(release.try_into().ok()?);
    let is_whole = crc32(body) == u32::from_le_bytes(*crc);
    is_whole.then_some(Obeyed { action: u64::from_le_bytes(*action), release })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_is_read_again_and_a_damaged_file_counts_as_none() {
        let store = tempfile::tempdir().unwrap();
        assert_eq!(read(store.path(), &mut ()), Obeyed::default());
        for obeyed in [Obeyed { action: 7, release: 0 }, Obeyed { action: 9, release: u64::MAX }] {
            write(store.path(), &obeyed).unwrap();
            assert_eq!(read(store.path(), &mut ()), obeyed);
        }
        let path = store.path().join(NAME);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, bytes).unwrap();
            assert_eq!(read(store.path(), &mut ()), Obeyed::default(), "byte {at}");
        }
        fs::write(&path, &whole[..27]).unwrap();
        assert_eq!(read(store.path(), &mut ()), Obeyed::default());
        assert_eq!(fs::read_dir(store.path()).unwrap().count(), 1, "nothing else is left");
    }
}
