use std::path::Path;

use proptest::prelude::*;

use super::option::decode;
use super::*;
use crate::lineup::{self, LineUp};

/// MAG notes §1.5: option 43 for the two groups of the vendor's documents.
const VECTOR: &str = "03 04 e0 0a 00 32 04 02 23 28 0a 04 e0 0a 00 33 0b 02 23 29";

const MAG: &str = "[[channel]]\nname = \"bootstrap\"\ncarousel = \"mag\"\ngroup = \"224.10.0.50:9000\"\n\
                   bit_rate_kbps = 4000\n[[channel.object]]\nname = \"Bootstrap\"\nsource = \"Bootstrap\"\n\
                   [[channel]]\nname = \"image\"\ncarousel = \"mag\"\ngroup = \"224.10.0.51:9001\"\n\
                   bit_rate_kbps = 8000\n[[channel.object]]\nname = \"imageupdate\"\nsource = \"imageupdate\"\n";

const KREATV: &str = "[[channel]]\nname = \"metadata\"\ncarousel = \"infocast\"\ngroup = \"239.255.2.2:22222\"\n\
                      bit_rate_kbps = 64\nslice_bytes = 1024\n[[channel.object]]\nname = \"arris-vip1113\"\n\
                      source = { kind = \"bootcast\", image = \"boot\" }\n\
                      [[channel]]\nname = \"images\"\ncarousel = \"infocast\"\ngroup = \"239.255.2.11:22222\"\n\
                      bit_rate_kbps = 6400\nslice_bytes = 1024\n[[channel.object]]\nname = \"boot\"\n\
                      source = \"boot.img\"\n";

const DUNE: &str = "[[vendor_sender]]\nname = \"dune\"\nprogram = \"/x\"\nfile = \"fw.dff\"\n\
                    group = \"239.255.60.1:5000\"\nversion = \"130221_1050_b4\"\n";

fn line_up(text: &str) -> LineUp {
    let reading = lineup::parse(text, Path::new("/"));
    reading.line_up.unwrap_or_else(|| panic!("{:?}", reading.findings))
}

fn made(text: &str, wanted: &Wanted, version: Option<u32>) -> Result<Vec<Block>, String> {
    of_image(text, wanted, version.map(|version| ("MAG200", version))).map(|it| it.blocks)
}

/// Where the image has a header with this model and version.
fn of_image(text: &str, wanted: &Wanted, says: Option<(&str, u32)>) -> Result<Blocks, String> {
    let header = says.map(|(model, version)| {
        let model = model.to_owned();
        stbcast_mag::image::Header { model, version, ..Default::default() }
    });
    blocks(&line_up(text), wanted, &|channel| header.clone().filter(|_| channel.name == "image"))
}

fn bytes(blocks: &[Block], name: &str) -> Vec<u8> {
    let block = blocks.iter().find(|it| it.name == name);
    encode(&block.unwrap_or_else(|| panic!("no block {name} in {blocks:?}")).options).unwrap()
}

fn text_of(blocks: &[Block], name: &str, code: u8) -> Option<String> {
    let all = decode(&bytes(blocks, name)).unwrap();
    let value = all.into_iter().find(|(it, _)| *it == code)?.1;
    Some(String::from_utf8(value).unwrap())
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_vector_of_the_vendors_groups_is_met_to_the_byte() {
    let blocks = made(MAG, &Wanted::default(), None).unwrap();
    let names: Vec<_> = blocks.iter().map(|block| block.name).collect();
    assert_eq!(names, ["teletec-boot"], "of an unknown version nobody is told");
    assert_eq!(hex(&bytes(&blocks, "teletec-boot"), " "), VECTOR);
    let classes = pairs(&[("infomir.boot", "InfomirMAG250boot")]);
    let infomir = Wanted { families: vec![Family::Infomir], classes, ..Wanted::default() };
    let blocks = made(MAG, &infomir, None).unwrap();
    assert_eq!(hex(&bytes(&blocks, "infomir-boot"), " "), VECTOR, "the same codes");
}

#[test]
fn the_running_system_is_told_the_version_of_the_header_and_where_both_are() {
    let wanted = Wanted { mag_log: Some("10.0.0.1:9005".parse().unwrap()), ..Wanted::default() };
    let blocks = made(MAG, &wanted, Some(219)).unwrap();
    let of = |code| text_of(&blocks, "teletec-run", code).unwrap();
    assert_eq!((of(24), of(26)), ("igmp://224.10.0.51:9001".into(), "219".into()));
    assert_eq!(of(27), "igmp://224.10.0.50:9000");
    let boot = hex(&bytes(&blocks, "teletec-boot"), " ");
    assert_eq!(boot, format!("{VECTOR} 0e 04 0a 00 00 01 0f 02 23 2d"), "ip_log, port_log");
}

#[test]
fn boxes_are_not_told_of_an_image_of_another_model() {
    let classes = pairs(&[("infomir.boot", "InfomirMAG254boot"), ("infomir.run", "InfomirMAG254")]);
    let wanted = Wanted { classes, ..Wanted::default() };
    for (model, told) in
        [("MAG200", ["teletec-boot", "teletec-run"]), ("MAG254", ["infomir-boot", "infomir-run"])]
    {
        let all = of_image(MAG, &wanted, Some((model, 219))).unwrap();
        let names: Vec<_> = all.blocks.iter().map(|block| block.name).collect();
        assert_eq!(names, told, "{model}");
        let [note] = &all.notes[..] else { panic!("{:?}", all.notes) };
        assert!(note.contains(&format!("channel `image` is for {model}")), "{note}");
    }
    let teletec = Wanted { families: vec![Family::Teletec], ..Wanted::default() };
    let refused = of_image(MAG, &teletec, Some(("MAG254", 219))).unwrap_err();
    assert!(refused.contains("is for MAG254, and these boxes are MAG200"), "{refused}");
    let nobody = of_image(MAG, &Wanted::default(), Some(("MAG254", 219))).unwrap_err();
    assert!(nobody.contains("these boxes are MAG200") && nobody.contains("are not public"));
    // Where the file is not there yet, by what the line-up says.
    let said = MAG.replace("8000\n", "8000\n[channel.mag]\nmodel = \"MAG254\"\n");
    assert!(of_image(&said, &teletec, None).is_err());
}

#[test]
fn boxes_of_kreatv_are_told_the_metadata_channel_and_the_http_server() {
    let wanted = Wanted { http: Some("192.0.2.10:80".parse().unwrap()), ..Wanted::default() };
    let blocks = made(KREATV, &wanted, None).unwrap();
    let mut wanted = b"\x0a\x11239.255.2.2:22222\x3c\x0a192.0.2.10".to_vec();
    wanted.extend([61, 2, 0, 80]);
    assert_eq!(bytes(&blocks, "kreatv"), wanted);
}

#[test]
fn boxes_of_dune_are_told_version_and_url_of_the_vendors_sender() {
    let blocks = made(&format!("{MAG}{DUNE}"), &Wanted::default(), None).unwrap();
    assert_eq!(bytes(&blocks, "dune"), b"\x02\x0e130221_1050_b4\x03\x18igmp://239.255.60.1:5000");
    let without = DUNE.replace("version = \"130221_1050_b4\"\n", "");
    let wanted = Wanted { families: vec![Family::Dune], ..Wanted::default() };
    let refused = made(&format!("{MAG}{without}"), &wanted, None).unwrap_err();
    assert!(refused.contains("has no `version`"), "{refused}");
}

#[test]
fn without_a_version_of_a_sender_boxes_of_dune_are_told_what_upgrade_checkers_are() {
    let sender = DUNE.replace("version = \"130221_1050_b4\"\n", "");
    let lists = "[[dune]]\nproduct = \"tv102\"\nchecker = \"130301_0000_b5\"\n\
                 [[dune.firmware]]\nversion = \"130301_0000_b5\"\nurl = \"http://192.0.2.9/fw.dff.gz\"\n";
    let blocks = made(&format!("{MAG}{sender}{lists}"), &Wanted::default(), None).unwrap();
    assert_eq!(bytes(&blocks, "dune"), b"\x02\x0e130301_0000_b5\x03\x1ahttp://192.0.2.9/fw.dff.gz");
}

#[test]
fn values_that_are_said_go_before_those_of_the_line_up() {
    let values = pairs(&[
        ("teletec.portal_dhcp", "http://portal/"),
        ("teletec.mcport", "9100"),
        ("teletec.logo_x", "80"),
        ("teletec.bg_color", "0x00ff8000"),
    ]);
    let blocks = made(MAG, &Wanted { values, ..Wanted::default() }, None).unwrap();
    let boot =
        "03 04 e0 0a 00 32 04 02 23 8c 0a 04 e0 0a 00 33 0b 02 23 29 10 02 00 50 12 04 00 ff 80 00";
    assert_eq!(hex(&bytes(&blocks, "teletec-boot"), " "), boot);
    assert_eq!(text_of(&blocks, "teletec-run", 22).unwrap(), "http://portal/");
}

#[track_caller]
fn refused(text: &str, wanted: &Wanted, why: &str) {
    let error = made(text, wanted, Some(219)).unwrap_err();
    assert!(error.contains(why), "{error}");
}

#[test]
fn what_cannot_be_told_is_refused_by_name() {
    let with =
        |key: &str, value: &str| Wanted { values: pairs(&[(key, value)]), ..Wanted::default() };
    refused(
        MAG,
        &with("teletec.mcpot", "1"),
        "no sub-option `mcpot` of teletec; did you mean `mcport`?",
    );
    refused(MAG, &with("tele.mcport", "1"), "write FAMILY.NAME=VALUE");
    refused(
        MAG,
        &with("teletec.mcport", "65536"),
        "teletec.mcport: `65536` is no number from 0 to 65535",
    );
    refused(MAG, &with("teletec.portal_dhcp", &"x".repeat(256)), "256 bytes");
    refused(MAG, &with("teletec.portal_dhcp", "a\nb"), "printable");
    refused(MAG, &with("teletec.portal_dhcp", &"x".repeat(250)), "at most 255 fit into option 43");
    let class =
        |text: &str| Wanted { classes: pairs(&[("teletec.boot", text)]), ..Wanted::default() };
    refused(MAG, &class("a\"b"), "without spaces");
    refused(MAG, &class("*"), "legal are 1 to 100");
    let family = |family| Wanted { families: vec![family], ..Wanted::default() };
    let infomir = made(MAG, &family(Family::Infomir), None).unwrap_err();
    assert!(infomir.contains("are not public"), "{infomir}");
    refused(MAG, &family(Family::Kreatv), "nothing that boxes of kreatv are told");
    let ipv6 = MAG.replace("\"224.10.0.51:9001\"", "\"[ff15::1]:9001\"\nslice_bytes = 1400");
    refused(&ipv6, &Wanted::default(), "no room for it");
    let second = MAG.replace("\"image\"", "\"other\"").replace("\"bootstrap\"", "\"b2\"");
    let two = format!("{MAG}{}", second.replace("224.10.0", "224.10.1"));
    refused(&two, &Wanted::default(), "both have the role bootstrap");
    refused(MAG, &Wanted { channels: vec!["x".into()], ..Wanted::default() }, "no channel");
    let one = Wanted { channels: vec!["other".into(), "b2".into()], ..Wanted::default() };
    let blocks = made(&two, &one, None).unwrap();
    assert_eq!(hex(&bytes(&blocks, "teletec-boot"), " "), VECTOR.replace("e0 0a 00", "e0 0a 01"));
}

#[test]
fn a_longer_class_of_dnsmasq_is_not_told_what_a_shorter_one_is() {
    let blocks = made(MAG, &Wanted::default(), Some(219)).unwrap();
    let text = print(Server::Dnsmasq, &blocks);
    let line = "dhcp-option-force=tag:stbcast-teletec-run-1,tag:!stbcast-teletec-boot-1,tag:!stbcast-teletec-boot-2,43,18:17:";
    assert!(text.contains(line), "{text}");
    let bytes = VECTOR.replace(' ', ":");
    assert!(text.contains(&format!("tag:stbcast-teletec-boot-1,43,{bytes}\n")), "{text}");
    assert!(text.contains("#   26 update_ver = 219\n"), "{text}");
    assert!(text.lines().all(|line| line.len() < 1_000), "dnsmasq cuts longer lines");
}

#[test]
fn a_name_of_the_line_up_ends_no_comment() {
    let odd = MAG.replace("\"image\"", "\"image\\n}\\nauthoritative;\"");
    for server in [Server::Isc, Server::Kea, Server::Dnsmasq] {
        let text = print(server, &made(&odd, &Wanted::default(), None).unwrap());
        assert!(text.contains("# mcip_img is channel image } authoritative;\n"), "{text}");
    }
}

proptest! {
    #[test]
    fn what_is_encoded_is_read_again(numbers in proptest::collection::vec((any::<u16>(), "[ -~]{1,20}"), 0..5)) {
        let [port, text] = ["mcport", "update_url"].map(|it| Family::Infomir.definition(it).unwrap());
        let options: Vec<_> = numbers.iter().flat_map(|(number, word)| [
            SubOption { definition: port, value: Value::U16(*number) },
            SubOption { definition: text, value: Value::text(word).unwrap() },
        ]).collect();
        let wanted: Vec<_> = options.iter().map(|it| (it.definition.code, it.value.bytes())).collect();
        prop_assert_eq!(decode(&encode(&options).unwrap()), Some(wanted));
    }
}
