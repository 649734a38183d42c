//! What a session has described so far, and until when that holds.

use alloc::collections::BTreeMap;

use crate::fdt::{File, Instance};

/// Files known at once. With the limits of the FDT they take about one mebibyte at most.
const FILES_MAX: usize = 512;

/// An object of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Transport Session Identifier.
    pub tsi: u64,
    /// Transport Object Identifier, 1 or more.
    pub toi: u128,
}

/// A file with the validity of its description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The file.
    pub file: File,
    /// When the description expires, in Unix seconds.
    pub expires_unix_s: u64,
    /// Number of the newest instance that described it, counted as they were received.
    pub sequence: u64,
}

/// What an instance changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Files not known before.
    pub new: u32,
    /// Files described again.
    pub renewed: u32,
    /// Files left out: not legal, or in contradiction to an earlier description.
    pub refused: u32,
}

/// The files that are described.
#[derive(Clone, Debug, Default)]
pub struct Table {
    files: BTreeMap<ObjectKey, Described>,
    sequence: u64,
}

impl Table {
    /// The description of an object.
    pub fn get(&self, key: ObjectKey) -> Option<&Described> {
        self.files.get(&key)
    }

    /// The newest description of a URL or name. Where a new revision of it is on air, the old one
    /// may be known for a while under its own TOI.
    pub fn by_location(&self, location: &str) -> Option<(ObjectKey, &Described)> {
        let named = self.files.iter().filter(|(_, one)| one.file.location.as_str() == location);
        let newest = named.max_by_key(|(_, one)| (one.sequence, one.expires_unix_s));
        newest.map(|(key, one)| (*key, one))
    }

    /// Every file, by session and object number.
    pub fn iter(&self) -> impl Iterator<Item = (ObjectKey, &Described)> {
        self.files.iter().map(|(key, one)| (*key, one))
    }

    /// Number of files.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether nothing is described.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Forgets what expired before `now_unix_s`.
    pub fn expire(&mut self, now_unix_s: u64) {
        self.files.retain(|_, one| one.expires_unix_s >= now_unix_s);
    }

    /// Adds an instance of session `tsi`. Instances add up (RFC 6726 §3.3); what contradicts a
    /// description still valid is refused.
    pub(crate) fn merge(&mut self, tsi: u64, instance: Instance, expires_unix_s: u64) -> Merged {
        self.sequence += 1;
        let mut merged = Merged { refused: instance.files_refused, ..Merged::default() };
        for file in instance.files {
            let key = ObjectKey { tsi, toi: file.toi };
            let known = self.files.get(&key);
            if known.is_some_and(|known| !known.file.agrees_with(&file)) {
                merged.refused += 1;
                continue;
            }
            let known = self.files.remove(&key);
            merged.renewed += u32::from(known.is_some());
            merged.new += u32::from(known.is_none());
            let file = match &known {
                Some(known) => file.filled_from(&known.file),
                None => file,
            };
            let earlier = known.map_or(0, |known| known.expires_unix_s);
            let expires_unix_s = expires_unix_s.max(earlier);
            self.make_room();
            self.files.insert(key, Described { file, expires_unix_s, sequence: self.sequence });
        }
        merged
    }

    /// Drops the file that has gone unmentioned for longest when the table is full.
    fn make_room(&mut self) {
        if self.files.len() < FILES_MAX {
            return;
        }
        let oldest = self.files.iter().min_by_key(|(_, one)| one.sequence).map(|(key, _)| *key);
        if let Some(oldest) = oldest {
            self.files.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ntp::NtpSeconds;
    use alloc::vec::Vec;

    fn file(location: &str, toi: u32, digest: Option<u8>) -> File {
        let mut file = File::new(location, toi).unwrap();
        file.sha256 = digest.map(|byte| [byte; 32]);
        file
    }

    fn instance(files: &[File]) -> Instance {
        Instance::new(NtpSeconds(0), files.to_vec())
    }

    const KEY: ObjectKey = ObjectKey { tsi: 1, toi: 5 };

    #[test]
    fn a_renewed_description_lives_longer_and_keeps_its_digest() {
        let mut table = Table::default();
        table.merge(1, instance(&[file("a", 5, Some(1))]), 100);
        let merged = table.merge(1, instance(&[file("a", 5, None)]), 200);
        assert_eq!(merged, Merged { renewed: 1, ..Merged::default() });
        let known = table.get(KEY).unwrap();
        assert_eq!((known.expires_unix_s, known.file.sha256), (200, Some([1; 32])));
        table.expire(200);
        assert_eq!(table.len(), 1);
        table.expire(201);
        assert!(table.is_empty());
    }

    #[test]
    fn a_contradiction_is_refused_until_the_old_description_has_expired() {
        let mut table = Table::default();
        table.merge(1, instance(&[file("a", 5, Some(1))]), 100);
        assert_eq!(table.merge(1, instance(&[file("a", 5, Some(2))]), 200).refused, 1);
        assert_eq!(table.merge(1, instance(&[file("b", 5, Some(1))]), 200).refused, 1);
        assert_eq!(table.merge(2, instance(&[file("a", 5, Some(2))]), 200).new, 1);
        table.expire(101);
        assert_eq!(table.merge(1, instance(&[file("a", 5, Some(2))]), 200).new, 1);
    }

    #[test]
    fn the_newest_revision_of_a_name_is_found() {
        let mut table = Table::default();
        table.merge(1, instance(&[file("a", 9, Some(1))]), 100);
        table.merge(1, instance(&[file("a", 5, Some(2)), file("b", 1, None)]), 100);
        assert_eq!(table.by_location("a").unwrap().0, KEY);
        assert!(table.by_location("c").is_none());
    }

    #[test]
    fn a_flood_of_files_keeps_memory_flat_and_what_is_repeated_known() {
        let mut table = Table::default();
        for round in 0..100u32 {
            table.merge(1, instance(&[file("mine", 5, Some(1))]), 100);
            let flood: Vec<_> =
                (0..200).map(|n| file("x", 1_000 + round * 200 + n, None)).collect();
            table.merge(1, instance(&flood), 100);
            assert!(table.len() <= FILES_MAX);
            assert!(table.get(KEY).is_some());
        }
    }
}
