use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

/// The samples of the vendor's page.
const V1: &str = "\
120202_1544_beta http://files3.dune-hd.com/firmware/hdtv_101/dune_firmware_hdtv_101_120202_1544_beta.dff.gz non-stable 166
111122_0159_beta http://files3.dune-hd.com/firmware/hdtv_101/dune_firmware_hdtv_101_111122_0159_beta.dff.gz non-stable 166
110923_1710 http://files3.dune-hd.com/firmware/hdtv_101/dune_firmware_hdtv_101_110923_1710.dff.gz stable 166
";

const V2: &str = "\
130222_1831_b5 http://files3.dune-hd.com/firmware/tv102/dune_firmware_tv102_130222_1831_b5.dff.gz stable 177
130221_1050_b4 - stable 139
";

const CHECKER: &str = "130101_0101 http://download.customer.com/dunehd/dune_firmware_customer__hdtv_101_130101_0101.dff.gz\n";

const PROPERTIES: &str = "\
check_methods = dhcp url
url_prefix = http://customer.com/upgrade/
osd_width = 1280
osd_height = 720
left = 80
top = 40
alignment = center
font_path = /config/custom_font.ttf
line_height = 42
font_height = 40
foreground_color = 0xffffff
background_color = 0x000000
waiting_for_ip.lines = 5
waiting_for_ip.line.0 = Waiting for IP address...
waiting_for_ip.line.1 = Product id: ${product_id}
waiting_for_ip.line.2 = MAC address: ${mac_address}
waiting_for_ip.line.3 = Firmware version: ${firmware_version}
waiting_for_ip.line.4 = IP address: ${ip_address}
waiting_for_ip_error.lines = 1
waiting_for_ip_error.line.0 = Network connection problem. Waiting for IP address...
get_fw_info.lines = 1
get_fw_info.line.0 = Checking firmware version...
";

#[test]
fn the_samples_of_the_vendor_are_read_and_written_the_same() {
    for (text, variant) in [(V1, Variant::V1), (V2, Variant::V2)] {
        assert_eq!(FirmwareList::lint(text, variant).findings, []);
        let list = FirmwareList::parse(text, variant).unwrap();
        assert_eq!(list.to_string(), text);
    }
    let file = CheckerFile::parse(CHECKER).unwrap();
    assert_eq!((file.problems(), file.version.as_str()), (Vec::new(), "130101_0101"));
    assert_eq!(file.to_string(), CHECKER);
    assert_eq!(Properties::lint(PROPERTIES).findings, []);
    let properties = Properties::parse(PROPERTIES).unwrap();
    assert_eq!(properties.to_string(), PROPERTIES);
    assert_eq!(properties.methods(), [Method::Dhcp, Method::Url]);
    let asked = properties.asked("customer__hdtv_101").unwrap();
    assert_eq!(asked, "http://customer.com/upgrade/customer__hdtv_101");
    assert_eq!(Variant::V2.file_name("customer__tv102"), "v2_customer__tv102.txt");
}

fn told(text: &str, variant: Variant) -> Vec<String> {
    FirmwareList::lint(text, variant).findings.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_wrong_with_a_list_is_told_with_its_line() {
    let v1 = told(V2, Variant::V1);
    assert_eq!(v1.len(), 1);
    assert!(v1[0].starts_with("line 2, column 1: `-` instead of a URL is known to boxes of v2"));
    let with = |from: &str, to: &str| told(&V2.replacen(from, to, 1), Variant::V2).join("\n");
    assert!(with(" 177", "").starts_with("line 1, column 1: 3 columns: legal are four"));
    assert!(with("stable 139", "beta 139").contains("\"beta\" is neither stable nor non-stable"));
    assert!(with("177", "big").contains("size \"big\" is no number"));
    assert!(with("http://", "https://").contains("url \"https://"));
    assert!(with(".dff.gz", ".dff").contains("over HTTP boxes take a `.dff.gz`"));
    assert!(
        with("130221_1050_b4", "130222_1831_b5")
            .contains("line 2, column 1: version 130222_1831_b5 stands on line 1, too")
    );
    assert!(with("130221_1050_b4", "130223_1050_b4").contains("looks newer than the one above it"));
    assert_eq!(
        told("130221_1050_b4 - stable 139\n", Variant::V2),
        ["line 1, column 1: no firmware has a URL: no box is offered any"]
    );
    for url in ["igmp://239.255.1.1:5000", "udp://@239.255.1.1:5000"] {
        let line = format!("130221_1050_b4 {url} stable 0\n");
        assert_eq!(told(&line, Variant::V1), [""; 0]);
        assert!(is_multicast(url));
    }
    assert!(told("a igmp://192.0.2.1:5000 stable 0", Variant::V1)[0].contains("legal are http"));
    assert!(told(&"a - stable 0\n".repeat(2_000), Variant::V2)[0].contains("more than 1024"));
}

#[test]
fn a_version_that_was_listed_before_must_not_go() {
    let before = FirmwareList::parse(V2, Variant::V2).unwrap();
    let now = V2.lines().next().unwrap();
    let lint = FirmwareList::lint(now, Variant::V2).against(&before);
    assert!(!lint.is_fit());
    let told = lint.findings[0].to_string();
    assert!(told.contains("version 130221_1050_b4 was listed before: boxes that run it"), "{told}");
    assert!(FirmwareList::lint(V2, Variant::V2).against(&before).is_fit());
}

#[test]
fn what_is_wrong_with_properties_is_told() {
    let with = |from: &str, to: &str| {
        let lint = Properties::lint(&PROPERTIES.replacen(from, to, 1));
        let told: Vec<_> = lint.findings.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 1, "{told:?}");
        told[0].clone()
    };
    assert!(with("check_methods = dhcp url\n", "").contains("`check_methods` is missing"));
    assert!(
        with("url_prefix = http://customer.com/upgrade/\n", "").contains("method `url` needs it")
    );
    assert!(with("dhcp url", "dhcp tftp").contains("legal are dhcp, url"));
    assert!(
        with("upgrade/\n", "upgrade\n")
            .ends_with("boxes ask for http://customer.com/upgradePRODUCT")
    );
    assert!(with("= 1280", "= wide").contains("line 3, column 1: `osd_width` is \"wide\""));
    assert!(with("0xffffff", "white").contains("legal are a colour as 0xffffff"));
    assert!(with("= center", "= right").contains("legal are center and left"));
    assert!(with("line_height", "lineheight").contains("`lineheight` is unknown"));
    assert!(
        with("get_fw_info.lines = 1", "get_fw_info.lines = 2")
            .contains("`get_fw_info.line.1` is missing")
    );
    assert!(with("waiting_for_ip.lines = 5", "waiting_for_ip.lines = 4").contains("is not shown"));
    assert!(with("${ip_address}", "${ip}").contains("`${ip}` is unknown"));
    assert!(with("left = 80", "left 80").contains("not NAME = VALUE"));
    assert!(with("left = 80\n", "left = 80\nleft = 81\n").contains("`left` stands twice"));
    assert!(Properties::lint("# a note\n\ncheck_methods = dhcp\n").is_fit());
}

#[test]
fn a_checkers_file_is_one_line() {
    assert!(CheckerFile::parse("").unwrap_err().to_string().contains("0 lines"));
    assert!(CheckerFile::parse("a b\nc d\n").unwrap_err().to_string().contains("2 lines"));
    assert!(
        CheckerFile::parse("a\n").unwrap_err().to_string().contains("1 columns: legal are two")
    );
    assert!(CheckerFile::parse("\n a igmp://239.255.1.1:5000 \r\n").is_ok());
}

/// The cells of each row of a table.
fn rows(table: &str) -> Vec<Vec<&str>> {
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(2);
    rows.map(|row| row.split('|').map(str::trim).collect()).collect()
}

#[test]
fn the_native_ui_suggests_what_the_table_says() {
    let rows = rows(include_str!("native_ui.md"));
    assert!(rows.len() > 12);
    for row in rows {
        let [_, list, runs, betas, wanted, ..] = row[..] else { panic!("{row:?}") };
        let firmwares = list.split("; ").filter(|it| *it != "-").map(|it| {
            let words: Vec<_> = it.split(' ').collect();
            let url = (words.len() == 2).then(|| "http://192.0.2.1/x.dff.gz".to_owned());
            let (version, stable) = (words[0].to_owned(), words[1] == "stable");
            Firmware { version, url, stable, size: "0".to_owned() }
        });
        let list = FirmwareList { firmwares: firmwares.collect() };
        let got = match native_ui(&list, runs, betas == "yes") {
            NativeUi::NotListed => "not listed",
            NativeUi::NothingNewer { .. } => "nothing",
            NativeUi::Suggests { firmware, .. } => &firmware.version,
        };
        assert_eq!(got, wanted, "{row:?}");
    }
}

#[test]
fn the_checkers_do_what_the_table_says() {
    let rows = rows(include_str!("checker.md"));
    assert!(rows.len() > 13);
    for row in rows {
        let [_, kind, methods, address, runs, dhcp, url, wanted, ..] = row[..] else {
            panic!("{row:?}")
        };
        let address = if address == "late" { Address::Late } else { Address::InTime };
        let properties = Properties::parse(&format!("check_methods = {methods}\n")).unwrap();
        let checker = match kind {
            "bootstrap" => Checker::bootstrap(address),
            _ => Checker { kind: CheckerKind::Upgrade, methods: properties.methods(), address },
        };
        let file = |version: &str| {
            let file = CheckerFile { version: version.to_owned(), url: "igmp://".to_owned() };
            (version != "-").then_some(file)
        };
        let found = Found { dhcp: file(dhcp), url: file(url) };
        let got = match checker.decide(runs, &found) {
            CheckerDecision::NoMethod => "no method".to_owned(),
            CheckerDecision::Waits => "waits".to_owned(),
            CheckerDecision::BootsWithoutAddress => "boots without address".to_owned(),
            CheckerDecision::NothingFound => "nothing found".to_owned(),
            CheckerDecision::Same(by) => format!("same by {}", by.0.word()),
            CheckerDecision::Installs { by, file, resets } => {
                let resets = if resets { ", resets" } else { "" };
                format!("installs {} by {}{resets}", file.version, by.0.word())
            }
        };
        assert_eq!(got, wanted, "{row:?}");
    }
}

#[test]
fn a_box_asks_for_the_list_of_its_chip_and_firmware() {
    assert_eq!(Variant::of_box("SMP8672", "130221_1050_b4"), Variant::V2);
    assert_eq!(Variant::of_box("smp8674", "140101_0000"), Variant::V2);
    assert_eq!(Variant::of_box("SMP8674", "120202_1544_beta"), Variant::V1);
    assert_eq!(Variant::of_box("SMP8670", "140101_0000"), Variant::V1);
    assert_eq!(Variant::of_box("Android", "140101_0000"), Variant::V1);
}

proptest! {
    #[test]
    fn no_text_is_too_much(text in "[ -~\n=$.{}]{0,200}") {
        for variant in Variant::ALL {
            let lint = FirmwareList::lint(&text, variant);
            let again = FirmwareList::lint(&lint.list.to_string(), variant);
            prop_assert_eq!(again.list, lint.list);
        }
        let properties = Properties::lint(&text).properties;
        prop_assert_eq!(&Properties::lint(&properties.to_string()).properties, &properties);
        let _ = CheckerFile::parse(&text);
    }
}
