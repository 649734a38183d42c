use std::path::Path;

use super::*;
use crate::lineup::{Reading, parse};

/// What stands before the rules of a test: a channel.
const BEFORE: &str = r#"channel = [{ name = "c", carousel = "infocast", group = "239.255.2.2:22222", bit_rate_kbps = 64, slice_bytes = 1024, object = [{ name = "o", source = "o.bin" }] }]
"#;

/// What stands behind them: the StbConfigs.
const BEHIND: &str = r#"
[[stbconfig]]
name = "vip1113"
image = "o"
[[stbconfig]]
name = "x"
image = "o"
[[stbconfig]]
name = "y"
image = "o"
"#;

const ALL: &str = "\n[[target]]\nname = \"all\"\nstbconfig = \"vip1113\"\n";

fn read_in(directory: &Path, rules: &str) -> Reading {
    parse(&[BEFORE, rules, BEHIND].concat(), directory)
}

fn read(rules: &str) -> Reading {
    read_in(Path::new("/line-ups"), rules)
}

#[track_caller]
fn targets(rules: &str) -> Vec<Target> {
    let reading = read(rules);
    reading.line_up.unwrap_or_else(|| panic!("refused: {:?}", reading.findings)).targets
}

fn warnings(reading: &Reading) -> Vec<String> {
    reading.warnings().map(ToString::to_string).collect()
}

#[test]
fn every_key_of_a_rule_is_understood() {
    let rules = targets(
        r#"[[target]]
name = "testers"
product = "arris-vip1113"
serials = ["1931690851", 17]
mac = ["00:02:9b", "00-02-9C-00-01-02", "00029d"]
fw_version = "6.3"
kernel_version = ["5.0", "5.1"]
splash_version = "1"
diagnostic_version = "2"
ring = { permille = 50, salt = "5.1.3" }
stbconfig = "vip1113"

[[target]]
name = "elsewhere"
ring = 10
redirect = { to = "http://other.example/x", status = 303 }

[[target]]
name = "all"
redirect = { to = "http://other.example/" }
"#,
    );
    let [testers, elsewhere, all] = &rules[..] else { panic!("three rules") };
    assert_eq!(testers.products.as_deref(), Some(&["arris-vip1113".to_owned()][..]));
    let serials = testers.serials.as_deref().unwrap();
    assert!(serials.contains("1931690851") && serials.contains("17") && serials.len() == 2);
    let macs: Vec<_> = testers.macs.iter().flatten().map(ToString::to_string).collect();
    assert_eq!(macs, ["00:02:9b", "00:02:9c:00:01:02", "00:02:9d"]);
    assert_eq!(testers.kernel_versions.as_ref().unwrap().len(), 2);
    assert_eq!(testers.ring, Some(Ring { permille: 50, salt: "5.1.3".into() }));
    assert_eq!(testers.answer, TargetAnswer::StbConfig("vip1113".into()));
    assert_eq!(elsewhere.ring, Some(Ring { permille: 10, salt: String::new() }));
    let to = |to: &str, status| TargetAnswer::Redirect { to: to.to_owned(), status };
    assert_eq!(elsewhere.answer, to("http://other.example/x", 303));
    assert_eq!(all.answer, to("http://other.example/", 302));
    assert!(all.is_catch_all() && !elsewhere.is_catch_all() && !testers.is_catch_all());
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_what_is_legal() {
    let answer = "stbconfig = \"vip1113\"";
    let table = [
        ("product = []", answer, "line 4, column 11: an empty `product` matches no box"),
        ("product = ''", answer, "line 4, column 11: \"\" cannot be product"),
        ("serials = []", answer, "an empty `serials` matches no box"),
        ("serials = ['1', 'a b']", answer, "line 4, column 17: \"a b\" is not a serial number"),
        ("mac = ['00:02', '00:2:9b']", answer, "line 4, column 17: `00:2:9b` is neither a MAC"),
        ("mac = '00:02:9b:00:01:02:03'", answer, "`00:02:9b:00:01:02:03` is neither a MAC"),
        ("mac = 'zz'", answer, "legal are one to six bytes as 00:02:9b"),
        ("fw_version = 6.3", answer, "floating point `6.3`, expected a string, or a list"),
        ("ring = 1001", answer, "line 4, column 8: ring 1001 is not in 0 to 1000"),
        ("ring = { permile = 1 }", answer, "unknown key `permile`, did you mean `permille`?"),
        ("serial = '1'", answer, "unknown key `serial`, did you mean `serials`?"),
        ("serials_file = 'none.txt'", answer, "line 4, column 16: cannot read"),
        ("", "", "line 2, column 1: target `x` has no answer"),
        (answer, "redirect = { to = 'http://a/' }", "are two answers"),
        ("", "redirect = { to = 'https://a/' }", "`https://a/` is none of"),
        ("", "redirect = { to = '/x' }", "`/x` is none of"),
        ("", "redirect = { to = 'http://a/', status = 307 }", "legal are 301, 302, 303"),
    ];
    for (condition, answer, expected) in table {
        let rules = format!("[[target]]\nname = \"x\"\n{condition}\n{answer}\n{ALL}");
        let reading = read(&rules);
        let errors: Vec<_> = reading.errors().map(ToString::to_string).collect();
        assert_eq!(errors.len(), 1, "{condition} {answer}: {errors:?}");
        assert!(errors[0].contains(expected), "{condition} {answer}: {errors:?}");
    }
}

#[test]
fn a_name_stands_once() {
    let reading = read(&[ALL, ALL].concat());
    let errors: Vec<_> = reading.errors().map(ToString::to_string).collect();
    assert!(errors[0].contains("line 8, column 8: target `all` stands twice"), "{errors:?}");
}

#[test]
fn a_rule_that_an_earlier_one_leaves_nothing_to_is_told() {
    let table = [
        ("", "", true),
        ("", "product = 'a'", true),
        ("product = 'a'", "", false),
        ("product = ['a', 'b']", "product = 'b'\nserials = ['1']", true),
        ("product = 'a'", "product = ['a', 'b']", false),
        ("mac = '00:02'", "mac = ['00:02:9b', '00:02:9c:00:01:02']", true),
        ("mac = '00:02:9b'", "mac = '00:02'", false),
        ("serials = ['1', '2']", "serials = ['2']", true),
        ("serials = ['1', '2']", "serials = ['2', '3']", false),
        ("ring = 100", "ring = 10", true),
        ("ring = 10", "ring = 100", false),
        ("ring = 100", "ring = { permille = 10, salt = 'x' }", false),
        ("ring = 1000", "serials = ['1']", true),
        ("kernel_version = '1'", "kernel_version = '2'", false),
    ];
    for (early, late, shadowed) in table {
        let rules = format!(
            "[[target]]\nname = 'early'\n{early}\nstbconfig = 'x'\n[[target]]\nname = 'late'\n{late}\n\
             stbconfig = 'y'\n"
        );
        let reading = read(&rules);
        let errors: Vec<_> = reading.errors().map(ToString::to_string).collect();
        assert_eq!(!errors.is_empty(), shadowed, "{early} | {late}: {errors:?}");
        if shadowed {
            assert!(errors[0].contains("target `late` can never match: `early`"), "{errors:?}");
        }
    }
}

#[test]
fn a_line_up_whose_rules_leave_boxes_out_is_warned_of() {
    let rule = "[[target]]\nname = 'x'\nproduct = 'a'\nstbconfig = 'x'\n";
    let told = warnings(&read(rule));
    assert!(told[0].contains("no [[target]] matches are answered 404"), "{told:?}");
    assert_eq!(warnings(&read(&[rule, ALL].concat())), Vec::<String>::new());
    assert_eq!(warnings(&read("")), Vec::<String>::new());
    let told = warnings(&read(&[&rule.replace("product = 'a'", "ring = 0"), ALL].concat()));
    assert!(told[0].contains("line 4, column 8: a ring of 0 permille"), "{told:?}");
}

#[test]
fn a_list_of_serials_is_read_from_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let list = directory.path().join("testers.txt");
    let mut text = "\u{feff}# testers\r\n\r\n1931690851 # Ann\r\n  17\r\n".to_owned();
    (0..100_000).for_each(|serial| text += &format!("{}\n", 2_000_000_000 + serial));
    std::fs::write(&list, text).unwrap();
    let rule = "[[target]]\nname = 'testers'\nserials = ['18']\nserials_file = 'testers.txt'\n\
                stbconfig = 'x'\n";
    let reading = read_in(directory.path(), &[rule, ALL].concat());
    let targets = reading.line_up.unwrap_or_else(|| panic!("{:?}", reading.findings)).targets;
    let serials = targets[0].serials.as_deref().unwrap();
    assert_eq!(serials.len(), 100_003);
    for serial in ["1931690851", "17", "18", "2000099999"] {
        assert!(serials.contains(serial), "{serial}");
    }
    assert!(!serials.contains("19") && !serials.contains("# testers"));
}

#[test]
fn a_list_that_is_none_is_told_with_its_lines() {
    let directory = tempfile::tempdir().unwrap();
    let list = directory.path().join("l.txt");
    let rule = "[[target]]\nname = 'testers'\nserials_file = 'l.txt'\nstbconfig = 'x'\n";
    let read = || read_in(directory.path(), &[rule, ALL].concat());
    std::fs::write(&list, "1\na b\n\n\u{1}\n").unwrap();
    let errors: Vec<_> = read().errors().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].starts_with("line 4, column 16: "), "{errors:?}");
    assert!(errors[0].contains("l.txt, line 2: \"a b\" is not a serial"), "{errors:?}");
    assert!(errors[1].contains("line 4: \"\\u{1}\" is not a serial"), "{errors:?}");
    std::fs::write(&list, "a b\n".repeat(100)).unwrap();
    let errors: Vec<_> = read().errors().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 6, "{errors:?}");
    assert!(errors[5].contains("95 more lines"), "{errors:?}");
    std::fs::write(&list, "# nobody today\n").unwrap();
    assert!(read().line_up.is_some());
    assert!(warnings(&read())[0].contains("has no serial number: the rule matches no box"));
}

#[test]
fn a_list_that_an_earlier_list_holds_does_not_keep_the_line_up_off_the_air() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("l.txt"), "1\n").unwrap();
    let rules = "[[target]]\nname = 'a'\nserials = ['1', '2']\nstbconfig = 'x'\n[[target]]\n\
                 name = 'b'\nserials_file = 'l.txt'\nstbconfig = 'x'\n";
    let reading = read_in(directory.path(), &[rules, ALL].concat());
    assert!(reading.line_up.is_some());
    assert!(warnings(&reading)[0].contains("target `b` can never match"));
}
