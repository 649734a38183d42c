//! Documents as vendors, operators and attackers write them.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use stbcast_object::Micros;

use super::*;
use crate::Order;

mod hostile;
mod ranges;

const OLD: &str = include_str!("samples/old.xml");
const BLACK_STATUS: &str = include_str!("samples/black-status.xml");
const EVERY_ELEMENT: &str = include_str!("samples/every-element.xml");

fn parse(text: &str) -> StbConfig {
    StbConfig::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error} in\n{text}"))
}

fn refused(text: &str) -> String {
    StbConfig::parse(text.as_bytes()).expect_err(text).to_string()
}

/// What lint says, a line each.
fn said(text: &str, generation: Option<Generation>) -> Vec<String> {
    lint(text.as_bytes(), generation).findings.iter().map(ToString::to_string).collect()
}

fn image(url: &str, version: &str) -> BootImage {
    BootImage { url: url.parse().unwrap(), version: Some(version.into()) }
}

#[test]
fn the_samples_of_both_generations_are_read_and_nothing_is_wrong_with_them() {
    for (sample, generation) in [
        (OLD, Some(Generation::Old)),
        (OLD, Some(Generation::New)),
        (OLD, None),
        (BLACK_STATUS, Some(Generation::New)),
        (BLACK_STATUS, None),
    ] {
        let lint = lint(sample.as_bytes(), generation);
        assert_eq!(lint.findings, []);
        assert_eq!(lint.config, Some(parse(sample)));
        assert_eq!(lint.fits_old, sample == OLD);
    }
    let old = parse(OLD);
    assert_eq!(old.boot.kernel, image("http://download.example.com/bootimage", "1.0"));
    assert_eq!(old.boot.splash, Some(image("http://download.example.com/splashimage", "1.0")));
    assert_eq!(parse(BLACK_STATUS).permanent.get("StatusScreenColor"), Some("0,0,0"));
}

#[test]
fn a_document_with_every_element_is_read_and_only_deprecated_ones_are_warned_about() {
    let lint = lint(EVERY_ELEMENT.as_bytes(), Some(Generation::New));
    let said: Vec<_> = lint.findings.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "line 61, column 5: the vendor calls `FrontButtonCodeExt` deprecated",
            "line 76, column 5: the vendor calls `HideNoPwrOffMsg` deprecated",
            "line 88, column 5: the vendor calls `IRFrequency` deprecated",
        ]
    );
    assert!(lint.is_fit());
    let config = lint.config.unwrap();
    assert_eq!(config.permanent.iter().count(), PERMANENT_ELEMENTS.len());
    assert!(config.permanent.iter().map(|(element, _)| element).eq(&PERMANENT_ELEMENTS));
    assert_eq!(parse(&config.write(Generation::New).unwrap()), config);
}

#[test]
fn a_box_gets_what_it_needs_with_types_and_units() {
    let config = parse(EVERY_ELEMENT);
    assert_eq!(config.boot.image(Part::Kernel), Some(&config.boot.kernel));
    assert_eq!(config.boot.diagnostic.unwrap().url, SourceUrl::Local);
    let it = config.permanent;
    let order = |text: &str| Some(text.parse::<Order>().unwrap());
    assert_eq!(it.boot_order(), order("613"));
    assert_eq!(it.order(Part::Kernel), it.boot_order());
    assert_eq!((it.splash_order(), it.diagnostic_order()), (order("313"), order("3123")));
    assert_eq!(it.bootcast().unwrap().to_string(), "224.2.2.2:22222");
    assert_eq!(it.bootcast_timeout(), Some(Micros::from_secs(10)));
    assert_eq!((it.bootcast_attempts(), it.bootcast_id()), (Some(3), Some("arris-vip4302")));
    let servers: Vec<_> = it.tftp_servers().iter().map(ToString::to_string).collect();
    assert_eq!(servers, ["192.0.2.1", "tftp.example.com", "192.0.2.3", "192.0.2.4"]);
    assert_eq!((it.tftp_pool_attempts(), it.tftp_node_attempts()), (Some(2), Some(4)));
    assert_eq!(it.tftp_timeout(), Some(Micros::from_secs(5)));
    assert_eq!(it.tftp_rrq_timeout(), Some(Micros::from_secs(6)));
    assert_eq!(it.tftp_block_bytes(), Some(1428));
    assert_eq!(it.filename(Part::Splash), Some("default_splash"));
    assert_eq!(it.http_server().unwrap().to_string(), "http://boot.example.com:8080/");
    assert_eq!(it.http_timeout(), Some(Micros::from_secs(7)));
    assert_eq!((it.http_port(), it.http_attempts()), (Some(8080), Some(5)));
}

#[test]
fn a_web_server_may_be_a_url_and_what_is_not_set_is_not_there() {
    let mut permanent = PermanentParams::default();
    assert!(permanent.is_empty() && permanent.http_server().is_none());
    assert!(permanent.boot_order().is_none() && permanent.tftp_servers().is_empty());
    let mut server = |server: &str, port: &str| {
        permanent.set("HttpPort", port).unwrap();
        permanent.set("HttpServer", server).unwrap();
        permanent.http_server().unwrap().to_string()
    };
    assert_eq!(server("192.0.2.1", "0"), "http://192.0.2.1/");
    assert_eq!(server("http://a.example/boot", "8080"), "http://a.example:8080/boot");
    assert_eq!(server("http://a.example:81/boot", "8080"), "http://a.example:81/boot");
}

#[test]
fn slips_of_the_vendors_dtd_do_not_keep_a_box_from_booting() {
    let slips = OLD.replace(
        "</SplashVersion>",
        "</SplashVersion>.<DiagnosticUrl>local://</DiagnosticUrl>\
         <DiagnosticUrlVersion>7</DiagnosticUrlVersion>",
    );
    assert_eq!(parse(&slips).boot.diagnostic, Some(image("local://", "7")));
    assert!(parse(&slips).write(Generation::New).unwrap().contains("<DiagnosticVersion>7<"));
    let said = said(&slips, None);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("the text \".\" stands between the elements of `BootParams`"));
    assert!(said[1].contains("`DiagnosticUrlVersion` is declared as `DiagnosticVersion`"));
}

#[test]
fn what_a_box_need_not_know_is_passed_over_and_an_operator_is_told() {
    let odd = "<StbConfig><PermanentParams><HttpTimeout>9</HttpTimeout><BootOrder>6</BootOrder>\
               <BootOder>6</BootOder></PermanentParams>\n<BootParams a='b'>\
               <SplashUrl> local:// </SplashUrl><ThemeUrl>x</ThemeUrl>\
               <KernelUrl>local://</KernelUrl></BootParams></StbConfig>";
    let config = parse(odd);
    assert_eq!(config.boot.splash.as_ref().unwrap().url, SourceUrl::Local);
    assert_eq!(config.permanent.boot_order().unwrap().to_string(), "6");
    assert_eq!(
        said(odd, None),
        [
            "line 1, column 57: `BootOrder` stands behind `HttpTimeout`: the DTD wants `BootOrder` \
             before `HttpTimeout`",
            "line 1, column 81: `BootOder` is no element of `PermanentParams`",
            "line 2, column 1: `BootParams` has the attribute `a`: none is legal",
            "line 2, column 1: `BootParams` stands behind `PermanentParams`: the DTD wants \
             `BootParams` before `PermanentParams`",
            "line 2, column 19: white space around the value of `SplashUrl`: boxes may keep it",
            "line 2, column 52: `ThemeUrl` is no element of `BootParams`",
            "line 2, column 74: `KernelUrl` stands behind `SplashUrl`: the DTD wants `KernelUrl` \
             before `SplashUrl`",
        ]
    );
}

#[test]
fn what_is_missing_or_there_twice_is_refused_by_name() {
    let table = [
        ("<Config/>", "line 1, column 1: the document is a `Config`: legal is StbConfig"),
        ("<StbConfig/>", "`BootParams` is missing in `StbConfig`"),
        ("<StbConfig><BootParams/></StbConfig>", "`KernelUrl` is missing in `BootParams`"),
        (
            &OLD.replace("KernelVersion>", "SplashVersion>"),
            "line 8, column 1: `SplashVersion` stands there before, in line 6: legal is one",
        ),
        (
            &OLD.replace("<SplashVersion>1.0", "<SplashVersion>1<b/>0"),
            "line 8, column 17: `SplashVersion` holds the element `b`: legal is 1 to 1024 bytes",
        ),
        (&OLD.replace("</Kernel", "</Splash"), "line 5, column 49: not well-formed XML: expected"),
        (&OLD.replace("http://download", "ftp://download"), "`KernelUrl` \"ftp://download"),
    ];
    for (text, reason) in table {
        let error = refused(text);
        assert!(error.contains(reason), "{error}\nhas not\n{reason}");
    }
}

#[test]
fn lint_tells_everything_and_not_the_first_thing_alone() {
    let wrong = OLD.replace("http://download", "ftp://download").replace(">1.0<", "><");
    let said = said(&wrong, None);
    assert_eq!(said.len(), 4, "{said:?}");
    assert!(
        said[1].starts_with("line 6, column 1: `KernelVersion` \"\": legal is 1 to 1024 bytes")
    );
    assert!(lint(wrong.as_bytes(), None).config.is_none());
}

#[test]
fn a_splash_is_mandatory_for_old_boxes_alone_and_they_know_no_permanent_parameters() {
    let bare = "<StbConfig><BootParams><KernelUrl>local://</KernelUrl></BootParams></StbConfig>";
    assert!(said(bare, Some(Generation::Old))[0].contains("`SplashUrl` is missing"));
    let new = lint(bare.as_bytes(), Some(Generation::New));
    assert!(new.is_fit() && !new.fits_old);
    assert_eq!(new.findings[0].problem, Problem::NoSplash);
    let said = said(BLACK_STATUS, Some(Generation::Old));
    assert_eq!(
        said,
        ["line 10, column 3: `PermanentParams` is unknown to boxes of the older generation"]
    );
}

#[test]
fn parameters_that_say_nothing_alone_are_warned_about() {
    let alone = OLD.replace("<SplashUrl>http://download.example.com/splashimage</SplashUrl>\n", "");
    let warned = said(&alone, None);
    assert!(warned[0].contains("`SplashVersion` needs `SplashUrl` beside it"), "{warned:?}");
    let fixed = "<PermanentParams><IPConfigMethod>Fixed</IPConfigMethod></PermanentParams></StbC";
    let said = said(&OLD.replace("</StbC", fixed), None);
    assert_eq!(said.len(), 2);
    assert!(said[0].contains("`IPConfigMethod` needs `IPAddress` beside it"), "{said:?}");
}

#[test]
fn what_is_written_looks_like_the_vendors_sample() {
    let written = parse(OLD).write(Generation::Old).unwrap();
    let lines = |text: &str| text.lines().map(|it| it.trim().into()).collect::<Vec<String>>();
    assert_eq!(lines(&written), lines(OLD));
    let mut config = parse(OLD);
    config.boot.kernel.url = "http://a.example/b?c=d&e=f".parse().unwrap();
    config.boot.kernel.version = Some("<\"&'>".into());
    let written = config.write(Generation::New).unwrap();
    assert!(written.contains("b?c=d&amp;e=f<") && written.contains("&lt;&quot;&amp;'&gt;<"));
    assert_eq!(parse(&written), config);
}

#[test]
fn what_a_generation_or_a_document_cannot_hold_is_not_written() {
    let error = |config: &StbConfig, generation| config.write(generation).unwrap_err().to_string();
    let mut config = parse(BLACK_STATUS);
    let unknown = |name| format!("`{name}` is unknown to boxes of the older generation");
    assert_eq!(error(&config, Generation::Old), unknown("PermanentParams"));
    config.permanent = PermanentParams::default();
    config.boot.diagnostic = config.boot.splash.take();
    assert!(error(&config, Generation::Old).contains("without `SplashUrl`: name a splash"));
    config.boot.splash = config.boot.diagnostic.clone();
    assert_eq!(error(&config, Generation::Old), unknown("DiagnosticUrl"));
    config.boot.kernel.version = Some("a\nb".into());
    let message = error(&config, Generation::New);
    assert!(message.starts_with("`KernelVersion` \"a?b\": legal is 1 to 1024"), "{message}");
}

#[test]
fn an_unknown_parameter_or_value_is_not_set() {
    let mut permanent = PermanentParams::default();
    let error = permanent.set("BootOder", "6").unwrap_err().to_string();
    assert_eq!(error, "`BootOder` is no element of `PermanentParams`");
    let error = permanent.set("BootcastTimeout", "256").unwrap_err().to_string();
    assert_eq!(error, "`BootcastTimeout` \"256\": legal is a whole number from 1 to 255");
    assert!(permanent.is_empty());
    permanent.set("HttpTimeout", " 9 ").unwrap();
    permanent.set("BootOrder", "6").unwrap();
    permanent.set("HttpTimeout", "10").unwrap();
    let set: Vec<_> = permanent.iter().map(|(element, value)| (element.name, value)).collect();
    assert_eq!(set, [("BootOrder", "6"), ("HttpTimeout", "10")]);
}
