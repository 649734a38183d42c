use alloc::string::ToString;

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> (i64, DateForm) {
    let (date, form) = UpdateDate::read(text).unwrap_or_else(|error| panic!("{error}"));
    (date.unix_s(), form)
}

#[test]
fn both_forms_of_the_documents_mean_one_moment() {
    // Computed with `date -d`.
    assert_eq!(read("10 Nov 2017 20:05:35 GMT+0200"), (1_510_337_135, DateForm::List));
    assert_eq!(read("Fri Nov 10 20:05:35 EET 2017"), (1_510_337_135, DateForm::Header));
    assert_eq!(read("10 Nov 2017 20: 05: 35 GMT + 0200"), (1_510_337_135, DateForm::Spaced));
    assert_eq!(read("26 Nov 2012 23:22:19 GMT+0200"), (1_353_964_939, DateForm::List));
    assert_eq!(read("Thu Feb 21 00:43:44 EET 2019"), (1_550_702_624, DateForm::Header));
    assert_eq!(read("Fri Jul 5 18:28:28 EEST 2013"), (1_373_038_108, DateForm::Header));
    assert_eq!(read("Fri Jul  5 18:28:28 EEST 2013"), (1_373_038_108, DateForm::Header));
    assert_eq!(read("Fri Nov 10 18:05:35 UTC 2017").0, 1_510_337_135);
    assert_eq!(read("Fri Nov 10 21:05:35 MSK 2017").0, 1_510_337_135);
    assert_eq!(read("Fri Nov 10 21:05:35 +03 2017").0, 1_510_337_135);
}

#[test]
fn a_date_is_converted_both_ways() {
    let (date, _) = UpdateDate::read("Fri Nov 10 20:05:35 EET 2017").unwrap();
    assert_eq!(date.to_list(), "10 Nov 2017 20:05:35 GMT+0200");
    let (date, _) = UpdateDate::read("10 Nov 2017 20:05:35 GMT+0200").unwrap();
    assert_eq!(date.to_header("EET").unwrap(), "Fri Nov 10 20:05:35 EET 2017");
    assert_eq!(date.to_header("MSK").unwrap(), "Fri Nov 10 21:05:35 MSK 2017");
    let (date, _) = UpdateDate::read("Fri Jul  5 18:28:28 EEST 2013").unwrap();
    assert_eq!(date.to_list(), "5 Jul 2013 18:28:28 GMT+0300");
    assert_eq!(date.to_header("EEST").unwrap(), "Fri Jul  5 18:28:28 EEST 2013");
    assert!(matches!(date.to_header("XYZ"), Err(DateError::Zone { .. })));
}

#[test]
fn moscow_was_four_hours_ahead_for_three_years() {
    let ahead = |text| UpdateDate::read(text).unwrap().0.to_list();
    assert!(ahead("Sat Mar 26 12:00:00 MSK 2011").ends_with("GMT+0300"));
    assert!(ahead("Fri Jul 5 18:28:28 MSK 2013").ends_with("GMT+0400"));
    assert!(ahead("Mon Oct 27 12:00:00 MSK 2014").ends_with("GMT+0300"));
    let (date, _) = UpdateDate::read("5 Jul 2013 14:28:28 GMT").unwrap();
    assert_eq!(date.to_header("MSK").unwrap(), "Fri Jul  5 18:28:28 MSK 2013");
}

#[test]
fn what_is_no_date_says_why() {
    let told = |text| UpdateDate::read(text).unwrap_err().to_string();
    assert_eq!(
        told("Fri Nov 10 20:05:35 IST 2017"),
        "time zone `IST` is unknown here: write the date as `10 Nov 2017 20:05:35 GMT+0200`"
    );
    assert_eq!(told("Mon Nov 10 20:05:35 EET 2017"), "\"Mon Nov 10 20:05:35 EET 2017\" is a Fri");
    assert_eq!(
        told("30 Feb 2017 20:05:35 GMT+0200"),
        "there is no such day in \"30 Feb 2017 20:05:35 GMT+0200\""
    );
    assert!(told("10 Nov 2017 24:05:35 GMT+0200").contains("no such time"));
    for text in [
        "",
        "2017-11-10T20:05:35Z",
        "10 Nov 17 20:05:35 GMT+0200",
        "10 Nov 2017 20:05:35",
        "10 nov 2017 20:05:35 GMT+0200",
        "10 Nov 2017 20:05 GMT+0200",
        "10 Nov 2017 20:05:35 GMT+9900",
        "10 Nov 2017 20:05:35 GMT+0260",
    ] {
        assert!(matches!(UpdateDate::read(text), Err(DateError::Form { .. })), "{text}");
    }
}

proptest! {
    #[test]
    fn every_moment_is_read_as_it_is_written(
        unix_s in 0..253_402_300_800_i64,
        zone in prop::sample::select(&["EET", "EEST", "UTC", "MSK", "CET", "+0330"][..]),
    ) {
        // Moscow's clock shows the hour after which it stops being four hours ahead twice.
        prop_assume!(zone != "MSK" || !(1_414_267_200..1_414_281_600).contains(&unix_s));
        let date = UpdateDate::from_unix(unix_s).unwrap();
        prop_assert_eq!(UpdateDate::read(&date.to_list()).unwrap(), (date, DateForm::List));
        let header = date.to_header(zone).unwrap();
        prop_assume!(!header.ends_with("1969") && !header.ends_with("10000"));
        let (back, form) = UpdateDate::read(&header).unwrap();
        prop_assert_eq!((back, form), (date, DateForm::Header));
        prop_assert_eq!(UpdateDate::read(&back.to_list()).unwrap(), (date, DateForm::List));
    }

    #[test]
    fn no_text_is_too_much(text in ".{0,80}") {
        let _ = UpdateDate::read(&text);
    }
}
