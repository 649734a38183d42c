use crate::announced::Numbers;
use crate::contents::{Contents, objects};
use crate::killed::Killed;
use crate::lineup::{self, Finding, LineUp};
use crate::plan::plan;
use crate::programme::{Payload, Programme, Stock};
use crate::roster::Roster;
use crate::spool::{Digest, Spool};

const LINE_UP: &str = r#"
[[channel]]
name = "metadata"
carousel = "infocast"
group = "239.255.2.2:22222"
bit_rate_kbps = 64
slice_bytes = 1024

[[channel.object]]
name = "vip"
source = { kind = "stbconfig", stbconfig = "vip" }

[[channel]]
name = "images"
carousel = "infocast"
group = "239.255.2.11:22222"
bit_rate_kbps = 1000
slice_bytes = 1024

[[channel.object]]
name = "boot"
source = "boot.img"

[[channel.object]]
name = "splash"
source = "splash.bmp"
version = "s1"

[[stbconfig]]
name = "vip"
image = "boot"
splash = "splash"
permanent = { BootOrder = "613" }

[[stbconfig]]
name = "file"
file = "vip.xml"
"#;

const FILE: &str = "<StbConfig><BootParams>\
                    <KernelUrl>infocast://239.255.2.11:22222/boot</KernelUrl>\
                    <SplashUrl>local://</SplashUrl></BootParams></StbConfig>";

struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        site.file("boot.img", "boot");
        site.file("splash.bmp", "splash");
        site.file("vip.xml", FILE);
        site
    }

    fn file(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    #[track_caller]
    fn line_up(&self, text: &str) -> LineUp {
        let reading = lineup::parse(text, self.0.path());
        reading.line_up.unwrap_or_else(|| panic!("refused: {:?}", reading.findings))
    }

    fn load(&self, text: &str) -> Result<Programme, Vec<Finding>> {
        let mut spool = Spool::open(&self.0.path().join("spool"), u64::MAX).unwrap();
        let line_up = self.line_up(text);
        let stock = Stock::load(&line_up, &mut spool, &mut Numbers::default())?;
        stock.programme(&Roster::all(&line_up), &Killed::default())
    }

    fn told(&self, text: &str) -> Vec<(bool, String)> {
        let mut findings = Vec::new();
        Contents::survey(&self.line_up(text), &mut findings);
        let root = format!("{}/", self.0.path().display());
        let told = findings.iter();
        told.map(|it| (it.is_error(), it.to_string().replace(&root, ""))).collect()
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_written_one_names_the_objects_with_their_versions_and_is_sent_as_boxes_are_answered() {
    let programme = Site::new().load(LINE_UP).unwrap();
    let vip = &programme.stbconfigs["vip"];
    let digest = Digest::of(b"boot").hex();
    for part in [
        "<KernelUrl>infocast://239.255.2.11:22222/boot</KernelUrl>",
        &format!("<KernelVersion>{}</KernelVersion>", &digest[..16]),
        "<SplashUrl>infocast://239.255.2.11:22222/splash</SplashUrl>",
        "<SplashVersion>s1</SplashVersion>",
        "<BootOrder>613</BootOrder>",
    ] {
        assert!(text(vip).contains(part), "{part} is not in {}", text(vip));
    }
    let metadata = &programme.channels[0];
    assert!(matches!(&metadata.payloads[0], Payload::Text(bytes) if bytes == vip));
    assert_eq!(metadata.digests[0], Some(Digest::of(vip)));
    assert!(metadata.has_control());
    assert_eq!(metadata.files[0].announced.kind.as_ref().unwrap().as_str(), "stbconfig");
    let images = &programme.channels[1].files;
    let kinds = images.iter().map(|file| file.announced.kind.as_ref().unwrap().as_str());
    assert_eq!(kinds.collect::<Vec<_>>(), ["image", "splash"]);
}

#[test]
fn a_new_image_is_a_new_version_and_so_another_document() {
    let site = Site::new();
    let text = |programme: Programme| programme.stbconfigs["vip"].clone();
    let first = text(site.load(LINE_UP).unwrap());
    assert_eq!(text(site.load(LINE_UP).unwrap()), first);
    site.file("boot.img", "boot two");
    assert_ne!(text(site.load(LINE_UP).unwrap()), first);
}

#[test]
fn a_file_is_sent_byte_for_byte_and_planned_with_its_length() {
    let site = Site::new();
    let text = LINE_UP.replace("stbconfig = \"vip\" }", "stbconfig = \"file\" }");
    let programme = site.load(&text).unwrap();
    assert_eq!(&programme.stbconfigs["file"][..], FILE.as_bytes());
    assert_eq!(programme.channels[0].payloads[0].bytes(), FILE.as_bytes());
    let line_up = site.line_up(&text);
    let plan = plan(&line_up, Vec::new());
    let object = &plan.channels[0].objects[0];
    assert_eq!((object.bytes, object.object_type.as_str()), (FILE.len() as u64, "bootcastinfo"));
    assert_eq!(object.source, "stbconfig file");
    assert_eq!(plan.channels[1].objects[0].object_type, "bootcastfile");
}

#[test]
fn the_plan_knows_the_length_of_a_written_one_before_its_images_are_read() {
    let site = Site::new();
    let line_up = site.line_up(LINE_UP);
    let contents = Contents::survey(&line_up, &mut Vec::new());
    let (_, _, id) = objects(&line_up).next().unwrap();
    let programme = site.load(LINE_UP).unwrap();
    assert_eq!(contents.length(id), programme.stbconfigs["vip"].len() as u64);
}

#[test]
fn a_file_that_boxes_refuse_keeps_the_line_up_off_the_air_and_a_slip_does_not() {
    let site = Site::new();
    assert_eq!(site.told(LINE_UP), []);
    site.file("vip.xml", &FILE.replace("local://", "ftp://a/b"));
    let told = site.told(LINE_UP);
    let begin = "stbconfig `file`: vip.xml: line 1, column 81: `SplashUrl` \"ftp://a/b\": ";
    assert!(matches!(&told[..], [(true, it)] if it.starts_with(begin)), "{told:?}");
    assert!(site.load(LINE_UP).is_err());
    site.file(
        "vip.xml",
        &FILE.replace("<SplashUrl>local://</SplashUrl>", "<ThemeUrl>x</ThemeUrl>"),
    );
    let told = site.told(LINE_UP);
    assert!(matches!(&told[..], [(false, _), (false, _)]), "{told:?}");
    assert!(told[1].1.contains("`ThemeUrl` is no element of `BootParams`"));
    site.load(LINE_UP).unwrap();
    std::fs::remove_file(site.0.path().join("vip.xml")).unwrap();
    let told = site.told(LINE_UP);
    let begin = "stbconfig `file`: cannot read vip.xml: ";
    assert!(matches!(&told[..], [(true, it)] if it.starts_with(begin)), "{told:?}");
}

#[test]
fn an_image_that_is_not_on_air_and_a_missing_splash_are_warned_about() {
    let site = Site::new();
    site.file("vip.xml", &FILE.replace("/boot<", "/bot<"));
    let told = site.told(LINE_UP);
    let warning = "stbconfig `file`: vip.xml names the kernel `bot` on 239.255.2.11:22222, which is \
                   not in this line-up";
    assert_eq!(told, [(false, warning.to_owned())]);
    let black = LINE_UP.replace("splash = \"splash\"\n", "").replace("vip.xml", "black.xml");
    site.file("black.xml", FILE);
    let told = site.told(&black);
    assert!(matches!(&told[..], [(false, it)] if it.contains("`vip`: no `SplashUrl`")), "{told:?}");
}

#[test]
fn a_control_object_that_is_xml_is_held_against_what_boxes_can_use() {
    let site = Site::new();
    let source = "{ kind = \"stbconfig\", stbconfig = \"vip\" }";
    let control = LINE_UP.replace(source, "\"own.xml\"\ntype = \"bootcastinfo\"");
    site.file("own.xml", &["\u{feff}\n", FILE].concat());
    assert_eq!(site.told(&control), []);
    let programme = site.load(&control).unwrap();
    let kind = programme.channels[0].files[0].announced.kind.as_ref();
    assert_eq!(kind.unwrap().as_str(), "stbconfig");
    site.file("own.xml", &FILE.replace("</StbConfig>", "</StbConfg>"));
    let told = site.told(&control);
    assert!(matches!(&told[..], [(false, _)]), "only a warning: {told:?}");
    assert!(told[0].1.starts_with("object `vip`: line 1, column "), "{told:?}");
    let long =
        |bytes: usize| FILE.replace("</StbConfig>", &[&" ".repeat(bytes), "</StbConfig>"].concat());
    site.file("own.xml", &long(20_000));
    assert_eq!(site.told(&control), [], "longer than a bootcast information may be");
    site.file("own.xml", &long(70_000));
    let told = site.told(&control);
    assert!(matches!(&told[..], [(true, it)] if it.contains("too many for a control object")));
}
