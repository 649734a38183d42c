//! MAG channels as they are sent: the vendor's datagrams and nothing else on their group.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::control::{status, tell};
use super::harness::{Site, free_group, headend, hear, join, noise, receiver, run};
use super::signing::Desk;

const PACKET_BYTES: usize = 1_456;

/// Adds a MAG channel; its group. `more` is further keys of the channel, line by line.
fn mag_channel(site: &mut Site, name: &str, kbps: u32, more: &str) -> String {
    let group = free_group();
    site.add(&format!(
        "[[channel]]\nname = \"{name}\"\ncarousel = \"mag\"\ngroup = \"{group}\"\n\
         bit_rate_kbps = {kbps}\n{more}\n"
    ));
    group
}

/// The serial number that the revision of an image has.
fn serial_of(image: &[u8]) -> [u8; 2] {
    Sha256::digest(image)[30..].try_into().unwrap()
}

/// Every datagram of a cycle as the vendor's sender writes them: description first.
fn vendors(serial: [u8; 2], description: &str, image: &[u8]) -> Vec<Vec<u8>> {
    let length = (image.len() as u32).to_be_bytes();
    let last = (image.len().div_ceil(PACKET_BYTES) as u16).wrapping_sub(1).to_be_bytes();
    let mut cycle = vec![
        [&[2, 4], &serial[..], &[1, description.len() as u8], description.as_bytes()].concat(),
    ];
    for (index, payload) in image.chunks(PACKET_BYTES).enumerate() {
        let offset = ((index * PACKET_BYTES) as u32).to_be_bytes();
        let index = (index as u16).to_be_bytes();
        cycle.push([&[1, 0x10], &serial[..], &index, &last, &offset, &length, payload].concat());
    }
    cycle
}

/// Hears datagrams until this one comes; how many came before it.
fn until(socket: &UdpSocket, wanted: &[u8]) -> usize {
    (0..10_000).find(|_| hear(socket, 1)[0] == wanted).expect("it comes within 10,000 datagrams")
}

#[test]
fn boxes_of_the_field_hear_the_vendors_datagrams_and_no_other() {
    let mut site = Site::new();
    site.announce();
    let repair = free_group();
    let keys = format!(
        "repair = {{ group = \"{repair}\", ratio = 0.2 }}\n[channel.mag]\nserial = 9\n\
                        description = \"Testing description\""
    );
    let group = mag_channel(&mut site, "mag254", 4_000, &keys);
    site.object("imageupdate", "imageupdate", "");
    let image = noise(1, 300_000);
    site.file("imageupdate", &image);
    let (ear, repairs) = (join(&group), join(&repair));
    let _headend = site.serve(&[]);
    let cycle = vendors([0, 9], "Testing description", &image);
    until(&ear, cycle.last().unwrap());
    // Two cycles of 0.6 s, so the description comes once in each.
    let heard = hear(&ear, cycle.len() * 2);
    assert_eq!(heard[..cycle.len()], cycle);
    assert_eq!(heard[cycle.len()..], cycle);
    assert!(hear(&repairs, 20).iter().all(|datagram| datagram.len() <= 1_472));
}

#[test]
fn an_empty_image_and_a_vendors_ini_are_sent_as_by_the_vendors_sender() {
    let site = Site::new();
    let (one, two) = (free_group(), free_group());
    let stream = |group: &str| {
        let (address, port) = group.split_once(':').unwrap();
        format!("MulticastIPAddress={address}\r\nMulticastUDPPort={port}\r\n")
    };
    let ini = format!(
        "[Server]\r\nMulticastTTL=0\r\nDataRate=100000\r\n[one]\r\n{}FileName=empty\r\nSerialNumber=3\r\n\
         [two]\r\n{}FileName=five\r\nSerialNumber=70000\r\nDescription=Testing description\r\n",
        stream(&one),
        stream(&two)
    );
    site.file("empty", b"");
    let five = noise(5, 5_000);
    site.file("five", &five);
    let line_up = site.file("mcsend.ini", ini.as_bytes());
    let ears = [join(&one), join(&two)];
    let _headend = site.serve_file(&line_up, &[]);
    let empty = [1, 0x10, 0, 3, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0];
    until(&ears[0], &empty);
    assert_eq!(hear(&ears[0], 2), [&b"\x02\x04\x00\x03\x01\x05empty"[..], &empty]);
    let cycle = vendors([0x11, 0x70], "Testing description", &five);
    until(&ears[1], cycle.last().unwrap());
    assert_eq!(hear(&ears[1], cycle.len()), cycle);
}

#[test]
fn a_changed_image_has_another_serial_number_from_one_cycle_to_the_next() {
    let mut site = Site::new();
    let group = mag_channel(&mut site, "mag254", 4_000, "");
    site.object("imageupdate", "imageupdate", "");
    let (old, new) = (noise(1, 100_000), noise(2, 100_000));
    site.file("imageupdate", &old);
    let ear = join(&group);
    let mut headend = site.serve(&[]);
    let cycles = [&old, &new].map(|image| vendors(serial_of(image), "imageupdate", image));
    until(&ear, cycles[0].last().unwrap());
    site.file("imageupdate", &new);
    headend.signal(rustix::process::Signal::HUP);
    until(&ear, &cycles[1][0]);
    assert_eq!(hear(&ear, cycles[1].len() - 1), cycles[1][1..]);
    headend.wait_for("line-up 2 is on air");
}

#[test]
fn a_killed_image_leaves_its_channel_and_comes_back() {
    let mut site = Site::new();
    let group = mag_channel(&mut site, "mag254", 4_000, "");
    site.object("imageupdate", "imageupdate", "");
    let image = noise(3, 100_000);
    site.file("imageupdate", &image);
    let ear = join(&group);
    let _headend = site.serve(&[]);
    hear(&ear, 10);
    let digits: String = Sha256::digest(&image)[..6].iter().map(|it| format!("{it:02x}")).collect();
    let (code, text, told) = tell(&site, &["kill", "image", &digits]);
    assert_eq!((code, told.as_str()), (0, ""), "{text}");
    assert!(text.contains("channel mag254, object imageupdate"), "{text}");
    assert_eq!(status(&site)["channels"][0]["state"], "killed");
    ear.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut buffer = [0; 2_048];
    let heard = (0..10_000).take_while(|_| ear.recv(&mut buffer).is_ok()).count();
    assert!(heard < 10_000, "it is sent for ever");
    let (code, _, told) = tell(&site, &["unkill", "image", &digits]);
    assert_eq!(code, 0, "{told}");
    ear.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    until(&ear, &vendors(serial_of(&image), "imageupdate", &image)[0]);
}

/// What `check --json` says of a MAG channel with an image of this length.
fn checked(length: u64, kbps: u32, more: &str) -> (serde_json::Value, String) {
    let mut site = Site::new();
    site.announce();
    mag_channel(&mut site, "mag254", kbps, more);
    site.object("imageupdate", "imageupdate", "");
    // A file without blocks: no disk is needed for its length.
    let file = std::fs::File::create(site.path("imageupdate")).unwrap();
    file.set_len(length).unwrap();
    let line_up = site.write();
    let json = run(headend().args(["check", "--json"]).arg(&line_up));
    let text = run(headend().arg("check").arg(&line_up));
    let text = String::from_utf8(text.stdout).unwrap();
    (serde_json::from_slice(&json.stdout).unwrap(), text)
}

#[test]
fn check_tells_cycle_repair_and_what_is_told_of_an_image() {
    let keys = "repair = { group = \"239.255.50.52:22222\", ratio = 0.05 }";
    let (plan, text) = checked(70_000_000, 8_000, keys);
    let channel = &plan["channels"][0];
    assert_eq!((&channel["carousel"], &channel["slice_bytes"]), (&"mag".into(), &1_456.into()));
    let packets = 70_000_000_u64.div_ceil(1_456);
    assert_eq!(channel["objects"][0]["slices"], packets);
    // 48,077 packets of 44 bytes of headers, and a description each second.
    let bytes = 70_000_000 + packets * 44;
    let cycle = channel["cycle_seconds"].as_f64().unwrap();
    assert!((cycle / (bytes as f64 / 1e6 + 0.1) - 1.0).abs() < 1e-3, "{cycle}");
    let descriptions = channel["mag"]["descriptions"].as_u64().unwrap();
    assert!((71..=74).contains(&descriptions), "{descriptions}");
    assert_eq!(channel["mag"]["description"], "imageupdate");
    // A slice of 1,456 bytes is two symbols: a datagram of the companion has room for one.
    assert_eq!(channel["objects"][0]["repair"]["symbol_bytes"], 728);
    assert!(text.contains("image `imageupdate`, serial number from its revision"), "{text}");
    assert!(plan["warnings"].as_array().unwrap().is_empty(), "{}", plan["warnings"]);
}

#[test]
fn an_image_whose_index_wraps_is_warned_about_and_one_too_long_refused() {
    let warnings = |length| {
        let (plan, _) = checked(length, 8_000, "");
        (plan["errors"].to_string(), plan["warnings"].to_string())
    };
    assert_eq!(warnings(95_420_416), ("[]".to_owned(), "[]".to_owned()));
    let (errors, told) = warnings(95_425_416);
    assert_eq!(errors, "[]");
    assert!(told.contains("95425416 bytes are 65540 packets"), "{told}");
    assert!(!told.contains("receivers of ours take"), "{told}");
    let (errors, told) = warnings(3_100_000_000);
    assert_eq!(errors, "[]");
    assert!(told.contains("more than the 2097152 that receivers of ours take"), "{told}");
    assert!(warnings(u64::from(u32::MAX) + 1).0.contains("too many for the 32-bit length"));
}

#[test]
fn the_header_of_an_image_says_what_is_told_of_it() {
    let mut site = Site::new();
    let group = mag_channel(&mut site, "mag254", 4_000, "");
    site.object("imageupdate", "imageupdate", "");
    let header = "STB Model:MAG254\nDate:Thu Feb 21 00:43:44 EET 2019\nImage Version:219\n\
                  Image Description:2.19.02-release\nVerUpdateAPI:2\nKernel size:463\nImage  size:363\n\
                  Start data...\n";
    site.file("imageupdate", &[header.as_bytes(), &noise(1, 463 + 363 + 263)].concat());
    let ear = join(&group);
    let _headend = site.serve(&[]);
    let described = hear(&ear, 10).into_iter().find(|it| it[0] == 2).expect("a description");
    assert_eq!(described[6..], *b"MAG254 219");
}

#[test]
fn an_announced_image_is_named_by_its_group_alone() {
    let mut site = Site::new();
    let announce = site.announce();
    let group = mag_channel(&mut site, "mag254", 4_000, "");
    site.object("imageupdate", "imageupdate", "");
    site.file("imageupdate", &noise(1, 100_000));
    let ear = join(&announce);
    let _headend = site.serve(&[]);
    let mut said = BTreeMap::new();
    for datagram in hear(&ear, 10) {
        let text = String::from_utf8_lossy(&datagram).into_owned();
        said.extend(text.split_once("<File ").map(|(_, file)| (file.to_owned(), ())));
    }
    let file = said.into_keys().find(|it| it.contains("mag://")).expect("it is described");
    assert!(file.contains(&format!("Content-Location=\"mag://{group}\"")), "{file}");
    assert!(
        file.contains("stb:Kind=\"image\"") && file.contains("stb:Slice-Bytes=\"1456\""),
        "{file}"
    );
}

#[test]
fn a_release_names_the_image_of_a_mag_channel_and_is_compared_with_it() {
    let mut desk = Desk::new();
    let repair = free_group();
    let keys = format!("repair = {{ group = \"{repair}\", ratio = 0.2 }}");
    let group = mag_channel(&mut desk.site, "mag254", 4_000, &keys);
    desk.site.object("imageupdate", "imageupdate", "");
    desk.site.file("imageupdate", &noise(4, 400_000));
    desk.site.write();
    let first =
        ["release", "build", "lineup.toml", "--root", "1.root.cose", "--key", "release.key"];
    let more =
        ["--number", "7", "--out", "7.release.cose", "--model", "MAG254", "--expires", "90d"];
    desk.fine(&[&first[..], &more, &["--image", "imageupdate"]].concat());
    let shown = desk.fine(&["release", "show", "--json", "7.release.cose"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let object = &shown["objects"][0];
    assert_eq!(object["url"], format!("mag://{group}"));
    assert_eq!((&object["length"], &object["slice_bytes"]), (&400_000.into(), &1_456.into()));
    desk.site.add("[trust]\nroots = [\"1.root.cose\"]\nreleases = [\"7.release.cose\"]\n");
    desk.site.write();
    desk.fine(&["check", "lineup.toml"]);
    desk.site.file("imageupdate", &noise(5, 400_000));
    let (code, _, told) = desk.run(&["check", "lineup.toml"]);
    assert!(code == 1 && told.contains("SHA-256"), "{told}");
}

#[test]
fn a_box_completes_an_announced_image_from_its_url_alone() {
    let mut site = Site::new();
    let announce = site.announce();
    let repair = free_group();
    let keys = format!("repair = {{ group = \"{repair}\", ratio = 0.2 }}");
    let group = mag_channel(&mut site, "mag254", 8_000, &keys);
    site.object("imageupdate", "imageupdate", "");
    let image = noise(6, 700_000);
    site.file("imageupdate", &image);
    let _headend = site.serve(&[]);
    let output = run(receiver()
        .args(["fetch", &format!("mag://{group}"), "--announce", &announce])
        .args(["--interface", "127.0.0.1", "--output"])
        .arg(site.path("out")));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(std::fs::read(site.path("out")).unwrap() == image);
}
