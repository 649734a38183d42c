//! What boxes of MAG and Dune read.

use stbcast_bootcast::dune::{
    Address, Checker, CheckerFile, FirmwareList, Found, NativeUi, Properties, Variant, native_ui,
};
use stbcast_bootcast::mag::{
    AutoUpdate, Choice, DateForm, ImageDate, Portal, UpdateDate, UpdateList, Why,
};

/// A list of a portal: what is read is written as strict JSON and read again the same; findings stand
/// within the text; the portal takes one entry at most, and none that it was told to leave.
pub fn update_list(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let lint = UpdateList::lint(text);
    let lines = text.lines().count().max(1);
    for finding in &lint.findings {
        let message = finding.to_string();
        assert!(finding.place.line <= lines + 1, "{message}");
        assert!(message.len() < 4_000, "{} bytes", message.len());
    }
    assert_eq!(lint.list.as_ref(), UpdateList::parse(text).as_ref().ok());
    let Some(list) = lint.list else { return };
    let written = list.to_string();
    if written.len() <= stbcast_bootcast::mag::UPDATE_LIST_BYTES_MAX {
        assert!(UpdateList::lint(&written).is_strict(), "{written}");
        assert_eq!(UpdateList::parse(&written).as_ref(), Ok(&list));
    }
    for image_date in ["", "?", "Fri Nov 10 20:05:35 EET 2017"].map(ImageDate::read) {
        let portal = Portal { auto_update: AutoUpdate::Automatic, takes_betas: true, image_date };
        let verdicts = portal.explain(&list);
        assert_eq!(verdicts.len(), list.entries.len());
        let taken: Vec<_> = verdicts.iter().filter(|it| it.why == Why::Taken).collect();
        assert!(taken.len() <= 1);
        match portal.choose(&list) {
            Choice::Entry { entry, asks } => assert!(taken[0].entry == entry && !asks),
            other => assert!(other == Choice::Nothing && taken.is_empty()),
        }
        let off = Portal { auto_update: AutoUpdate::Off, ..portal };
        assert_eq!(off.choose(&list), Choice::Off);
    }
}

/// A date: what is read is written in the form of a list and read again as the same moment.
pub fn update_date(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let Ok((date, form)) = UpdateDate::read(text) else { return };
    let written = date.to_list();
    assert_eq!(UpdateDate::read(&written), Ok((date, DateForm::List)), "{text} {form:?}");
    if let Ok(header) = date.to_header("UTC") {
        assert_eq!(UpdateDate::read(&header), Ok((date, DateForm::Header)), "{header}");
    }
}

/// What Dune boxes read: whatever can be read is written and read again the same, and no decision sends a
/// box to what is not there.
pub fn dune(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    for variant in Variant::ALL {
        let lint = FirmwareList::lint(text, variant);
        let list = lint.list;
        let again = FirmwareList::lint(&list.to_string(), variant);
        if list.to_string().len() <= stbcast_bootcast::dune::LIST_BYTES_MAX {
            assert_eq!(again.list, list);
        }
        assert_eq!(list.gone_since(&list), [""; 0]);
        for firmware in list.firmwares.iter().take(8) {
            match native_ui(&list, &firmware.version, true) {
                NativeUi::Suggests { firmware, .. } => assert!(firmware.url.is_some()),
                NativeUi::NothingNewer { .. } => {}
                NativeUi::NotListed => panic!("{} is listed", firmware.version),
            }
        }
    }
    let properties = Properties::lint(text).properties;
    let again = Properties::lint(&properties.to_string()).properties;
    if properties.to_string().len() <= stbcast_bootcast::dune::LIST_BYTES_MAX {
        assert_eq!(again, properties);
    }
    if let Ok(file) = CheckerFile::parse(text) {
        assert_eq!(CheckerFile::parse(&file.to_string()).as_ref(), Ok(&file));
        let found = Found { dhcp: None, url: Some(file) };
        let _ = Checker::bootstrap(Address::InTime).decide("a", &found);
    }
}
