use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Instant;

use super::QUIET;
use crate::lineup::{Reading, read};

/// A directory with these files.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

fn channel(name: &str, last: u8, more: &str) -> String {
    format!(
        "[[channel]]\nname = \"{name}\"\ncarousel = \"infocast\"\ngroup = \"239.255.7.{last}:5000\"\n\
         bit_rate_kbps = 1000\nslice_bytes = 1000\n{more}\n[[channel.object]]\nname = \"{name}.time\"\n\
         source = {{ kind = \"time\" }}\n"
    )
}

fn names(reading: &Reading) -> Vec<String> {
    let line_up = reading.line_up.as_ref().unwrap_or_else(|| panic!("{:?}", reading.findings));
    line_up.channels.iter().map(|channel| channel.name.clone()).collect()
}

fn errors(path: &Path) -> Vec<String> {
    let reading = read(path);
    assert!(reading.line_up.is_none());
    reading.errors().map(ToString::to_string).collect()
}

#[test]
fn drop_ins_are_one_line_up_in_the_order_of_their_names() {
    let site = directory(&[
        ("20-b.toml", &channel("b", 2, "")),
        ("10-a.toml", &channel("a", 1, "")),
        ("Z.toml", &channel("z", 3, "")),
        ("05-announce.toml", "\u{feff}announce = \"239.255.7.9:22223\"\n"),
    ]);
    let reading = read(site.path());
    assert_eq!(names(&reading), ["a", "b", "z"]);
    assert!(reading.line_up.unwrap().announce.is_some());
}

#[test]
fn what_editors_and_packages_leave_behind_is_passed_over() {
    let mut site = vec![("a.toml".to_owned(), channel("a", 1, ""))];
    for name in [".hidden.toml", ".#a.toml", "a.toml~", "a.toml.swp", "#a.toml#", "a.toml.dpkg-old"]
    {
        site.push((name.to_owned(), "no TOML".to_owned()));
    }
    let site: Vec<_> = site.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let site = directory(&site);
    fs::create_dir(site.path().join("b.toml")).unwrap();
    assert_eq!(names(&read(site.path())), ["a"]);
}

#[test]
fn a_directory_without_drop_ins_is_told() {
    let site = directory(&[("README", "")]);
    let [error] = &errors(site.path())[..] else { panic!("one error") };
    assert!(error.contains("has no *.toml"), "{error}");
}

#[test]
fn findings_name_file_line_and_column_of_each_drop_in() {
    let site = directory(&[
        ("10-a.toml", &channel("a", 1, "ttl = 300")),
        ("20-b.toml", &channel("b", 2, "tll = 3")),
        ("30-c.toml", &format!("# äöü\n{}", channel("c", 3, "dscp = 64"))),
    ]);
    let errors_before = errors(site.path());
    let [error] = &errors_before[..] else { panic!("{errors_before:?}") };
    assert!(error.starts_with("20-b.toml: line 7, column 1: unknown key `tll`"), "{error}");
    fs::write(site.path().join("20-b.toml"), channel("b", 2, "")).unwrap();
    let errors = errors(site.path());
    let [first, second] = &errors[..] else { panic!("{errors:?}") };
    assert!(first.starts_with("10-a.toml: line 7, column 7: ttl 300"), "{first}");
    assert!(second.starts_with("30-c.toml: line 8, column 8: dscp 64"), "{second}");
    let json = serde_json::to_value(&read(site.path()).findings).unwrap();
    assert_eq!(json[0]["file"], "10-a.toml");
    let alone = serde_json::to_value(&read(&site.path().join("10-a.toml")).findings).unwrap();
    assert!(alone[0].get("file").is_none(), "one file is told as ever: {alone}");
}

#[test]
fn a_file_that_ends_in_mid_table_is_told_there_and_not_in_the_next_one() {
    let site = directory(&[("a.toml", "[[channel"), ("b.toml", &channel("b", 2, ""))]);
    let errors = errors(site.path());
    assert!(errors[0].starts_with("a.toml: line 1, column "), "{errors:?}");
}

#[test]
fn what_stands_once_names_both_files_where_it_stands_twice() {
    let announce = "[announce]\ngroup = \"239.255.7.9:22223\"\n";
    let site = directory(&[
        ("a.toml", announce),
        ("b.toml", &channel("b", 2, "")),
        ("c.toml", &format!("\n{announce}")),
    ]);
    let errors = errors(site.path());
    let [error] = &errors[..] else { panic!("{errors:?}") };
    assert!(
        error.starts_with("c.toml: line 2, column 1: `announce` stands in a.toml already"),
        "{error}"
    );
}

#[test]
fn names_that_clash_across_files_are_told() {
    let site = directory(&[("a.toml", &channel("a", 1, "")), ("b.toml", &channel("a", 2, ""))]);
    let errors = errors(site.path());
    assert!(errors.iter().any(|error| error.starts_with("b.toml: ")), "{errors:?}");
}

#[test]
fn a_vendors_file_is_no_drop_in() {
    let site = directory(&[("a.toml", &channel("a", 1, "")), ("b.toml", "<infocast-server/>")]);
    let found = errors(site.path());
    assert!(found[0].starts_with("b.toml: XML is no drop-in"), "{found:?}");
    fs::rename(site.path().join("b.toml"), site.path().join("InfocastConfig.xml")).unwrap();
    let found = errors(site.path());
    assert!(found[0].contains("InfocastConfig.xml is a vendor's file and no drop-in"), "{found:?}");
}

#[test]
fn paths_are_relative_to_the_directory() {
    let object = "[[channel.object]]\nname = \"image\"\nsource = \"boot.img\"\n";
    let site =
        directory(&[("a.toml", &[&channel("a", 1, ""), object].concat()), ("boot.img", "x")]);
    let line_up = read(site.path()).line_up.unwrap();
    let source = &line_up.channels[0].objects[1].source;
    assert_eq!(*source, crate::lineup::Source::File(site.path().join("boot.img")));
}

#[test]
fn a_file_that_cannot_be_read_refuses_all() {
    let site = directory(&[("a.toml", &channel("a", 1, ""))]);
    std::os::unix::fs::symlink("nowhere", site.path().join("b.toml")).unwrap();
    assert!(errors(site.path())[0].contains("b.toml"));
    fs::remove_file(site.path().join("b.toml")).unwrap();
    fs::write(site.path().join("b.toml"), b"\xff\xfe").unwrap();
    assert!(errors(site.path())[0].contains("not UTF-8"));
    let odd = site.path().join(std::ffi::OsStr::from_bytes(b"b\xff.toml"));
    fs::rename(site.path().join("b.toml"), &odd).unwrap();
    fs::write(&odd, channel("b", 2, "")).unwrap();
    assert_eq!(names(&read(site.path())), ["a", "b"]);
}

#[test]
fn a_file_that_is_being_written_is_waited_for() {
    let site = directory(&[("a.toml", &channel("a", 1, ""))]);
    let written = Instant::now();
    fs::write(site.path().join("b.toml"), channel("b", 2, "")).unwrap();
    assert_eq!(names(&read(site.path())), ["a", "b"]);
    assert!(written.elapsed() >= QUIET, "it could have been half written");
}
