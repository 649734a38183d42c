//! `stbcast mag` on images as files.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::harness::{Site, free_group, headend, run};

/// A header whose sections are a kernel of 3 bytes and a root file system of 5, and an environment of 2.
const HEADER: &str = "STB Model:MAG254
Date:Thu Feb 21 00:43:44 EET 2019
Image Version:219
Image Description:2.19.02-release
VerUpdateAPI:2
Kernel size:266
Image  size:268
Env size:2 534
Start data...
";

/// Bytes behind the header.
const DATA_BYTES: usize = 266 + 268 + 265 + 263;

/// Runs a verb: exit code, what it prints, what it complains of.
pub(crate) fn mag(directory: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = run(headend().arg("mag").args(arguments).current_dir(directory));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn image(header: &str, data_bytes: usize) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let bytes = [header.as_bytes(), &vec![0x5a; data_bytes]].concat();
    fs::write(directory.path().join("imageupdate"), bytes).unwrap();
    directory
}

#[test]
fn an_image_tells_its_model_version_date_and_sections() {
    let directory = image(HEADER, DATA_BYTES);
    let (code, told, complaints) = mag(directory.path(), &["show", "imageupdate"]);
    assert_eq!((code, complaints.as_str()), (0, ""));
    for words in ["MAG254", "219", "Thu Feb 21 00:43:44 EET 2019", "2.19.02-release", "env"] {
        assert!(told.contains(words), "{words}\n{told}");
    }
    let (code, told, _) = mag(directory.path(), &["show", "--json", "imageupdate"]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &told["whole"]), (0, &true.into()));
    assert_eq!((&told["model"], &told["version"]), (&"MAG254".into(), &219.into()));
    assert_eq!(told["bytes"], HEADER.len() + DATA_BYTES);
    let env = &told["sections"][2];
    assert_eq!((&env["name"], &env["bytes"]), (&"env".into(), &2.into()));
    assert_eq!(env["at"], HEADER.len() + 534);
}

#[test]
fn an_image_that_is_cut_off_is_told_with_the_bytes_that_are_missing() {
    let directory = image(HEADER, DATA_BYTES - 300);
    let (code, told, _) = mag(directory.path(), &["show", "imageupdate"]);
    assert_eq!(code, 1);
    assert!(
        told.contains("cut off in the signature of env") && told.contains("300 are missing"),
        "{told}"
    );
    let (code, told, _) = mag(directory.path(), &["show", "--json", "imageupdate"]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &told["whole"]), (1, &false.into()));
}

#[test]
fn what_is_no_image_or_cannot_be_read_is_said_and_fails() {
    let directory = image("\x7fELF", 10_000);
    let (code, told, complaints) = mag(directory.path(), &["show", "imageupdate"]);
    assert_eq!((code, told.as_str()), (1, ""));
    assert!(
        complaints.contains("imageupdate") && complaints.contains("no MAG image"),
        "{complaints}"
    );
    let (code, _, complaints) = mag(directory.path(), &["show", "nowhere"]);
    assert_eq!(code, 1);
    assert!(complaints.contains("nowhere"), "{complaints}");
    let (code, _, complaints) =
        mag(directory.path(), &["verify", "imageupdate", "--key", "imageupdate"]);
    assert_eq!(code, 1);
    assert!(complaints.contains("no OpenPGP public key"), "{complaints}");
}

#[test]
fn a_named_pipe_is_refused_and_not_waited_for() {
    let directory = image(HEADER, DATA_BYTES);
    let pipe = directory.path().join("pipe");
    assert!(run(std::process::Command::new("mkfifo").arg(&pipe)).status.success());
    let line_up = "[[channel]]\ncarousel = \"mag\"\ngroup = \"239.255.50.51:9001\"\nbit_rate_kbps = 1000\n\
                   [[channel.object]]\nname = \"imageupdate\"\nsource = \"pipe\"\n";
    fs::write(directory.path().join("line-up.toml"), line_up).unwrap();
    let verbs: [&[&str]; 3] = [
        &["mag", "show", "pipe"],
        &["check", "line-up.toml"],
        &["offer", "line-up.toml", "--family=mag", "--model=MAG254", "--image-version=1"],
    ];
    for arguments in verbs {
        let mut command = std::process::Command::new("timeout");
        command.arg("20").arg(headend().get_program()).args(arguments);
        let output = run(command.current_dir(directory.path()));
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8(told).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {told}");
        assert!(told.contains("pipe is not a file"), "{arguments:?}: {told}");
    }
}

#[test]
fn wrong_arguments_have_an_exit_code_of_their_own() {
    let directory = image(HEADER, DATA_BYTES);
    let wrong: [&[&str]; 4] =
        [&["show"], &["verify", "imageupdate"], &["build", "--out", "x"], &["make"]];
    for arguments in wrong {
        assert_eq!(mag(directory.path(), arguments).0, 2, "{arguments:?}");
    }
}

/// A line-up with one MAG channel, which carries a file of its directory, and `[channel.mag]` in it.
pub(crate) fn site(keys: &str, image: &[u8]) -> Site {
    let mut site = Site::new();
    site.add(&format!(
        "[[channel]]\nname = \"mag254\"\ncarousel = \"mag\"\ngroup = \"{}\"\nbit_rate_kbps = 8000\n\
         [channel.mag]\n{keys}\n",
        free_group()
    ));
    site.object("imageupdate", "imageupdate", "");
    site.file("imageupdate", image);
    site
}

/// What `stbcast check` finds: errors and warnings.
pub(crate) fn found(site: &Site) -> (String, String) {
    let output = run(headend().arg("check").arg("--json").arg(site.write()));
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.success(), plan["errors"] == serde_json::json!([]));
    (plan["errors"].to_string(), plan["warnings"].to_string())
}

fn whole_image() -> Vec<u8> {
    [HEADER.as_bytes(), &[0x5a; DATA_BYTES]].concat()
}

#[test]
fn an_image_of_another_model_does_not_go_on_the_air_unless_forced() {
    let none = "[]".to_owned();
    assert_eq!(found(&site("model = \"MAG254\"", &whole_image())), (none.clone(), none.clone()));
    let other = site("model = \"MAG256\"", &whole_image());
    let (errors, warnings) = found(&other);
    assert!(errors.contains("model MAG254, and the line-up says MAG256"), "{errors}");
    assert_eq!(warnings, none);
    let mut headend = other.start(&other.write(), &[]);
    headend.wait_for("model MAG254, and the line-up says MAG256");
    assert_eq!(headend.finish().0, 1);
    let forced = site("model = \"MAG256\"\nforce = true", &whole_image());
    let (errors, warnings) = found(&forced);
    assert_eq!(errors, none);
    assert!(warnings.contains("the line-up forces it"), "{warnings}");
    drop(forced.serve(&[]));
}

#[test]
fn a_damaged_image_is_told_even_where_nothing_is_said_of_it() {
    let cut_off = &whole_image()[..HEADER.len() + 300];
    let (errors, warnings) = found(&site("", cut_off));
    assert_eq!(errors, "[]");
    assert!(warnings.contains("cut off in the signature of rootfs"), "{warnings}");
    assert_eq!(found(&site("", &[7; 5_000])), ("[]".to_owned(), "[]".to_owned()), "no container");
    assert_eq!(found(&site("role = \"bootstrap\"", cut_off)).1, "[]");
    let (errors, _) = found(&site("model = \"MAG254\"", cut_off));
    assert!(errors.contains("cut off in the signature of rootfs"), "{errors}");
    let (errors, _) = found(&site("model = \"MAG254\"", &[7; 5_000]));
    assert!(errors.contains("no MAG image"), "{errors}");
}

#[test]
fn a_reload_with_an_image_of_another_model_keeps_what_is_on_the_air() {
    let site = site("model = \"MAG254\"", &whole_image());
    let mut headend = site.serve(&[]);
    let other = String::from_utf8(whole_image()).unwrap().replace("MAG254", "MAG256");
    site.file("imageupdate", other.as_bytes());
    headend.signal(rustix::process::Signal::HUP);
    let said = headend.wait_for("the line-up says MAG254");
    assert!(said.contains("model MAG256"), "{said}");
}
