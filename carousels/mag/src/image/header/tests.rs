use alloc::format;
use alloc::vec;

use proptest::prelude::*;

use super::*;

/// The header of MAG notes §1.6, with sizes for which its places hold.
const VENDORS: &str = "STB Model:MAG254
Date:Thu Feb 21 00:43:44 EET 2019
Image Version:219
Image Description:2.19.02-release
VerUpdateAPI:2
Kernel size:4194567
Image  size:68406256
Env size:72 72600823
Bootstrap Version:30
Bootstrap size:1000 72601158
Logotype  size:9000 72602421
Start data...
";

fn refused(text: &str) -> HeaderError {
    Header::parse(text.as_bytes()).unwrap_err()
}

fn with(from: &str, to: &str) -> String {
    assert!(VENDORS.contains(from), "{from}");
    VENDORS.replacen(from, to, 1)
}

#[test]
fn the_vendors_header_is_read_and_written_to_the_byte() {
    let file = [VENDORS.as_bytes(), b"data\xff\x00"].concat();
    let (header, bytes) = Header::read(&file).unwrap();
    assert_eq!(bytes, VENDORS.len());
    assert_eq!(header.encode(), VENDORS);
    assert_eq!((header.model.as_str(), header.version), ("MAG254", 219));
    assert_eq!(header.date, "Thu Feb 21 00:43:44 EET 2019");
    assert_eq!(header.description, "2.19.02-release");
    let kernel = header.section(SectionKind::Kernel).unwrap();
    assert_eq!((kernel.bytes, kernel.at), (4_194_304, None), "without its trailer");
    let env = header.section(SectionKind::Env).unwrap();
    assert_eq!((env.bytes, env.at), (72, Some(72_600_823)));
    let bootstrap = header.section(SectionKind::Bootstrap).unwrap();
    assert_eq!(bootstrap.version.as_deref(), Some("30"));
}

#[test]
fn lines_that_are_not_known_are_kept() {
    let text = with("Start data...", "Builder:me:and you\nStart data...");
    let header = Header::parse(text.as_bytes()).unwrap();
    assert_eq!(header.others, ["Builder:me:and you"]);
    assert_eq!(header.encode(), text);
}

#[test]
fn a_header_that_is_cut_off_anywhere_is_told_as_cut_off() {
    for bytes in 1..VENDORS.len() {
        let error = Header::parse(&VENDORS.as_bytes()[..bytes]).unwrap_err();
        assert_eq!(error, HeaderError::Truncated { bytes });
    }
    assert_eq!(refused(""), HeaderError::NoImage);
    assert_eq!(refused("MZ"), HeaderError::NoImage);
}

#[test]
fn what_a_line_may_not_say_is_refused_with_its_number_and_key() {
    let line_of = |error| match error {
        HeaderError::Value { line, key, .. } => (line, key),
        other => panic!("{other}"),
    };
    for value in ["", "-1", "+1", "4294967296", "1 ", "0x1", "01", "99999999999999999999999"] {
        let text = with("Version:219", &format!("Version:{value}"));
        assert_eq!(line_of(refused(&text)), (3, VERSION), "{value}");
        let text = with("Kernel size:4194567", &format!("Kernel size:{value}"));
        assert_eq!(line_of(refused(&text)), (6, "Kernel size"), "{value}");
        let text = with("size:72 72600823", &format!("size:{value} 72600823"));
        assert_eq!(line_of(refused(&text)), (8, "Env size"), "{value}");
        let text = with("size:72 72600823", &format!("size:72 {value}"));
        assert_eq!(line_of(refused(&text)), (8, "Env size"), "{value}");
    }
    let text = with("Kernel size:4194567", "Kernel size:262");
    assert_eq!(line_of(refused(&text)), (6, "Kernel size"), "smaller than its signature");
    assert_eq!(line_of(refused(&with("MAG254", ""))), (1, MODEL));
}

#[test]
fn what_a_line_may_not_be_is_refused_with_its_number() {
    let line = |line| HeaderError::Line { line };
    assert_eq!(refused(&with("2.19.02-release", "\u{1b}[2J")), line(4));
    assert_eq!(refused(&with("2019\n", "2019\r\n")), line(2));
    assert_eq!(refused(&with("VerUpdateAPI:2", "VerUpdateAPI")), line(5));
    assert_eq!(refused(&with("VerUpdateAPI:2", &"x:".repeat(128))), line(5));
    let mut bytes = VENDORS.as_bytes().to_vec();
    bytes[VENDORS.find("2.19").unwrap()] = 0xff;
    assert_eq!(Header::parse(&bytes), Err(line(4)));
}

#[test]
fn what_comes_twice_is_missing_or_not_known_is_refused_by_its_key() {
    let twice = with("VerUpdateAPI:2", "Image Version:220");
    assert_eq!(refused(&twice), HeaderError::Twice { line: 5, key: VERSION });
    let twice = with("VerUpdateAPI:2", "Kernel size:300");
    assert_eq!(refused(&twice), HeaderError::Twice { line: 6, key: "Kernel size" });
    let missing = with("Date:", "Dates:");
    assert_eq!(refused(&missing), HeaderError::Missing { key: DATE });
    let version_alone = with("Bootstrap size:1000 72601158\n", "");
    assert_eq!(refused(&version_alone), HeaderError::Missing { key: "Bootstrap size" });
    let unknown = with("Env size", "Envy size");
    assert_eq!(refused(&unknown), HeaderError::UnknownSection { line: 8, key: "Envy size".into() });
    let bare = "STB Model:M\nDate:d\nImage Version:1\nImage Description:\nStart data...\n";
    assert_eq!(refused(bare), HeaderError::NoSection);
}

#[test]
fn a_header_without_end_is_not_read_for_ever() {
    let endless = with("Start data...\n", &"x:y\n".repeat(HEADER_BYTES_MAX));
    assert_eq!(refused(&endless), HeaderError::Endless);
    let one_line = format!("STB Model:{}", "M".repeat(1 << 20));
    assert_eq!(refused(&one_line), HeaderError::Line { line: 1 });
}

fn words() -> impl Strategy<Value = String> {
    "[!-~]([ -~]{0,40}[!-~])?"
}

fn section(kind: SectionKind) -> impl Strategy<Value = Option<Section>> {
    let bytes = 0..=SECTION_BYTES_MAX - TRAILER_BYTES;
    let at = 0..=SECTION_BYTES_MAX;
    proptest::option::of((proptest::option::of(words()), bytes, at).prop_map(
        move |(version, bytes, at)| Section {
            kind,
            version: version.filter(|_| kind.version_key().is_some()),
            bytes,
            at: kind.is_placed().then_some(at),
        },
    ))
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        (model, date, description) in (words(), words(), words()),
        version: u32,
        api in proptest::option::of(words()),
        sections in SectionKind::ALL.map(section),
    ) {
        let sections: Vec<_> = sections.into_iter().flatten().collect();
        prop_assume!(!sections.is_empty());
        let header = Header { model, date, version, description, api, sections, others: vec![] };
        let text = header.encode();
        let file = [text.as_bytes(), b"Start data...\nand more"].concat();
        prop_assert_eq!(Header::read(&file), Ok((header, text.len())));
    }

    #[test]
    fn any_bytes_are_answered(bytes: Vec<u8>, at in 0..VENDORS.len(), with: u8) {
        let _ = Header::parse(&bytes);
        let mut changed = VENDORS.as_bytes().to_vec();
        changed[at] = with;
        if let Ok((header, bytes)) = Header::read(&changed) {
            let again = header.encode();
            prop_assert_eq!(Header::parse(again.as_bytes()), Ok(header));
            prop_assert!(bytes <= HEADER_BYTES_MAX);
        }
    }
}
