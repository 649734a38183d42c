//! The promises of the store, first of all that nothing can cut it off between two images.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::*;

const OLD: &[u8] = b"the image that works";
const NEW: &[u8] = b"the image on air, which is longer";

fn put(store: &mut Store, part: Part, version: &str, bytes: &[u8]) -> Result<(), StoreError> {
    store.begin(Role::Part(part), Some(version))?;
    store.write(Area::Slot, 0, bytes)?;
    store.sync(bytes.len() as u64)?;
    store.commit()
}

fn holding(directory: &Path, version: &str, bytes: &[u8]) {
    put(&mut Store::open(directory).unwrap(), Part::Kernel, version, bytes).unwrap();
}

fn content(store: &Store) -> Option<(String, Vec<u8>)> {
    let image = store.image(Part::Kernel)?;
    Some((image.version.clone(), fs::read(&image.path).unwrap()))
}

fn files(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Replaces the old image by `(version, bytes)`, cut off after each step; how often each came out.
fn cut_off_everywhere(version: &str, bytes: &[u8]) -> (u32, u32) {
    let (mut old, mut new) = (0, 0);
    for steps in 0..100 {
        let directory = tempfile::tempdir().unwrap();
        holding(directory.path(), "1", OLD);
        let mut store = Store::open(directory.path()).unwrap();
        store.steps.left = Some(steps);
        let done = put(&mut store, Part::Kernel, version, bytes);
        let finished = done.is_ok() && store.steps.left > Some(0);
        drop(store);

        let store = Store::open(directory.path()).unwrap();
        assert_eq!(store.warnings(), [""; 0], "cut off after {steps} steps");
        match content(&store) {
            Some((found, held)) if found == "1" && held == OLD && done.is_err() => old += 1,
            Some((found, held)) if found == version && held == bytes => new += 1,
            other => panic!("cut off after {steps} steps: {other:?} ({done:?})"),
        }
        let file = store.image(Part::Kernel).unwrap().path.file_name().unwrap().to_owned();
        let left = [".lock", "image.json", file.to_str().unwrap()].map(str::to_owned);
        assert_eq!(files(directory.path()), left.into(), "cut off after {steps} steps");
        if finished {
            return (old, new);
        }
    }
    panic!("a commit never ends")
}

#[test]
fn wherever_a_commit_is_cut_off_the_old_or_the_new_image_is_whole_and_named() {
    let (old, new) = cut_off_everywhere("2", NEW);
    assert!(old >= 10 && new >= 3, "{old} cuts before the new one was named, {new} after");
}

#[test]
fn the_same_bytes_under_another_version_survive_a_cut_too() {
    let (old, new) = cut_off_everywhere("2", OLD);
    assert!(old >= 10 && new >= 2, "{old} cuts before the new one was named, {new} after");
}

#[test]
fn parts_do_not_disturb_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    for part in Part::ALL {
        put(&mut store, part, part.word(), OLD).unwrap();
    }
    put(&mut store, Part::Splash, "2", NEW).unwrap();
    drop(store);
    let versions = Store::open(directory.path()).unwrap().versions();
    let expected = StoredVersions {
        kernel: Some("kernel".into()),
        splash: Some("2".into()),
        diagnostic: Some("diagnostic".into()),
    };
    assert_eq!(versions, expected);
}

#[test]
fn a_damaged_image_counts_as_absent_and_the_store_says_so() {
    type Damage = fn(&Path, &Path);
    let damages: [(Damage, &str); 5] = [
        (|_, data| fs::write(data, [b'x'; OLD.len()]).unwrap(), "SHA-256"),
        (|_, data| fs::write(data, "x").unwrap(), "1 bytes instead of 20"),
        (|_, data| fs::remove_file(data).unwrap(), "No such file"),
        (|manifest, _| fs::write(manifest, "{").unwrap(), "cannot be understood"),
        (
            |manifest, _| {
                let text = fs::read_to_string(manifest).unwrap();
                fs::write(manifest, text.replace("\"image.", "\"../image.")).unwrap();
            },
            "none of ours",
        ),
    ];
    for (damage, why) in damages {
        let directory = tempfile::tempdir().unwrap();
        holding(directory.path(), "1", OLD);
        let data = Store::open(directory.path()).unwrap().image(Part::Kernel).unwrap().path.clone();
        damage(&directory.path().join("image.json"), &data);
        let mut store = Store::open(directory.path()).unwrap();
        assert_eq!(store.versions(), StoredVersions::default(), "{why}");
        assert!(store.warnings()[0].contains(why), "{:?}", store.warnings());
        put(&mut store, Part::Kernel, "1", OLD).unwrap();
        drop(store);
        assert_eq!(Store::open(directory.path()).unwrap().warnings(), [""; 0], "{why}: repaired");
    }
}

#[test]
fn leftovers_are_removed_and_what_others_put_there_is_not() {
    let directory = tempfile::tempdir().unwrap();
    holding(directory.path(), "1", OLD);
    let before = files(directory.path());
    for waste in [".receiving-abc", "image.0123456789abcdef", "splash.0123456789abcdef"] {
        fs::write(directory.path().join(waste), "x").unwrap();
    }
    fs::write(directory.path().join("notes.txt"), "x").unwrap();
    drop(Store::open(directory.path()).unwrap());
    let mut expected = before;
    expected.insert("notes.txt".into());
    assert_eq!(files(directory.path()), expected);
}

#[test]
fn two_programs_never_share_a_store() {
    let directory = tempfile::tempdir().unwrap();
    let first = Store::open(directory.path()).unwrap();
    let message = Store::open(directory.path()).unwrap_err().to_string();
    assert!(message.contains("in use by another program"), "{message}");
    drop(first);
    assert!(Store::open(directory.path()).is_ok());
}

#[test]
fn the_control_object_is_kept_in_memory_and_read_after_its_commit() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    store.begin(Role::Control, None).unwrap();
    store.write(Area::Slot, 0, b"bc_kernel_addr").unwrap();
    store.sync(14).unwrap();
    store.commit().unwrap();
    let mut bytes = Vec::new();
    store.read(Area::Slot, 0, 14, &mut bytes).unwrap();
    assert_eq!(bytes, b"bc_kernel_addr");
    assert_eq!(files(directory.path()), [".lock".to_owned()].into());
}

#[test]
fn nothing_can_be_written_before_it_has_begun() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    assert!(store.begin(Role::Object, None).is_err());
    assert!(store.write(Area::Slot, 0, b"x").is_err());
    assert!(store.sync(0).is_err() && store.commit().is_err());
}
