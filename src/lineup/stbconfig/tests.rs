use std::path::Path;

use super::*;
use crate::lineup::{LineUp, Reading, parse};

/// A line: two channels for images, one of them FLUTE.
const BEFORE: &str = r#"channel = [{ name = "metadata", carousel = "infocast", group = "239.255.2.2:22222", bit_rate_kbps = 64, slice_bytes = 1024, object = [{ name = "time", source = { kind = "time" } }, { name = "cfg", source = { kind = "stbconfig", stbconfig = "vip" } }] }, { name = "images", carousel = "infocast", group = "239.255.2.11:22222", bit_rate_kbps = 64, slice_bytes = 1024, object = [{ name = "boot", source = "boot.img" }, { name = "splash", source = "splash.bmp", version = "s1" }, { name = "a#b", source = "x" }] }, { name = "flute", carousel = "flute", group = "239.255.2.12:22222", bit_rate_kbps = 64, slice_bytes = 1024, object = [{ name = "theme", source = "x" }] }]
"#;

const VIP: &str = r#"[[stbconfig]]
name = "vip"
image = "boot"
splash = "splash"
diagnostic = { url = "http://www.example.com/diag", version = "d1" }
permanent = { BootOrder = "613", HttpTimeout = 10 }
"#;

fn read(text: &str) -> Reading {
    parse(&[BEFORE, text].concat(), Path::new("/line-ups"))
}

#[track_caller]
fn line_up(text: &str) -> LineUp {
    let reading = read(text);
    reading.line_up.unwrap_or_else(|| panic!("refused: {:?}", reading.findings))
}

/// The one error of a text that is wrong in one place.
#[track_caller]
fn error(text: &str) -> String {
    let errors: Vec<_> = read(text).errors().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.concat()
}

const fn object(object: usize) -> Image {
    Image::Object(ObjectId { channel: 1, object })
}

#[test]
fn every_key_of_a_stbconfig_is_understood() {
    let line_up = line_up(VIP);
    let vip = line_up.stbconfig("vip").unwrap();
    let StbConfigContent::Written(written) = &vip.content else { panic!("written") };
    assert_eq!(written.generation, Generation::New);
    assert_eq!((&written.image, &written.splash), (&object(0), &Some(object(1))));
    let url = "http://www.example.com/diag".parse().unwrap();
    assert_eq!(written.diagnostic, Some(Image::Url { url, version: Some("d1".into()) }));
    let set: Vec<_> = written.permanent.iter().map(|(it, value)| (it.name, value)).collect();
    assert_eq!(set, [("BootOrder", "613"), ("HttpTimeout", "10")]);
    assert_eq!(line_up.channels[0].objects[1].source, Source::StbConfig("vip".into()));
    assert!(line_up.channels[0].objects[1].is_control());
    assert!(line_up.stbconfig("vip2").is_none());
}

#[test]
fn a_file_is_relative_to_the_line_up() {
    let line_up =
        line_up("[[stbconfig]]\nname = \"vip\"\nfile = \"a/vip.xml\"\ngeneration = \"old\"");
    let path = "/line-ups/a/vip.xml".into();
    let content = StbConfigContent::File { path, generation: Some(Generation::Old) };
    assert_eq!(line_up.stbconfigs, [StbConfig { name: "vip".into(), content }]);
}

#[test]
fn an_infocast_url_of_this_line_up_is_the_object_and_another_one_is_warned_about() {
    let url = |text: &str| VIP.replace("\"boot\"", &format!("\"infocast://239.255.2.11/{text}\""));
    let ours = line_up(&url("boot"));
    assert_eq!(ours.stbconfigs[0].parts()[0], Some(ObjectId { channel: 1, object: 0 }));
    let reading = read(&url("other"));
    let warnings: Vec<_> = reading.warnings().map(ToString::to_string).collect();
    let warning = "line 4, column 9: infocast://239.255.2.11:22222/other is not in this line-up";
    assert_eq!(warnings, [warning]);
    assert_eq!(reading.line_up.unwrap().stbconfigs[0].parts()[0], None);
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_what_is_legal() {
    let table = [
        ("image = \"boot\"", "image = \"bot\"", "line 4, column 9: no object `bot`", "`boot`?"),
        ("\"boot\"", "\"theme\"", "cannot name the object `theme`", "FLUTE"),
        ("\"boot\"", "\"time\"", "cannot name the object `time`", "it is no file"),
        ("\"boot\"", "\"a#b\"", "cannot name the object `a#b`", "fragments"),
        ("\"boot\"", "\"https://a/b\"", "`https://a/b` is none of infocast://", "http://SERVER"),
        ("version = \"d1\"", "version = \"d 1\"", "version \"d 1\" is not a version", ""),
        ("version = \"d1\"", "versio = \"d1\"", "unknown key `versio`", "did you mean `version`"),
        ("splash =", "splsh =", "unknown key `splsh`", "did you mean `splash`"),
        ("BootOrder", "BootOder", "line 7, column 15: `BootOder` is no perm", "`BootOrder`?"),
        ("\"613\"", "\"615\"", "line 7, column 27: `BootOrder` \"615\": legal is 1 to 16", ""),
        ("= 10", "= 0", "`HttpTimeout` \"0\": legal is a whole number from 1 to 255", ""),
        ("image = \"boot\"\n", "", "stbconfig `vip` needs `image`", "`file`"),
        ("image = ", "generation = \"nw\"\nimage = ", "`nw` is unknown", "old, new"),
        ("\"vip\"", "\"vap\"", "no stbconfig `vip` in this line-up", "did you mean `vap`?"),
        ("\"vip\"", "\"\"", "cannot name a stbconfig", "1 to 255"),
    ];
    for (from, to, what, hint) in table {
        let text = VIP.replacen(from, to, 1);
        assert_ne!(text, VIP);
        let errors: Vec<_> = read(&text).errors().map(ToString::to_string).collect();
        let found = errors.iter().any(|error| error.contains(what) && error.contains(hint));
        assert!(found, "{errors:?} have not {what} ... {hint}");
    }
    assert!(error(&VIP.repeat(2)).contains("stbconfig `vip` stands twice"));
    let both = VIP.replace("image = \"boot\"", "file = \"a.xml\"").replace("splash =", "#");
    let errors: Vec<_> = read(&both).errors().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].contains("a `file` is sent as it is: `diagnostic` has no place beside it"));
}

#[test]
fn boxes_of_the_older_generation_need_a_splash_and_know_nothing_more() {
    let old = VIP.replace("image = ", "generation = \"old\"\nimage = ");
    let errors: Vec<_> = read(&old).errors().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "line 7, column 14: `diagnostic` has no place here: boxes of the older generation know \
             none",
            "line 8, column 13: `permanent` has no place here: boxes of the older generation know \
             none",
        ]
    );
    let bare = "[[stbconfig]]\nname = \"vip\"\ngeneration = \"old\"\nimage = \"boot\"\n";
    assert!(error(bare).contains("stbconfig `vip` needs `splash`"));
    line_up(&[bare, "splash = \"local://\"\n"].concat());
}

#[test]
fn a_source_of_that_kind_has_one_key() {
    for (wrong, what) in [
        ("{ kind = \"stbconfig\" }", "needs `stbconfig`"),
        ("{ kind = \"stbconfig\", stbconfig = \"vip\", image = \"boot\" }", "has no other key"),
        (
            "{ kind = \"bootcast\", stbconfig = \"vip\", image = \"boot\" }",
            "has no key `stbconfig`",
        ),
        ("{ kind = \"time\", stbconfig = \"vip\" }", "has no other key"),
    ] {
        let right = "{ kind = \"stbconfig\", stbconfig = \"vip\" }";
        let text = [BEFORE, VIP].concat().replace(right, wrong);
        let reading = parse(&text, Path::new("/line-ups"));
        let errors: Vec<_> = reading.errors().map(ToString::to_string).collect();
        assert!(errors.concat().contains(what), "{errors:?} have not {what}");
    }
}
