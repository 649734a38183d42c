use super::*;
use stbcast_infocast::{Algorithm, ByteOrder, Coverage};

const TOML: &str = r#"[[channel]]
name = "metadata"
carousel = "infocast"
group = "239.255.2.2:22222"
bit_rate_kbps = 64
slice_bytes = 1024

[[channel.object]]
name = "model"
source = { kind = "bootcast", image = "boot", splash = "splash" }

[[channel]]
name = "images"
carousel = "infocast"
group = "239.255.2.11:22222"
bit_rate_kbps = 1000.5
slice_bytes = 1400
ttl = 1
dscp = 46
interface = "eth1"
burst_us = 500
burst_delay_ms = 30

[[channel.object]]
name = "boot"
source = "boot.img"
type = 3
precoding = 0x4000
crc = { coverage = "header", byte_order = "little" }
delay_ms = 5
version = "4.6"

[[channel.object]]
name = "splash"
source = "../splash.bmp"
"#;

const XML: &str = include_str!("../../carousels/lineups/vendor/infocastconfig.xml");

fn read(text: &str) -> Reading {
    parse(text, Path::new("/line-ups"))
}

fn line_up(text: &str) -> LineUp {
    let reading = read(text);
    reading.line_up.unwrap_or_else(|| panic!("refused: {:?}", reading.findings))
}

/// The one error of a text that is wrong in one place.
#[track_caller]
fn error(text: &str) -> String {
    let reading = read(text);
    let errors: Vec<_> = reading.errors().map(ToString::to_string).collect();
    assert!(reading.line_up.is_none(), "taken");
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.concat()
}

#[test]
fn every_key_of_a_line_up_is_understood() {
    let line_up = line_up(TOML);
    let [metadata, images] = &line_up.channels[..] else { panic!("two channels") };
    assert_eq!((metadata.ttl, metadata.dscp, metadata.interface.as_deref()), (5, 0, None));
    assert_eq!((images.ttl, images.dscp, images.interface.as_deref()), (1, 46, Some("eth1")));
    assert_eq!(images.bit_rate_bps, 1_000_500);
    assert_eq!((metadata.burst, images.burst), (Micros(250), Micros(500)));
    assert_eq!(images.burst_delay, Micros::from_millis(30));
    let boot = &images.objects[0];
    assert_eq!(boot.object_type, Some(ObjectType(3)));
    assert_eq!(boot.precoding, Precoding::CRC32_OIS);
    let check = boot.check.unwrap();
    assert_eq!(check.algorithm, Algorithm::Crc32IsoHdlc);
    assert_eq!((check.coverage, check.order), (Coverage::Header, ByteOrder::Little));
    assert_eq!(boot.source, Source::File("/line-ups/boot.img".into()));
    assert_eq!(boot.version.as_deref(), Some("4.6"));
    let id = |object| ObjectId { channel: 1, object };
    let named: Vec<_> = metadata.objects[0].source.named().collect();
    assert_eq!(named, [id(0), id(1)]);
}

#[test]
fn unknown_keys_name_line_column_and_the_nearest_key() {
    let text = TOML.replace("slice_bytes = 1400", "slize_bytes = 1400");
    let message = error(&text);
    assert!(message.starts_with("line 17, column 1: unknown key `slize_bytes`"), "{message}");
    assert!(message.contains("did you mean `slice_bytes`?"), "{message}");
    let message = error(&TOML.replace("splash = \"splash\"", "splas = \"splash\""));
    assert!(message.contains("did you mean `splash`?"), "{message}");
    let message = error(
        &TOML.replace("[[channel.object]]\nname = \"boot\"", "[[channel.objekt]]\nname = \"boot\""),
    );
    assert!(message.contains("did you mean `object`?"), "{message}");
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_what_is_legal() {
    let table = [
        (
            "239.255.2.2:22222",
            "10.0.0.1:22222",
            "line 4, column 9: 10.0.0.1 is not a multicast group",
        ),
        ("239.255.2.2:22222", "239.255.2.2:99999", "is not a group: write ADDRESS:PORT"),
        ("slice_bytes = 1400", "slice_bytes = 1425", "slice size 1425 is not in 1 to 1424"),
        ("slice_bytes = 1400", "slice_bytes = 0", "slice size 0 is not in 1 to 1424"),
        (
            "bit_rate_kbps = 64",
            "bit_rate_kbps = 0",
            "line 5, column 17: bit rate 0 kbit/s is not in 1 to",
        ),
        ("bit_rate_kbps = 64", "bit_rate_kbps = nan", "bit rate NaN kbit/s"),
        ("ttl = 1", "ttl = 256", "ttl 256 is not in 0 to 255"),
        ("dscp = 46", "dscp = 64", "dscp 64 is not in 0 to 63"),
        ("burst_us = 500", "burst_us = 10001", "burst_us 10001 is not in 0 to 10000"),
        ("burst_delay_ms = 30", "burst_delay_ms = -1", "burst_delay_ms -1 is not in 0 to"),
        ("\"model\"", "\"a name of more than thirty bytes\"", "0x20"),
        ("\"model\"", "\"a/b\"", "0x2f"),
        ("\"model\"", "\"0123456789012345678901234567890\"", "has 31 bytes"),
        ("name = \"splash\"\n", "name = \"boot\"\n", "stands twice on this channel"),
        (
            "image = \"boot\"",
            "image = \"boat\"",
            "no object `boat` in this line-up; did you mean `boot`?",
        ),
        ("kind = \"bootcast\"", "kind = \"bootcats\"", "source kind `bootcats` is unknown"),
        ("kind = \"bootcast\", image = \"boot\"", "kind = \"bootcast\"", "needs `image`"),
        ("type = 3", "type = \"bootfile\"", "object type `bootfile`: legal are generic"),
        ("type = 3", "type = 65536", "object type `65536`"),
        ("precoding = 0x4000", "precoding = \"sha1\"", "precoding sha1 is never sent"),
        ("precoding = 0x4000", "precoding = 17", "precoding 17 is never sent"),
        ("precoding = 0x4000", "precoding = \"none\"", "`crc` has no place here"),
        ("coverage = \"header\"", "coverage = \"all\"", "crc coverage `all`: legal are payload"),
        ("coverage = \"header\"", "algorithm = \"crc16-arc\"", "is not for precoding crc32-ois"),
        ("\"little\"", "\"middle\"", "crc byte order `middle`"),
        ("version = \"4.6\"", "version = \"4 6\"", "is not a version"),
        (
            "carousel = \"infocast\"\ngroup = \"239.255.2.2",
            "carousel = \"infcast\"\ngroup = \"239.255.2.2",
            "carousel `infcast` is unknown",
        ),
        ("name = \"images\"", "name = \"metadata\"", "channel `metadata` stands twice"),
        ("bit_rate_kbps = 64\n", "", "missing field `bit_rate_kbps`"),
        ("bit_rate_kbps = 64", "bit_rate_kbps = \"64\"", "invalid type: string"),
        ("[[channel]]\nname = \"images\"", "[[channel]\nname = \"images\"", "line 12"),
    ];
    for (good, bad, expected) in table {
        assert!(TOML.contains(good), "{good} is not in the sample");
        let text = if good.starts_with("name = \"splash\"") {
            TOML.replace(good, bad)
                .replace(", splash = \"splash\"", "")
                .replace("image = \"boot\"", "image = \"model\"")
        } else {
            TOML.replacen(good, bad, 1)
        };
        let message = error(&text);
        assert!(message.contains(expected), "{bad}: {message}");
    }
}

#[test]
fn findings_about_later_channels_keep_their_line_when_an_earlier_one_is_broken() {
    let text = TOML.replace("239.255.2.2", "10.0.0.1")
        + &TOML[TOML.find("[[channel]]\nname = \"images").unwrap()..];
    let errors: Vec<_> = read(&text).errors().map(ToString::to_string).collect();
    let twice = errors.iter().find(|error| error.contains("`images` stands twice")).unwrap();
    assert!(twice.starts_with("line 37, "), "{errors:?}");
}

#[test]
fn empty_files_and_channels_are_refused() {
    assert_eq!(error(""), "the line-up has no channel");
    let start = TOML.find("[[channel.object]]").unwrap();
    let end = TOML.rfind("[[channel]]").unwrap();
    let without_object = format!("{}{}", &TOML[..start], &TOML[end..]);
    assert!(
        error(&without_object)
            .contains("line 1, column 1: channel 239.255.2.2:22222 has no object")
    );
}

#[test]
fn what_is_doubtful_is_a_warning() {
    let warnings = |text: &str| {
        let reading = read(text);
        assert!(reading.line_up.is_some(), "{:?}", reading.findings);
        reading.findings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(warnings(TOML), [""; 0]);
    let shared = warnings(&TOML.replace("239.255.2.11:22222", "239.255.2.2:22223"));
    assert!(shared[0].contains("share the group address 239.255.2.2"), "{shared:?}");
    assert!(shared[0].starts_with("line 15, column 9"), "{shared:?}");
    let local = warnings(&TOML.replace("ttl = 1", "ttl = 0"));
    assert!(local[0].contains("never leaves this machine"));
    let full = warnings(&TOML.replace("\"model\"", "\"cfg.media.audio.formatpriority\""));
    assert!(full[0].contains("fills the name field of 30 bytes"), "{full:?}");
}

#[test]
fn a_vendor_file_is_taken_unchanged() {
    let reading = read(XML);
    let line_up = reading.line_up.expect("taken");
    let [metadata, boot, _] = &line_up.channels[..] else { panic!("three channels") };
    assert_eq!(metadata.name, "239.255.2.2:22222");
    assert_eq!((metadata.bit_rate_bps, metadata.slice_bytes.get(), metadata.ttl), (16_000, 256, 5));
    assert_eq!(metadata.objects[0].object_type, Some(ObjectType::BOOTCAST_INFO));
    assert_eq!(metadata.objects[1].precoding, Precoding::CRC16);
    assert_eq!(boot.objects[0].object_type, Some(ObjectType::BOOTCAST_FILE));
    assert_eq!(boot.objects[0].source, Source::File("/line-ups/vip1113.img".into()));
    let warnings: Vec<_> = reading.findings.iter().map(ToString::to_string).collect();
    assert!(warnings[0].contains("`failover` is not yet supported"), "{warnings:?}");
    assert!(warnings[1].contains("`bit-rate` 16 is taken as 16 kbit/s of IP, 16000 bit/s"));
    assert_eq!(warnings.len(), 4, "{warnings:?}");
}

#[test]
fn the_short_form_and_either_case_of_the_root_are_taken() {
    let start = XML.find("<channel>").unwrap() + "<channel>".len();
    let end = XML.find("</channel>").unwrap();
    let short = format!("<Infocast-server>{}</Infocast-server>", &XML[start..end]);
    let line_up = line_up(&short);
    assert_eq!(line_up.channels.len(), 1);
    assert_eq!(line_up.channels[0].objects.len(), 2);
}

#[test]
fn slips_in_a_vendor_file_are_told_with_their_place() {
    let table = [
        (
            "<ip-address>239.255.2.2<",
            "<ip-address>192.0.2.1<",
            "line 12, column 7: 192.0.2.1 is not a multicast",
        ),
        (
            "<payload-size>256<",
            "<payload-size>many<",
            "`payload-size` \"many\" is not a whole number",
        ),
        ("<bit-rate>16</bit-rate>", "", "neither `bit-rate` nor `bandwidth-limit`"),
        ("<bit-rate>16<", "<bit-rate>fast<", "\"fast\" is not a number"),
        ("<source-type>file<", "<source-type>magic<", "source-type `magic` is not known"),
        ("<name>arris-vip1113</name>", "", "`object` has no `name`"),
        ("<precoding>crc16<", "<precoding>crc61<", "precoding `crc61`: legal are none"),
        ("</failover>", "</failure>", "not well-formed XML"),
        ("<infocast-server>", "<infocast-client>", "not well-formed XML"),
        ("arris-vip1113", "&bomb;", "entity `&bomb;` is not known"),
    ];
    for (good, bad, expected) in table {
        let message = error(&XML.replacen(good, bad, 1));
        assert!(message.contains(expected), "{bad}: {message}");
    }
    let elements = "<a>".repeat(30) + &"</a>".repeat(30);
    assert!(error(&elements).contains("nested deeper"));
    assert!(error("<a/>").contains("root element `a`: legal is infocast-server"));
    assert!(error("<infocast-server>").contains("ends before its root element does"));
}

#[test]
fn unknown_siblings_in_a_vendor_file_are_warned_about_and_ignored() {
    let text = XML.replacen("<precoding>none", "<colour>red</colour><precoding>none", 1);
    let reading = read(&text);
    assert!(reading.line_up.is_some());
    assert!(
        reading.findings.iter().any(|f| f.message.contains("`colour` in `object` is not known"))
    );
}

#[test]
fn a_doctype_is_skipped_and_its_entities_are_not_expanded() {
    let bomb = XML.replace(
        "<!DOCTYPE infocast-server SYSTEM \"infocastconfig.dtd\">",
        "<!DOCTYPE infocast-server [<!ENTITY a \"239\"><!ENTITY b \"&a;&a;&a;\">]>",
    );
    assert!(read(&bomb).line_up.is_some(), "a DOCTYPE alone does no harm");
    assert!(
        error(&bomb.replacen("239.255.2.2<", "&a;.255.2.2<", 1)).contains("`&a;` is not known")
    );
}

proptest::proptest! {
    #[test]
    fn any_text_in_never_panics(text in "(<|\\[\\[channel\\]\\]|&[a-z]+;|[a-z=\"<>/ \\n\\[\\]{}0-9.:-]){0,60}") {
        let _ = read(&text);
    }
}

fn with_repair(repair: &str) -> String {
    let announce = "announce = \"239.255.2.3\"\n";
    format!("{announce}{}", TOML.replace("burst_delay_ms = 30", &format!("repair = {repair}")))
}

#[test]
fn repair_and_announce_are_understood() {
    let full = "{ group = \"239.255.2.12:22222\", ratio = 0.25, fec = \"rs16-small\", keep_total = true, senders = 2, sender_index = 1 }";
    let full = line_up(&with_repair(full));
    let announce = full.announce.clone().unwrap();
    assert_eq!(announce.group.to_string(), "239.255.2.3:22223");
    assert_eq!((announce.ttl, announce.interface), (5, None), "as on the first channel");
    let repair = full.channels[1].repair.clone().unwrap();
    assert_eq!(repair.group.unwrap().to_string(), "239.255.2.12:22222");
    assert_eq!((repair.ratio, repair.choice), (0.25, stbcast_fec::Choice::Rs16Small));
    assert_eq!((repair.keep_total, repair.senders, repair.sender_index), (true, 2, 1));
    let loss = line_up(&with_repair("{ group = \"239.255.2.12:22222\", worst_loss = 0.08 }"));
    let ratio = loss.channels[1].repair.clone().unwrap().ratio;
    assert!((ratio - 0.08 / 0.92).abs() < 1e-12, "{ratio}");
    let least = line_up(&with_repair("{ group = \"239.255.2.12\" }"));
    let repair = least.channels[1].repair.clone().unwrap();
    assert_eq!((repair.ratio, repair.choice), (0.1, stbcast_fec::Choice::Auto));
}

#[test]
fn an_announce_session_can_have_an_interface_of_its_own() {
    let table = "announce = { group = \"[ff15::1]\", ttl = 3, dscp = 8, interface = \"eth2\" }\n";
    let announce = line_up(&format!("{table}{TOML}")).announce.unwrap();
    assert_eq!(announce.group.to_string(), "[ff15::1]:22223");
    assert_eq!((announce.ttl, announce.dscp, announce.interface.as_deref()), (3, 8, Some("eth2")));
    assert!(
        error(&format!("announce = {{ grup = \"1\" }}\n{TOML}")).contains("did you mean `group`?")
    );
}

#[test]
fn wrong_repair_is_refused_with_what_is_legal() {
    let group = "group = \"239.255.2.12\"";
    for (repair, says) in [
        (format!("{{ {group}, ratio = 0 }}"), "ratio 0 is not above 0 and at most 2"),
        (format!("{{ {group}, ratio = 10 }}"), "ratio 10 is not above 0 and at most 2"),
        (
            format!("{{ {group}, worst_loss = 0.6 }}"),
            "worst_loss 0.6 is not above 0 and at most 0.5",
        ),
        (format!("{{ {group}, ratio = 0.1, worst_loss = 0.1 }}"), "write one of them"),
        (format!("{{ {group}, fec = \"rs61\" }}"), "did you mean `rs16`?"),
        (
            format!("{{ {group}, senders = 2, sender_index = 2 }}"),
            "sender_index 2 is not in 0 to 1",
        ),
        (format!("{{ {group}, ration = 0.1 }}"), "did you mean `ratio`?"),
        ("{ ratio = 0.1 }".to_owned(), "`repair` needs `group`"),
        ("{ group = \"10.0.0.1\" }".to_owned(), "10.0.0.1"),
        (
            "{ group = \"239.255.2.2:5\" }".to_owned(),
            "boxes that know nothing of it would receive it",
        ),
        ("{ group = \"239.255.2.11\" }".to_owned(), "share the group address 239.255.2.11"),
    ] {
        let message = error(&with_repair(&repair));
        assert!(message.contains(says), "{repair}: {message}");
        assert!(message.starts_with("line 23"), "{message}");
    }
}

#[test]
fn repair_that_nobody_announces_is_warned_about() {
    let text = with_repair("{ group = \"239.255.2.12\" }");
    let reading = read(text.split_once('\n').unwrap().1);
    let warnings: Vec<_> = reading.warnings().map(ToString::to_string).collect();
    assert!(warnings.concat().contains("--repair 239.255.2.12:22222"), "{warnings:?}");
    assert!(read(&text).warnings().next().is_none());
}

const FLUTE: &str = r#"[[channel]]
carousel = "flute"
group = "239.255.2.21"
bit_rate_kbps = 5000
slice_bytes = 1400
repair = { ratio = 0.2 }

[[channel.object]]
name = "boot"
source = "boot.img"
"#;

#[test]
fn two_flute_sessions_never_share_group_and_port() {
    let both = |group: &str| {
        let repair = with_repair("{ group = \"239.255.2.12\" }");
        let repaired = "group = \"239.255.2.2:22222\"\nrepair = { group = \"GROUP\" }";
        let text = repair.replacen("group = \"239.255.2.2:22222\"", repaired, 1);
        text.replace("GROUP", group)
    };
    let message = error(&both("239.255.2.12:22222"));
    assert!(message.contains("share group and port 239.255.2.12:22222"), "{message}");
    let message = error(&both("239.255.2.3:22223"));
    assert!(message.contains("share group and port 239.255.2.3:22223"), "{message}");
    let warned: Vec<_> =
        read(&both("239.255.2.12:5")).warnings().map(ToString::to_string).collect();
    assert!(warned.concat().contains("receives both, whatever the port"), "{warned:?}");
    let twice =
        format!("{FLUTE}\n{}", FLUTE.replacen("[[channel]]", "[[channel]]\nname = \"b\"", 1));
    assert!(error(&twice).contains("share group and port 239.255.2.21:22222"));
}

#[test]
fn the_name_of_the_announce_session_is_taken() {
    let message =
        error(&TOML.replacen("[[channel]]", "[[channel]]\nname = \"announce\"", 1).replacen(
            "name = \"metadata\"\n",
            "",
            1,
        ));
    assert!(message.contains("is the name of the announce session"), "{message}");
}

#[test]
fn a_flute_channel_carries_its_repair_symbols_itself() {
    assert!(error(&TOML.replacen("infocast", "flut", 1)).contains("did you mean `flute`?"));
    let channel = line_up(FLUTE).channels.remove(0);
    assert_eq!(channel.protocol, Protocol::Flute);
    let repair = channel.repair.unwrap();
    assert_eq!((repair.group, repair.choice), (None, stbcast_fec::Choice::Raptorq));
    for (old, new, says) in [
        ("ratio = 0.2", "ratio = 0.2, fec = \"rs16\"", "legal on this channel are raptorq"),
        ("ratio = 0.2", "group = \"239.255.2.22\"", "carries its repair symbols itself"),
        ("ratio = 0.2", "keep_total = true", "`keep_total` has no place on a FLUTE channel"),
        ("\"boot.img\"", "\"boot.img\"\nprecoding = \"crc32\"", "precoding has no place"),
        ("\"boot.img\"", "{ kind = \"time\" }", "a source that is no file has no place"),
        ("slice_bytes = 1400", "slice_bytes = 1437", "1 to 1436"),
    ] {
        let message = error(&FLUTE.replace(old, new));
        assert!(message.contains(says), "{new}: {message}");
    }
}
