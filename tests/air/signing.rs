//! `stbcast keys` and `stbcast release`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::harness::{Site, headend, noise, run};

/// An operator at a desk: keys, a root document, a line-up with an image.
pub(crate) struct Desk {
    pub(crate) site: Site,
}

impl Desk {
    /// With a key for each role and the first root.
    pub(crate) fn new() -> Self {
        let mut site = Site::new();
        site.channel("boot", 4_000, 1_400);
        site.announce();
        site.file("image.bin", &noise(1, 100_000));
        site.file("splash.bin", &noise(2, 9_000));
        site.object("boot-1113", "image.bin", "");
        site.object("splash-1113", "splash.bin", "");
        site.write();
        let desk = Self { site };
        for role in ["root", "release", "channel"] {
            desk.fine(&["keys", role, "--out", &format!("{role}.key")]);
        }
        desk.root("1.root.cose", &["--operator", "example"]);
        desk
    }

    /// Runs a verb; names of files are of this desk.
    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = run(headend().args(arguments).current_dir(self.site.path("")));
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    /// Runs a verb that succeeds; what it prints.
    pub(crate) fn fine(&self, arguments: &[&str]) -> String {
        let (code, stdout, stderr) = self.run(arguments);
        assert_eq!((code, stderr.as_str()), (0, ""), "{arguments:?}\n{stdout}");
        stdout
    }

    /// Runs a verb that fails; what it says.
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        let (code, stdout, stderr) = self.run(arguments);
        assert_eq!((code, stdout.as_str()), (1, ""), "{arguments:?}\n{stderr}");
        stderr
    }

    pub(crate) fn root(&self, out: &str, more: &[&str]) -> String {
        let usual = ["--release", "release.pub", "--channel", "channel.pub", "--expires", "3650d"];
        let first = ["release", "root", "--key", "root.key", "--out", out];
        self.fine(&[&first[..], &usual, more].concat())
    }

    /// A release of the image by the first root.
    pub(crate) fn build(&self, number: u64, more: &[&str]) -> String {
        let out = format!("{number}.release.cose");
        self.fine(&Self::building(&number.to_string(), &out, more));
        out
    }

    fn building<'a>(number: &'a str, out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let first = ["release", "build", "lineup.toml", "--root", "1.root.cose"];
        let key = ["--key", "release.key", "--number", number, "--out", out];
        let usual = ["--model", "arris-vip1113", "--image", "boot-1113", "--expires", "90d"];
        [&first[..], &key, &usual, more].concat()
    }
}

#[test]
fn keys_are_for_their_owner_alone_and_never_replaced() {
    let desk = Desk::new();
    let path = desk.site.path("release.key");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let before = fs::read(&path).unwrap();
    let told = desk.refused(&["keys", "release"]);
    assert!(told.starts_with("error: release.key is there already"), "{told}");
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(desk.run(&["keys", "secret"]).0, 2, "a role that does not exist");
}

#[test]
fn a_release_says_what_is_on_air_and_what_boxes_do_with_it() {
    let desk = Desk::new();
    let release = desk.build(42, &["--splash", "splash-1113", "--hardware", "1-4", "--epoch", "3"]);
    let shown = desk.fine(&["release", "show", "--json", &release]);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["number"], 42);
    assert_eq!(shown["objects"][0]["length"], 100_000);
    assert_eq!(shown["objects"][1]["kind"], "splash");
    assert!(fs::metadata(desk.site.path(&release)).unwrap().len() <= 1_400);

    let verify = |more: &[&str]| {
        let first = ["release", "verify", &release, "--root", "1.root.cose", "--model"];
        let (code, stdout, stderr) = desk.run(&[&first[..], more].concat());
        (code, format!("{stdout}{stderr}"))
    };
    for (more, code, told) in [
        (&["arris-vip1113", "--hardware", "2", "--runs", "41"][..], 0, "the box installs it"),
        (&["arris-vip1113", "--hardware", "2", "--runs", "42"], 0, "the box has it"),
        (&["arris-vip1113", "--hardware", "2", "--runs", "43"], 1, "is not above 43"),
        (&["arris-vip1113", "--hardware", "5"], 1, "for hardware 1 to 4, this box has 5"),
        (&["arris-vip1103", "--hardware", "2"], 1, "this box is a `arris-vip1103`"),
        (&["arris-vip1113", "--hardware", "2", "--epoch", "4"], 1, "has epoch 3, 4 is the least"),
        (&["arris-vip1113", "--hardware", "2", "--at", "2020-01-01"], 1, "is valid from"),
        (&["arris-vip1113", "--hardware", "2", "--at", "91d"], 1, "expired at"),
    ] {
        let (found, text) = verify(more);
        assert!(found == code && text.contains(told), "{more:?}: {found} {text}");
    }
}

#[test]
fn a_release_that_boxes_would_refuse_is_not_written() {
    let desk = Desk::new();
    let refused = |more: &[&str]| {
        let told = desk.refused(&Desk::building("7", "7.release.cose", more));
        assert!(!desk.site.path("7.release.cose").exists(), "{more:?}");
        told
    };
    let told = refused(&["--splash", "splash-1114"]);
    assert!(told.contains("no object `splash-1114`") && told.contains("`splash-1113`?"), "{told}");
    fs::remove_file(desk.site.path("release.key")).unwrap();
    fs::copy(desk.site.path("channel.key"), desk.site.path("release.key")).unwrap();
    let told = refused(&[]);
    assert!(told.contains("may not sign this release"), "{told}");
    fs::set_permissions(desk.site.path("release.key"), PermissionsExt::from_mode(0o644)).unwrap();
    let told = refused(&[]);
    assert!(told.contains("can be read by others (mode 644)"), "{told}");
}

#[test]
fn a_permit_takes_both_keys_and_they_need_not_meet() {
    let desk = Desk::new();
    let release = desk.build(42, &[]);
    let permit = ["release", "permit", &release, "--root", "1.root.cose", "--from", "43"];
    let more = ["--key", "release.key", "--expires", "7d", "--out", "half.cose"];
    desk.fine(&[&permit[..], &more].concat());
    let verify = |file: &str| {
        let root = ["--root", "1.root.cose", "--model", "arris-vip1113", "--runs", "43"];
        desk.run(&[&["release", "verify", &release, file][..], &root].concat())
    };
    let (code, _, told) = verify("half.cose");
    assert!(code == 1 && told.contains("0 channel keys signed"), "{told}");
    desk.fine(&["release", "sign", "half.cose", "--key", "channel.key", "--out", "whole.cose"]);
    let (code, told, _) = verify("whole.cose");
    assert!(code == 0 && told.contains("goes back to it from release 43"), "{told}");
    let told =
        desk.refused(&["release", "sign", "whole.cose", "--key", "channel.key", "--out", "x"]);
    assert!(told.contains("signed twice"), "{told}");
}

#[test]
fn a_root_follows_the_one_before_when_both_sign() {
    let desk = Desk::new();
    desk.fine(&["keys", "root", "--out", "new-root.key"]);
    let next = |key: &[&str], out: &str| {
        let first = ["release", "root", "--previous", "1.root.cose", "--root", "new-root.pub"];
        let more = ["--expires", "3650d", "--epoch", "2", "--out", out];
        desk.fine(&[&first[..], &more, key].concat());
        desk.run(&["release", "verify", out, "--root", "1.root.cose"])
    };
    let (code, _, told) = next(&["--key", "new-root.key"], "alone.cose");
    assert!(code == 1 && told.contains("0 root keys signed"), "{told}");
    let (code, told, _) = next(&["--key", "root.key", "--key", "new-root.key"], "2.root.cose");
    assert_eq!((code, told.as_str()), (0, "2.root.cose: the root holds\n"));
    let release = desk.build(5, &["--root", "2.root.cose"]);
    let shown = desk.fine(&["release", "show", &release]);
    assert!(shown.contains("epoch         2"), "the least one of the newest root: {shown}");
}

#[test]
fn what_no_box_would_ever_follow_is_not_signed() {
    let desk = Desk::new();
    let release = desk.build(42, &[]);
    desk.fine(&["keys", "root", "--out", "stranger.key"]);
    let refused = |arguments: &[&str], told: &str| {
        let text = desk.refused(&[&["release"], arguments, &["--out", "no.cose"]].concat());
        assert!(text.contains(told), "{arguments:?}: {text}");
        assert!(!desk.site.path("no.cose").exists(), "{arguments:?}");
    };
    desk.root("epoch.cose", &["--operator", "example", "--epoch", "2"]);
    let root = |more: &[&str], told: &str| {
        let first = ["root", "--previous", "epoch.cose", "--key", "root.key"];
        refused(&[&first[..], more].concat(), told);
    };
    root(&["--expires", "9d", "--operator", "other"], "boxes of `example` go on to no root");
    root(&["--expires", "9d", "--epoch", "1"], "epoch 1 is below 2");
    root(&["--expires", "9d", "--key", "stranger.key"], "is no root key of this document, nor of");
    root(&["--expires", "2020-01-01"], "which has passed");

    let permit = |more: &[&str], told: &str| {
        let first = ["permit", &release, "--root", "1.root.cose", "--from", "43"];
        refused(&[&first[..], more].concat(), told);
    };
    permit(&["--key", "channel.key", "--expires", "2020-01-01"], "which has passed");
    permit(&["--key", "root.key", "--expires", "7d"], "is no release key and no channel key");
    let other = ["--key", "channel.key", "--expires", "7d", "--model", "arris-vip1103"];
    permit(&other, "it is for arris-vip1113, not for `arris-vip1103`");

    let first = ["build", "lineup.toml", "--root", "1.root.cose", "--key", "release.key"];
    let more = ["--number", "7", "--model", "m", "--image", "boot-1113"];
    let dates = ["--not-before", "2020-01-01", "--expires", "2020-02-01"];
    refused(&[&first[..], &more, &dates].concat(), "which has passed");
}

#[test]
fn what_is_no_statement_is_refused_by_name() {
    let desk = Desk::new();
    for (name, bytes, told) in [
        ("empty", &b""[..], "not deterministic CBOR"),
        ("text", b"hello", "not deterministic CBOR"),
        ("long", &[0; 1_401], "at most 1400 are legal"),
    ] {
        desk.site.file(name, bytes);
        let text = desk.refused(&["release", "show", name]).to_lowercase();
        assert!(text.contains(name) && text.contains(&told.to_lowercase()), "{text}");
    }
    let told = desk.refused(&["release", "show", "nowhere"]);
    assert!(told.contains("cannot read nowhere"), "{told}");
}

#[test]
fn actions_are_signed_shown_and_judged_as_a_box_would() {
    let desk = Desk::new();
    let release = desk.build(42, &[]);
    let by = ["--root", "1.root.cose", "--key", "channel.key"];
    let sign = |verb: &str, out: &str, more: &[&str]| {
        let first = ["release", "action", verb, &release, "--out", out];
        desk.fine(&[&first[..], &by, more].concat())
    };
    let more = ["--jitter", "1800", "--idle", "--expires", "1d", "--serial", "1000-1999"];
    let told = sign("reboot", "reboot.cose", &more);
    assert!(told.contains("below release 42, when nobody watches, spread over 1800 s"), "{told}");
    assert!(told.contains("1000-1999"), "{told}");
    sign("kill", "kill.cose", &[]);
    let shown: serde_json::Value =
        serde_json::from_str(&desk.fine(&["release", "show", "kill.cose", "--json"])).unwrap();
    assert_eq!((&shown["kind"], &shown["order"]), (&"action".into(), &"kill".into()), "{shown}");
    assert_eq!(shown["release"], 42);
    let usual = ["--root", "1.root.cose", "--model", "arris-vip1113", "--serial"];
    let verify = |file: &str, more: &[&str]| {
        let first = ["release", "verify", file];
        desk.run(&[&first[..], &usual, more].concat())
    };
    let (code, told, _) = verify("reboot.cose", &["1500", "--runs", "41"]);
    assert!(code == 0 && told.contains("the box reboots"), "{told}");
    let (code, _, told) = verify("reboot.cose", &["1500", "--runs", "42"]);
    assert!(code == 1 && told.contains("it stays on"), "{told}");
    let (code, _, told) = verify("reboot.cose", &["2500"]);
    assert!(code == 1 && told.contains("not for the box `2500`"), "{told}");
    let (code, told, _) = verify("kill.cose", &["1500"]);
    assert!(code == 0 && told.contains("never installs release 42"), "{told}");
    // By no other key, for no other model, and not for longer than is legal.
    for (more, part) in [
        (&["--key", "release.key"][..], "is no channel key of the root"),
        (&["--key", "channel.key", "--model", "vip1"], "not for `vip1`"),
        (&["--key", "channel.key", "--expires", "8d"], "at most 7 days"),
    ] {
        let first = ["release", "action", "kill", &release, "--root", "1.root.cose", "--out", "x"];
        let told = desk.refused(&[&first[..], more].concat());
        assert!(told.contains(part), "{told}");
    }
}
