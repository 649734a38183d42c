//! What is written is read, and what is hostile is not.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::num::{NonZeroU8, NonZeroU16};

use proptest::prelude::*;
use stbcast_object::Group;

use super::*;
use crate::ntp::NtpSeconds;
use crate::{Code, Fti, Scheme};

fn fti(which: u8, length: u64) -> Fti {
    let scheme = match which {
        0 => Scheme::NoCode { block_symbols: 64 },
        1 => Scheme::RaptorQ { source_blocks: 1, alignment: 4 },
        2 => Scheme::Companion { code: Code::Rs8, block_symbols: 1 },
        _ => Scheme::Companion { code: Code::Rs16, block_symbols: 1 },
    };
    Fti::new(scheme, length, 1_400).unwrap()
}

fn full(toi: u32, which: u8) -> File {
    let mut file = File::new("infocast://239.255.2.11:22222/boot-1113?a=1&b='\"<>'", toi).unwrap();
    file.media_type = Some("application/octet-stream".to_string());
    (file.md5, file.sha256) = (Some([0xa5; 16]), Some([0x5a; 32]));
    file.announced = Announced {
        kind: Some(Kind::new("image").unwrap()),
        slice_bytes: NonZeroU16::new(1_024),
        companion: Some(Companion {
            group: Group::parse("[ff15::2:2]:22222", None).unwrap(),
            tsi: 7,
        }),
        unicast: Some(unicast("https://boot.example/a.bin?x=1&y=2 http://[2001:db8::1]/b", 255, 0)),
        supersedes: Some(Supersedes::new(u128::from(u32::MAX), 86_400, 1).unwrap()),
    };
    file.with_fti(fti(which, 5_000))
}

fn unicast(list: &str, after_cycles: u8, window_s: u32) -> Unicast {
    let after_cycles = NonZeroU8::new(after_cycles).unwrap();
    Unicast::new(Alternates::new(list).unwrap(), after_cycles, window_s).unwrap()
}

fn xml(root: &str, files: &str) -> String {
    format!("<FDT-Instance xmlns=\"urn:x\" Expires=\"4000000000\" {root}>{files}</FDT-Instance>")
}

fn parse(text: &str) -> Result<Instance, FdtError> {
    Instance::parse(text.as_bytes())
}

fn one(attributes: &str) -> Option<File> {
    let file = format!("<File Content-Location=\"a\" TOI=\"1\" {attributes}/>");
    let instance = parse(&xml("", &file)).unwrap();
    assert_eq!(instance.files.len() + instance.files_refused as usize, 1);
    instance.files.into_iter().next()
}

#[test]
fn all_that_we_write_is_read_back() {
    let files = (0..4).map(|which| full(u32::from(which) + 1, which)).collect();
    let mut instance = Instance::new(NtpSeconds(u32::MAX), files);
    instance.complete = true;
    assert_eq!(parse(&instance.write()), Ok(instance));
    let bare = Instance::new(NtpSeconds(0), [File::new("a", 1).unwrap()].to_vec());
    assert_eq!(parse(&bare.write()), Ok(bare));
}

#[test]
fn values_of_the_root_stand_for_files_that_lack_them() {
    let root = "Content-Type=\"text/plain\" FEC-OTI-FEC-Encoding-ID=\"0\" \
                FEC-OTI-Encoding-Symbol-Length=\"100\" FEC-OTI-Maximum-Source-Block-Length=\"9\"";
    let files = "<File Content-Location=\"a\" TOI=\"1\" Content-Length=\"5\" unknown=\"x\"><c/></File>\
                 <File Content-Location=\"b\" TOI=\"2\" Transfer-Length=\"6\" \
                 FEC-OTI-Maximum-Source-Block-Length=\"3\"/>";
    let found = parse(&xml(root, files)).unwrap().files;
    assert_eq!(found[0].media_type.as_deref(), Some("text/plain"));
    let expected = |block_symbols, length| {
        Some(Fti::new(Scheme::NoCode { block_symbols }, length, 100).unwrap())
    };
    assert_eq!((found[0].fti, found[1].fti), (expected(9, 5), expected(3, 6)));
}

#[test]
fn a_prefixed_root_and_a_prefixed_digest_are_read() {
    let digest = digest::content_digest(&[3; 32]);
    let text = format!(
        "<f:FDT-Instance xmlns:f='urn:f' xmlns:d='urn:d' Expires='1'>\
         <f:File Content-Location='a' TOI='9' d:Content-Digest='{digest}'/></f:FDT-Instance>"
    );
    let files = parse(&text).unwrap().files;
    assert_eq!((files[0].toi, files[0].sha256), (9, Some([3; 32])));
}

#[test]
fn a_bad_file_is_left_out_and_counted_while_the_others_stay() {
    for bad in [
        "Content-Encoding=\"gzip\"",
        "Content-Length=\"-1\"",
        "Content-Length=\"5\" Transfer-Length=\"6\"",
        "Content-Digest=\"sha-256=:AAAA:\"",
        "FEC-OTI-FEC-Encoding-ID=\"300\"",
        "Content-Length=\"9\" FEC-OTI-FEC-Encoding-ID=\"0\" FEC-OTI-Encoding-Symbol-Length=\"0\" \
         FEC-OTI-Maximum-Source-Block-Length=\"1\"",
        "xmlns:s=\"urn:stbcast:fdt:1\" s:Kind=\"A B\"",
        "xmlns:s=\"urn:stbcast:fdt:1\" s:Slice-Bytes=\"0\"",
        "xmlns:s=\"urn:stbcast:fdt:1\" s:Repair-Group=\"10.0.0.1:5\" s:Repair-TSI=\"1\"",
        "xmlns:s=\"urn:stbcast:fdt:1\" s:Repair-Group=\"239.0.0.1:5\"",
        "xmlns:s=\"urn:stbcast:fdt:1\" s:Alternate=\"file:///etc/passwd\"",
        "xmlns:s=\"urn:stbcast:fdt:1\" s:Alternate=\"\"",
        "xmlns:s=\"urn:stbcast:fdt:1\" s:Alternate=\"http://a/ http://a/ http://a/ http://a/ http://a/\"",
        "xmlns:s=\"urn:stbcast:fdt:1\" s:Alternate=\"http://a/\" s:Alternate-After=\"0\"",
        "xmlns:s=\"urn:stbcast:fdt:1\" s:Alternate=\"http://a/\" s:Alternate-After=\"256\"",
        "xmlns:s=\"urn:stbcast:fdt:1\" s:Alternate=\"http://a/\" s:Alternate-Window=\"86401\"",
        "xmlns:s=\"urn:stbcast:fdt:1\" s:Alternate=\"http://a/\" s:Alternate-Window=\"1 h\"",
        "xmlns:s=\"urn:stbcast:fdt:1\" s:Supersedes=\"0\" s:Overlap=\"1\" s:Finish-Past=\"1\"",
        "xmlns:s=\"urn:stbcast:fdt:1\" s:Supersedes=\"1\" s:Overlap=\"0\" s:Finish-Past=\"1\"",
        "xmlns:s=\"urn:stbcast:fdt:1\" s:Supersedes=\"1\" s:Overlap=\"86401\" s:Finish-Past=\"1\"",
        "xmlns:s=\"urn:stbcast:fdt:1\" s:Supersedes=\"1\" s:Overlap=\"1\" s:Finish-Past=\"0\"",
        "xmlns:s=\"urn:stbcast:fdt:1\" s:Supersedes=\"1\" s:Overlap=\"1\" s:Finish-Past=\"1001\"",
        "xmlns:s=\"urn:stbcast:fdt:1\" s:Supersedes=\"1\" s:Finish-Past=\"1\"",
        "xmlns:s=\"urn:stbcast:fdt:1\" s:Supersedes=\"1\" s:Overlap=\"1\"",
    ] {
        assert_eq!(one(bad), None, "{bad}");
    }
    assert!(one("FEC-OTI-FEC-Encoding-ID=\"77\" FEC-OTI-Encoding-Symbol-Length=\"9\"").is_some());
    let files = "<File Content-Location=\"../x\" TOI=\"1\"/><File Content-Location=\"x\" TOI=\"2\"/>\
                 <File TOI=\"3\"/><File Content-Location=\"y\"/><File Content-Location=\"z\" TOI=\"0\"/>";
    let instance = parse(&xml("", files)).unwrap();
    assert_eq!((instance.files.len(), instance.files_refused), (1, 4));
}

#[test]
fn alternate_urls_are_read_with_what_is_said_of_them_and_without() {
    let own = "xmlns:s=\"urn:stbcast:fdt:1\" s:Alternate=\"http://a/x http://b/x\"";
    let read = |more: &str| one(&format!("{own} {more}")).unwrap().announced.unicast;
    assert_eq!(read(""), Some(unicast("http://a/x http://b/x", 2, 3_600)));
    let said = "s:Alternate-After=\"1\" s:Alternate-Window=\"86400\"";
    assert_eq!(read(said), Some(unicast("http://a/x http://b/x", 1, 86_400)));
    let alone = "xmlns:s=\"urn:stbcast:fdt:1\" s:Alternate-After=\"1\"";
    assert_eq!(one(alone).unwrap().announced.unicast, None, "there is nobody to ask");
}

#[test]
fn hostile_instances_are_refused_as_a_whole() {
    let refused = |text: &str| parse(text).unwrap_err();
    assert_eq!(Instance::parse(&[0xff]), Err(FdtError::Utf8));
    assert!(matches!(refused(&" ".repeat(200_000)), FdtError::Bytes { .. }));
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>\
                <FDT-Instance Expires=\"&b;\"/>";
    assert_eq!(refused(bomb), FdtError::DocumentType);
    assert_eq!(refused("<FDT-Instance Expires=\"&b;\"/>"), FdtError::Xml);
    assert_eq!(refused(&"<a>".repeat(20_000)), FdtError::Depth);
    assert_eq!(refused(&xml("", &"<a/>".repeat(10_000))), FdtError::Xml);
    assert_eq!(refused("<a/>"), FdtError::Root);
    assert_eq!(refused("<FDT-Instance/>"), FdtError::Expires);
    assert_eq!(refused("<FDT-Instance Expires=\"4294967296\"/>"), FdtError::Expires);
    assert_eq!(refused("<FDT-Instance Expires=\"+1\"/>"), FdtError::Expires);
    let twice = "<File Content-Location=\"a\" TOI=\"1\"/><File Content-Location=\"b\" TOI=\"01\"/>";
    assert_eq!(refused(&xml("", twice)), FdtError::DuplicateToi { toi: 1 });
    let many: String =
        (1..300).map(|n| format!("<File Content-Location=\"a\" TOI=\"{n}\"/>")).collect();
    assert_eq!(refused(&xml("", &many)), FdtError::Files);
}

#[test]
fn an_instance_is_believed_until_its_time_is_over() {
    let instance = Instance::new(NtpSeconds::from_unix(1_000), Vec::new());
    assert_eq!(instance.check_time(Some(1_000)), Ok(1_000));
    assert_eq!(instance.check_time(None), Ok(1_000));
    let expired = FdtError::Expired { expires_unix_s: 1_000, now_unix_s: 1_001 };
    assert_eq!(instance.check_time(Some(1_001)), Err(expired));
}

#[test]
fn a_zero_word_of_a_digest_is_no_number_of_an_object() {
    let mut sha256 = [0; 32];
    sha256[4..8].copy_from_slice(&[1, 2, 3, 4]);
    sha256[31] = 9;
    assert_eq!(toi_candidates(&sha256).collect::<Vec<_>>(), [0x0102_0304, 9]);
}

proptest! {
    #[test]
    fn any_bytes_in_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Instance::parse(&bytes);
    }

    #[test]
    fn any_damage_to_an_instance_never_panics(
        place in 0usize..1_000, value in any::<char>(), cut in 0usize..2_000,
    ) {
        let text = Instance::new(NtpSeconds(1), [full(1, 2)].to_vec()).write();
        let damaged: String = text
            .chars()
            .enumerate()
            .take(cut)
            .map(|(at, old)| if at == place { value } else { old })
            .collect();
        let _ = parse(&damaged);
    }

    #[test]
    fn any_location_that_is_legal_survives_the_xml(text in "[ -~]{1,40}") {
        if let Ok(mut file) = File::new(&text, 1) {
            file.content_bytes = Some(1);
            let instance = Instance::new(NtpSeconds(1), [file].to_vec());
            prop_assert_eq!(parse(&instance.write()), Ok(instance));
        }
    }
}
