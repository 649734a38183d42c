//! `stbcast stbconfig`, and a StbConfig on air.

use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::asking::{answering, get};
use super::harness::{Site, headend, noise, receiver, run};

const FINE: &str = r#"<?xml version="1.0"?>
<!DOCTYPE StbConfig SYSTEM "stbconfig.dtd">
<StbConfig>
  <BootParams>
    <KernelUrl>http://www.example.com/bootimage</KernelUrl>
    <KernelVersion>1.0</KernelVersion>
    <SplashUrl>http://www.example.com/splashimage</SplashUrl>
    <SplashVersion>1.0</SplashVersion>
  </BootParams>
</StbConfig>
"#;

fn with_permanent(inner: &str) -> String {
    let section = format!("  <PermanentParams>\n{inner}\n  </PermanentParams>\n</StbConfig>");
    FINE.replace("</StbConfig>", &section)
}

fn stbconfig(arguments: &[&str], path: &Path, more: &[&str]) -> (i32, String, String) {
    let output = run(headend().arg("stbconfig").args(arguments).arg(path).args(more));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn lint(text: &str, more: &[&str]) -> (i32, String, String) {
    let site = Site::new();
    let path = site.file("vip.xml", text.as_bytes());
    let (code, stdout, stderr) = stbconfig(&["lint"], &path, more);
    let short = |text: String| text.replace(&path.display().to_string(), "vip.xml");
    (code, short(stdout), short(stderr))
}

#[test]
fn a_document_without_findings_says_which_boxes_it_is_for() {
    let both = "vip.xml: fit for boxes of both generations\n";
    for generation in ["old", "new", "auto"] {
        let told = lint(FINE, &["--generation", generation]);
        assert_eq!(told, (0, both.to_owned(), String::new()));
    }
    let (code, stdout, _) = lint(&with_permanent("<BootOrder>6,1,3</BootOrder>"), &[]);
    assert_eq!((code, stdout.as_str()), (0, "vip.xml: fit for boxes of the newer generation\n"));
}

#[test]
fn every_finding_names_line_element_value_and_what_is_legal() {
    let wrong = with_permanent(
        "    <BootcastTimeout>256</BootcastTimeout>\n    <BootOder>6</BootOder>\n    \
         <BootOrder>615</BootOrder>",
    );
    let (code, stdout, stderr) = lint(&wrong.replace("http://www", "ftp://www"), &[]);
    assert_eq!((code, stdout.as_str()), (1, "vip.xml: 6 errors\n"));
    let lines: Vec<_> = stderr.lines().collect();
    for (line, begin) in lines.iter().zip([
        "error: vip.xml: line 5, column 5: `KernelUrl` \"ftp://www.example.com/bootimage\": ",
        "error: vip.xml: line 7, column 5: `SplashUrl` \"ftp://www.example.com/splashimage\": ",
        "error: vip.xml: line 11, column 5: `BootcastTimeout` \"256\": legal is a whole number from \
         1 to 255",
        "error: vip.xml: line 12, column 5: `BootOder` is no element of `PermanentParams`; did you \
         mean `BootOrder`?",
        "error: vip.xml: line 13, column 5: `BootOrder` stands behind `BootcastTimeout`",
        "error: vip.xml: line 13, column 5: `BootOrder` \"615\": legal is 1 to 16 digits",
    ]) {
        assert!(line.starts_with(begin), "{line}\nis not\n{begin}");
    }
    assert_eq!(lines.len(), 6);
}

#[test]
fn machines_get_the_same_as_json() {
    let (code, stdout, stderr) =
        lint(&with_permanent("<HttpPort>65536</HttpPort>"), &["--json", "--generation", "old"]);
    assert_eq!((code, stderr.as_str()), (1, ""));
    let told: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(told["fit"], false);
    assert_eq!(told["generations"], serde_json::json!([]));
    let [unknown, range] = &told["findings"].as_array().unwrap()[..] else { panic!("{stdout}") };
    assert_eq!((&unknown["element"], &unknown["line"]), (&"PermanentParams".into(), &10.into()));
    assert_eq!((&range["severity"], &range["element"]), (&"error".into(), &"HttpPort".into()));
    assert_eq!((&range["line"], &range["column"]), (&11.into(), &1.into()));
    assert_eq!(range["value"], "65536");
    assert_eq!(range["legal"], "a whole number from 0 to 65535");
    let (code, stdout, _) = lint(FINE, &["--json"]);
    let told: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &told["generations"]), (0, &serde_json::json!(["old", "new"])));
}

#[test]
fn what_cannot_be_read_is_exit_code_one_and_wrong_arguments_are_two() {
    let (code, _, stderr) = stbconfig(&["lint"], Path::new("/nowhere/vip.xml"), &[]);
    assert_eq!(code, 1);
    assert!(stderr.contains("cannot read /nowhere/vip.xml"), "{stderr}");
    let (code, _, stderr) = lint(&"x".repeat(70_000), &[]);
    assert!(code == 1 && stderr.contains("more than the 65536 bytes"), "{stderr}");
    for wrong in [&["lint"][..], &["lint", "x", "--generation", "older"], &["make"], &[]] {
        let code = run(headend().arg("stbconfig").args(wrong)).status.code();
        assert_eq!(code, Some(2), "{wrong:?}");
    }
}

/// A StbConfig on air, its images, and where they are.
fn site() -> (Site, [String; 2]) {
    let mut site = Site::new();
    let metadata = site.channel("metadata", 64, 1_024);
    site.object("vip", "{ kind = \"stbconfig\", stbconfig = \"vip\" }", "");
    let images = site.channel("images", 8_000, 1_400);
    site.object("boot", "boot.img", "");
    site.object("splash", "splash.bmp", "version = \"s1\"");
    site.add("[[stbconfig]]\nname = \"vip\"\nimage = \"boot\"\nsplash = \"splash\"\n");
    site.file("boot.img", &noise(7, 20_000));
    site.file("splash.bmp", &noise(8, 3_000));
    (site, [metadata, images])
}

#[test]
fn make_writes_what_lint_finds_nothing_wrong_with_and_names_what_is_on_air() {
    let (site, [_, group]) = site();
    let (code, text, stderr) = stbconfig(&["make"], &site.write(), &[]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let digest: String =
        Sha256::digest(noise(7, 20_000)).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    for part in [
        format!("<KernelUrl>infocast://{group}/boot</KernelUrl>"),
        format!("<KernelVersion>{digest}</KernelVersion>"),
        format!("<SplashUrl>infocast://{group}/splash</SplashUrl>"),
        "<SplashVersion>s1</SplashVersion>".to_owned(),
    ] {
        assert!(text.contains(&part), "{part} is not in\n{text}");
    }
    let (code, stdout, stderr) = lint(&text, &["--generation", "old"]);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
}

#[test]
fn make_needs_a_name_where_there_are_several() {
    let (mut site, _) = site();
    site.add("[[stbconfig]]\nname = \"vap\"\nimage = \"local://\"\n");
    let line_up = site.write();
    let (code, stdout, stderr) = stbconfig(&["make"], &line_up, &[]);
    assert!(code == 2 && stdout.is_empty() && stderr.contains("which stbconfig? vip, vap"));
    let (code, _, stderr) = stbconfig(&["make"], &line_up, &["vop"]);
    assert!(code == 2 && stderr.contains("no stbconfig `vop`") && stderr.contains("did you mean"));
    let (code, stdout, stderr) = stbconfig(&["make"], &line_up, &["vap"]);
    assert!(code == 0 && stdout.contains("<KernelUrl>local://</KernelUrl>"), "{stderr}");
    assert!(stderr.contains("warning: stbconfig `vap`: ") && stderr.contains("boxes boot black"));
    std::fs::remove_file(site.path("boot.img")).unwrap();
    let (code, stdout, stderr) = stbconfig(&["make"], &line_up, &["vip"]);
    assert!(
        code == 1 && stdout.is_empty() && stderr.contains("boot.img: No such file"),
        "{stderr}"
    );
}

#[test]
fn the_same_document_is_made_answered_over_http_and_on_air() {
    let (mut site, [metadata, _]) = site();
    site.add("[[target]]\nname = \"all\"\nstbconfig = \"vip\"\n");
    let (_, made, _) = stbconfig(&["make"], &site.write(), &["vip"]);
    let (_headend, address) = answering(&site, &[]);
    let answer = get(address, "/arris-vip1113?product=arris-vip1113&serial=1931690851");
    assert_eq!((answer.status, answer.text()), (200, made.clone()));
    let output = site.path("heard.xml");
    let url = format!("infocast://{metadata}/vip");
    let fetched =
        run(receiver().args(["fetch", &url, "--interface", "127.0.0.1", "--output"]).arg(&output));
    assert_eq!(fetched.status.code(), Some(0), "{fetched:?}");
    assert_eq!(std::fs::read_to_string(output).unwrap(), made);
}
