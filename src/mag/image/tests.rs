use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use stbcast_mag::image::{Header, LayoutError, Part, SectionKind, Trailer};
use tempfile::TempDir;

use super::build::{Sign, built};
use super::draft::Draft;
use super::gpg::trailer;
use super::openpgp::testing::TestKey;
use super::*;

impl Sign for TestKey {
    fn trailer(&self, digests: &Digests, hash: Hash, time: u32) -> Result<Trailer, GpgError> {
        trailer(digests, hash, time, |digest| Ok(self.sign(hash, digest)))
    }
    fn public(&self) -> &PublicKeys {
        &self.public
    }
}

/// A recipe with files of these lengths.
fn recipe(directory: &Path, hash: Hash, sections: &[(SectionKind, usize)]) -> Recipe {
    let ingredient = |&(kind, bytes): &(SectionKind, usize)| {
        let path = directory.join(kind.name());
        let data: Vec<u8> = (0..bytes).map(|at| (at * 7 + kind.name().len()) as u8).collect();
        fs::write(&path, data).unwrap();
        let version = (kind == SectionKind::Bootstrap).then(|| "30".to_owned());
        Ingredient { kind, path, version }
    };
    Recipe {
        model: "MAG254".to_owned(),
        date: "Thu Feb 21 00:43:44 UTC 2019".to_owned(),
        version: 219,
        description: "2.19.02-test".to_owned(),
        api: Some("2".to_owned()),
        sections: sections.iter().map(ingredient).collect(),
        hash,
        time: 1_550_702_624,
    }
}

const SMALL: [(SectionKind, usize); 4] = [
    (SectionKind::Env, 7),
    (SectionKind::Kernel, 40),
    (SectionKind::RootFs, 60),
    (SectionKind::Bootstrap, 5),
];

fn made(hash: Hash, sections: &[(SectionKind, usize)]) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("imageupdate");
    let recipe = recipe(directory.path(), hash, sections);
    built(&recipe, TestKey::get(), &out).unwrap();
    (directory, out)
}

/// The part that is refused, or what the image is not.
fn refusal(bytes: &[u8], keys: &PublicKeys) -> Option<String> {
    let image = match Image::open(bytes) {
        Ok(image) => image,
        Err(error) => return Some(error.to_string()),
    };
    match image.verify(keys) {
        Ok(checked) => checked.iter().find(|it| it.outcome.is_err()).map(|it| it.part.to_string()),
        Err(error) => Some(error.to_string()),
    }
}

#[test]
fn an_image_made_verifies_over_sha1_and_over_sha256() {
    for hash in [Hash::Sha1, Hash::Sha256] {
        let (_directory, out) = made(hash, &SMALL);
        let image = Image::open(fs::File::open(&out).unwrap()).unwrap();
        assert_eq!((image.header.model.as_str(), image.header.version), ("MAG254", 219));
        image.layout.check(fs::metadata(&out).unwrap().len()).unwrap();
        let checked = image.verify(&TestKey::get().public).unwrap();
        let parts: Vec<_> = checked.iter().map(|it| it.part).collect();
        let trailers =
            [SectionKind::Kernel, SectionKind::RootFs, SectionKind::Env, SectionKind::Bootstrap];
        let mut expected: Vec<_> = trailers.into_iter().map(Part::Trailer).collect();
        expected.push(Part::GlobalTrailer);
        assert_eq!(parts, expected);
        for Checked { outcome, .. } in checked {
            let signed = outcome.unwrap();
            assert_eq!((signed.hash, signed.fingerprint.as_str()), (hash, "OURS"));
            assert!((1_550_702_624..1_550_702_640).contains(&signed.time), "{}", signed.time);
        }
    }
}

#[test]
fn an_image_that_somebody_else_signed_is_refused_in_every_part() {
    let (_directory, out) = made(Hash::Sha1, &SMALL);
    let image = Image::open(fs::File::open(&out).unwrap()).unwrap();
    let checked = image.verify(&TestKey::other().public).unwrap();
    assert!(checked.iter().all(|it| it.outcome == Err(SignatureError::Refuted)));
}

/// The word that a refusal must have for a byte of this part.
fn names(part: Part, refused: &str) -> bool {
    match part {
        Part::Header => {
            // The line is told, or what does not fit any more, or the signature that covers it.
            let words = [
                "header",
                "no MAG image",
                "of the data",
                "missing",
                "follow",
                "the whole",
                "cut off",
            ];
            words.iter().any(|word| refused.contains(word))
                || refused.starts_with("the signature of ")
        }
        Part::Section(kind) | Part::Trailer(kind) => refused == format!("the signature of {kind}"),
        Part::GlobalTrailer => refused == "the signature of the whole",
    }
}

#[test]
fn every_flipped_byte_is_refused_by_the_name_of_its_part() {
    let (_directory, out) = made(Hash::Sha256, &SMALL);
    let bytes = fs::read(&out).unwrap();
    let keys = &TestKey::get().public;
    assert_eq!(refusal(&bytes, keys), None);
    let layout = Image::open(&bytes[..]).unwrap().layout;
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        let part = layout.part(at as u64);
        let refused =
            refusal(&changed, keys).unwrap_or_else(|| panic!("byte {at} of {part} is taken"));
        assert!(names(part, &refused), "byte {at} of {part}: {refused}");
    }
}

#[test]
fn an_image_that_is_cut_off_anywhere_or_goes_on_is_told() {
    let (_directory, out) = made(Hash::Sha1, &SMALL);
    let bytes = fs::read(&out).unwrap();
    let keys = &TestKey::get().public;
    let header_bytes = Header::read(&bytes).unwrap().1;
    for end in header_bytes..bytes.len() {
        let image = Image::open(&bytes[..end]).unwrap();
        let part = image.layout.part(end as u64);
        let Err(ImageError::Layout(LayoutError::Truncated { part: told, bytes, .. })) =
            image.verify(keys)
        else {
            panic!("{end} bytes are taken")
        };
        assert_eq!((told, bytes), (part, end as u64));
    }
    let longer = [&bytes[..], b"xyz"].concat();
    assert!(refusal(&longer, keys).unwrap().contains("3 bytes follow"));
}

#[test]
fn what_cannot_become_an_image_leaves_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let good = recipe(directory.path(), Hash::Sha1, &SMALL);
    let empty = directory.path().join("empty");
    fs::write(&empty, b"").unwrap();
    let changed = |change: &dyn Fn(&mut Recipe)| {
        let mut recipe = good.clone();
        change(&mut recipe);
        built(&recipe, TestKey::get(), &out).unwrap_err().to_string()
    };
    let told = [
        changed(&|it| it.description = "two words".to_owned()),
        changed(&|it| it.description = "x".repeat(41)),
        changed(&|it| it.model = "MAG\n254".to_owned()),
        changed(&|it| it.model = "Start data...\n".to_owned()),
        changed(&|it| it.date = String::new()),
        changed(&|it| it.sections[0].path = empty.clone()),
        changed(&|it| it.sections[0].path = directory.path().to_owned()),
        changed(&|it| it.sections[0].path = directory.path().join("none")),
        changed(&|it| it.sections[1].kind = SectionKind::Env),
        changed(&|it| it.sections.clear()),
    ];
    assert!(told.iter().all(|told| !told.is_empty()));
    let left: Vec<_> =
        fs::read_dir(directory.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name == "out"), "{left:?}");
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with('.')), "{left:?}");
}

#[test]
fn an_image_that_does_not_verify_gets_no_name() {
    struct Wrong;
    impl Sign for Wrong {
        fn trailer(&self, digests: &Digests, hash: Hash, time: u32) -> Result<Trailer, GpgError> {
            TestKey::other().trailer(digests, hash, time)
        }
        fn public(&self) -> &PublicKeys {
            &TestKey::get().public
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let recipe = recipe(directory.path(), Hash::Sha1, &SMALL);
    let refused = built(&recipe, &Wrong, &out).unwrap_err();
    assert!(refused.to_string().contains("the signature of kernel"), "{refused}");
    assert!(!out.exists());
}

#[test]
fn nothing_of_an_image_has_a_name_while_it_is_made() {
    struct Watching(PathBuf);
    impl Sign for Watching {
        fn trailer(&self, digests: &Digests, hash: Hash, time: u32) -> Result<Trailer, GpgError> {
            let names = fs::read_dir(&self.0).unwrap().map(|it| it.unwrap().file_name());
            let parts = SMALL.map(|(kind, _)| kind.name());
            let strange: Vec<_> =
                names.filter(|name| parts.iter().all(|part| part != name)).collect();
            assert!(strange.is_empty(), "{strange:?}");
            TestKey::get().trailer(digests, hash, time)
        }
        fn public(&self) -> &PublicKeys {
            &TestKey::get().public
        }
    }
    let directory = tempfile::tempdir().unwrap();
    // File systems without nameless files have a name of the moment for it.
    if !matches!(Draft::new(directory.path()).unwrap(), Draft::Nameless(_)) {
        panic!("the directory for temporary files is on a file system without O_TMPFILE");
    }
    let out = directory.path().join("out");
    let recipe = recipe(directory.path(), Hash::Sha1, &SMALL);
    built(&recipe, &Watching(directory.path().to_owned()), &out).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&out).unwrap().permissions());
    assert_eq!(mode & 0o600, 0o600);
}

#[test]
fn a_file_that_is_there_already_is_not_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    fs::write(&out, b"precious").unwrap();
    let recipe = recipe(directory.path(), Hash::Sha1, &SMALL);
    assert!(built(&recipe, TestKey::get(), &out).is_err());
    assert_eq!(fs::read(&out).unwrap(), b"precious");
}

#[test]
fn a_signature_that_is_too_short_is_made_again_a_second_later() {
    let mut asked = 0;
    let digests = Digests::default();
    let sign = |_: &[u8]| {
        asked += 1;
        let mut signature = [0x55; 256];
        signature[0] = if asked < 3 { 0 } else { 1 };
        Ok(signature)
    };
    assert_eq!(trailer(&digests, Hash::Sha1, 100, sign).unwrap().time, 102);
    let never = trailer(&digests, Hash::Sha1, 100, |_| Ok([0; 256]));
    assert!(matches!(never, Err(GpgError::Short)));
}

#[test]
fn what_is_no_public_key_is_told() {
    for bytes in
        [&b""[..], b"\xff", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n", b"\x99\x01\x0d\x04"]
    {
        assert!(matches!(PublicKeys::of_bytes(bytes), Err(KeyError::NoKey(_))), "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes: Vec<u8>) {
        let _ = PublicKeys::of_bytes(&bytes);
        let _ = refusal(&bytes, &TestKey::get().public);
    }
}
