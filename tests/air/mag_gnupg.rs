//! Images made with a key that GnuPG keeps, held against GnuPG's own tools step by step.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::harness::run;
use super::mag_images::{found, mag, site};

const TRAILER_BYTES: usize = 263;

/// A directory with GnuPG's keys in it; its agent ends with it.
struct Desk {
    directory: TempDir,
}

impl Desk {
    /// With a key of this kind, of a person without a passphrase.
    fn new(kind: &str) -> Self {
        let desk = Self { directory: tempfile::tempdir().unwrap() };
        fs::create_dir(desk.home()).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(desk.home(), mode).unwrap();
        desk.generate("Operator <operator@example.invalid>", kind);
        let key = desk.gpg(&["--armor", "--export", "Operator"]);
        fs::write(desk.path("operator.asc"), key).unwrap();
        let ring = desk.gpg(&["--export", "Operator"]);
        fs::write(desk.path("ring.gpg"), ring).unwrap();
        for (name, bytes) in [("kernel", 70_000), ("rootfs", 300_001), ("env", 72), ("logo", 999)] {
            let data: Vec<u8> = (0..bytes).map(|at| (at * 31 % 251) as u8).collect();
            fs::write(desk.path(name), data).unwrap();
        }
        desk
    }

    fn generate(&self, person: &str, kind: &str) {
        let no_passphrase = ["--pinentry-mode", "loopback", "--passphrase", ""];
        let generate = ["--quick-generate-key", person, kind, "sign", "never"];
        self.gpg(&[&no_passphrase[..], &generate].concat());
    }

    fn home(&self) -> PathBuf {
        self.path("gnupg")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.arg("--homedir").arg(self.home()).current_dir(self.directory.path());
        command.env("LC_ALL", "C");
        command
    }

    /// What GnuPG prints.
    fn gpg(&self, arguments: &[&str]) -> Vec<u8> {
        let output =
            run(self.command("gpg").args(["--batch", "--no-tty", "--quiet"]).args(arguments));
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}\n{complaints}");
        output.stdout
    }

    fn mag(&self, arguments: &[&str]) -> (i32, String, String) {
        mag(self.directory.path(), arguments)
    }

    fn build(&self, more: &[&str]) -> (i32, String, String) {
        let usual = ["build", "--model", "MAG254", "--image-version", "219"];
        let parts = ["--description", "2.19-test", "--kernel", "kernel", "--rootfs", "rootfs"];
        let named = more.contains(&"--out");
        let out: &[&str] = if named { &[] } else { &["--out", "imageupdate"] };
        self.mag(&[&usual[..], &parts, &["--gpg-home", "gnupg"], out, more].concat())
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.command("gpgconf").args(["--kill", "gpg-agent"]).output();
    }
}

/// A trailer as an OpenPGP signature packet of version 3. What the trailer does not hold is the key ID,
/// the algorithms, and the first bytes of the digest.
fn packet(trailer: &[u8], key_id: [u8; 8], hash_id: u8, digest: &[u8]) -> Vec<u8> {
    let mut body = vec![3, 5];
    body.extend_from_slice(&trailer[..5]);
    body.extend_from_slice(&key_id);
    body.extend_from_slice(&[1, hash_id]);
    body.extend_from_slice(&digest[..2]);
    body.extend_from_slice(&trailer[5..]);
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&[0x89], &length[..], &body].concat()
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(char::is_ascii_hexdigit).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// What GnuPG's two programs say of a signature over these bytes.
fn verified(desk: &Desk, data: &[u8], trailer: &[u8], hash: (&str, u8)) -> [bool; 2] {
    let (name, hash_id) = hash;
    let listed = desk.gpg(&["--with-colons", "--list-keys", "Operator"]);
    let listed = String::from_utf8(listed).unwrap();
    let key = listed.lines().find(|line| line.starts_with("pub:")).unwrap();
    let key_id = hex(key.split(':').nth(4).unwrap()).try_into().unwrap();
    fs::write(desk.path("part"), data).unwrap();
    fs::write(desk.path("hashed"), [data, &trailer[..5]].concat()).unwrap();
    let digest = desk.gpg(&["--print-md", name, "hashed"]);
    let digest = String::from_utf8(digest).unwrap();
    let digest = hex(digest.split_once(':').unwrap().1);
    fs::write(desk.path("part.sig"), packet(trailer, key_id, hash_id, &digest)).unwrap();
    let says = |output: std::process::Output| {
        let status = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success() && status.contains("[GNUPG:] VALIDSIG ")
    };
    let ring = desk.path("ring.gpg");
    let files = ["--status-fd", "1", "part.sig", "part"];
    let gpgv = run(desk.command("gpgv").arg("--keyring").arg(ring).args(files));
    let gpg = ["--batch", "--status-fd", "1", "--verify", "part.sig", "part"];
    [says(run(desk.command("gpg").args(gpg))), says(gpgv)]
}

/// The parts of an image by themselves: what is signed, and its trailer. Read from the header here, without
/// a line of the program's code.
fn parts(bytes: &[u8]) -> Vec<(String, Vec<u8>, Vec<u8>)> {
    let end = b"\nStart data...\n";
    let at = bytes.windows(end.len()).position(|window| window == end).unwrap() + end.len();
    let (text, mut rest) = bytes.split_at(at);
    let (mut found, mut whole) = (Vec::new(), text.to_vec());
    for line in String::from_utf8(text.to_vec()).unwrap().lines() {
        let Some((key, value)) = line.split_once("size:") else { continue };
        let number: usize = value.split(' ').next().unwrap().parse().unwrap();
        let counts_trailer = ["Kernel", "Image"].contains(&key.trim());
        let data_bytes = if counts_trailer { number - TRAILER_BYTES } else { number };
        let (data, behind) = rest.split_at(data_bytes);
        let (trailer, behind) = behind.split_at(TRAILER_BYTES);
        whole.extend_from_slice(trailer);
        found.push((key.trim().to_owned(), data.to_vec(), trailer.to_vec()));
        rest = behind;
    }
    assert_eq!(rest.len(), TRAILER_BYTES, "the signature of the whole is the last");
    found.push(("whole".to_owned(), whole, rest.to_vec()));
    found
}

#[test]
fn images_verify_step_by_step_with_gnupg() {
    let desk = Desk::new("rsa2048");
    for hash in [("sha1", 2), ("sha256", 8)] {
        let out = format!("{}.image", hash.0);
        let more = ["--env", "env", "--logotype", "logo", "--key", "Operator", "--hash", hash.0];
        let (code, told, complaints) = desk.build(&[&more[..], &["--out", &out]].concat());
        assert_eq!((code, complaints.as_str()), (0, ""), "{told}");
        let parts = parts(&fs::read(desk.path(&out)).unwrap());
        let names: Vec<_> = parts.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["Kernel", "Image", "Env", "Logotype", "whole"]);
        for (name, data, trailer) in &parts {
            assert_eq!(verified(&desk, data, trailer, hash), [true; 2], "{name} {hash:?}");
            let mut changed = data.clone();
            changed[0] ^= 1;
            assert_eq!(verified(&desk, &changed, trailer, hash), [false; 2], "{name} {hash:?}");
        }
        let (code, told, _) = desk.mag(&["verify", &out, "--key", "operator.asc", "--json"]);
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!((code, &told["verified"]), (0, &true.into()), "{told}");
        // Boxes of MAG254 take signatures over SHA-1 alone.
        assert_eq!(told["warning"].is_null(), hash.0 == "sha1", "{told}");
        let signatures = told["signatures"].as_array().unwrap();
        assert_eq!(signatures.len(), 5);
        assert!(signatures.iter().all(|it| it["hash"] == hash.0), "{told}");
        let (code, ..) = desk.mag(&["verify", &out, "--key", "ring.gpg", "--model", "MAG254"]);
        assert_eq!(code, 0, "a binary key");
    }
}

#[test]
fn an_image_that_was_changed_or_is_of_another_model_is_refused_by_name() {
    let desk = Desk::new("rsa2048");
    let (code, _, complaints) = desk.build(&["--key", "Operator"]);
    assert_eq!((code, complaints.as_str()), (0, ""));
    let verify = ["verify", "imageupdate", "--key", "operator.asc"];
    let (code, told, _) = desk.mag(&[&verify[..], &["--model", "MAG256"]].concat());
    assert!(code == 1 && told.contains("MAG254") && told.contains("not MAG256"), "{told}");
    let mut bytes = fs::read(desk.path("imageupdate")).unwrap();
    let end = bytes.len() - TRAILER_BYTES - TRAILER_BYTES - 10;
    bytes[end] ^= 0x20;
    fs::write(desk.path("imageupdate"), &bytes).unwrap();
    let (code, told, _) = desk.mag(&verify);
    assert!(code == 1 && told.contains("rootfs: not signed with the key given"), "{told}");
    assert!(told.contains("kernel: sha1"), "the others are told as well\n{told}");
    fs::write(desk.path("imageupdate"), &bytes[..bytes.len() - 5]).unwrap();
    let (code, told, _) = desk.mag(&verify);
    assert!(code == 1 && told.contains("cut off in the signature of the whole"), "{told}");
}

#[test]
fn keys_that_cannot_sign_images_are_told_and_nothing_is_left() {
    let desk = Desk::new("rsa3072");
    let none = |desk: &Desk| !Path::new(&desk.path("imageupdate")).exists();
    let (code, _, complaints) = desk.build(&["--key", "Operator"]);
    assert!(code == 1 && complaints.contains("2,048 bits") && none(&desk), "{complaints}");
    let (code, _, complaints) = desk.build(&["--key", "Nobody"]);
    assert!(code == 1 && complaints.contains("gpg failed") && none(&desk), "{complaints}");
    desk.generate("Operator Two <two@example.invalid>", "rsa2048");
    let (code, _, complaints) = desk.build(&["--key", "Operator"]);
    assert!(code == 1 && complaints.contains("several secret keys") && none(&desk), "{complaints}");
    let (code, _, complaints) = desk.build(&["--key", "two@example.invalid"]);
    assert_eq!((code, complaints.as_str()), (0, ""));
    let before = fs::read(desk.path("imageupdate")).unwrap();
    let (code, _, complaints) = desk.build(&["--key", "two@example.invalid"]);
    assert!(code == 1 && complaints.contains("imageupdate"), "{complaints}");
    assert_eq!(fs::read(desk.path("imageupdate")).unwrap(), before, "an image is never replaced");
}

#[test]
fn an_image_that_the_key_of_the_line_up_did_not_sign_does_not_go_on_the_air_unless_forced() {
    let desk = Desk::new("rsa2048");
    let (code, _, complaints) = desk.build(&["--key", "Operator"]);
    assert_eq!((code, complaints.as_str()), (0, ""));
    let image = fs::read(desk.path("imageupdate")).unwrap();
    let key = |more: &str| format!("key = \"{}\"\n{more}", desk.path("operator.asc").display());
    let none = "[]".to_owned();
    let good = site(&key(""), &image);
    assert_eq!(found(&good), (none.clone(), none.clone()));
    let mut headend = good.serve(&[]);
    let mut changed = image;
    changed[5_000] ^= 1;
    good.file("imageupdate", &changed);
    headend.signal(rustix::process::Signal::HUP);
    headend.wait_for("the signature of kernel: not signed with the key given, or changed since");
    let (errors, _) = found(&good);
    assert!(errors.contains("the signature of kernel"), "{errors}");
    let (errors, warnings) = found(&site(&key("force = true"), &changed));
    assert_eq!(errors, none);
    assert!(
        warnings.contains("the signature of kernel") && warnings.contains("forces it"),
        "{warnings}"
    );
    let (errors, _) = found(&site("key = \"nowhere.asc\"", &changed));
    assert!(errors.contains("nowhere.asc"), "{errors}");
}

#[test]
fn a_passphrase_that_nobody_can_be_asked_for_is_told_and_leaves_nothing() {
    let desk = Desk::new("rsa2048");
    let passphrase = ["--pinentry-mode", "loopback", "--passphrase", "secret"];
    let generate =
        ["--quick-generate-key", "Locked <locked@example.invalid>", "rsa2048", "sign", "never"];
    desk.gpg(&[&passphrase[..], &generate].concat());
    // The agent kept the passphrase in its memory.
    run(desk.command("gpgconf").args(["--kill", "gpg-agent"]));
    let (code, _, complaints) = desk.build(&["--key", "locked@example.invalid"]);
    assert!(code == 1 && complaints.contains("gpg-agent did not sign"), "{complaints}");
    let left = fs::read_dir(desk.directory.path()).unwrap();
    let left: Vec<_> =
        left.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!left.iter().any(|name| name.starts_with('.') || name == "imageupdate"), "{left:?}");
}
