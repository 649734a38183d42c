//! Rates of companions beside their channels, and what has no repair symbols.

use super::*;
use crate::lineup;

/// A line-up of one channel with these keys, and these objects of a file of `bytes` each.
fn planned(keys: &str, objects: &[(u64, &str)]) -> Result<(LineUp, CompanionPlan), String> {
    let directory = tempfile::tempdir().unwrap();
    let mut text = format!(
        "[[channel]]\ncarousel = \"infocast\"\ngroup = \"239.1.1.1\"\nslice_bytes = 1000\n{keys}\n"
    );
    for (place, (bytes, more)) in objects.iter().enumerate() {
        let file = std::fs::File::create(directory.path().join(place.to_string())).unwrap();
        file.set_len(*bytes).unwrap();
        text += &format!("[[channel.object]]\nname = \"o{place}\"\nsource = \"{place}\"\n{more}\n");
    }
    let reading = lineup::parse(&text, directory.path());
    let line_up = reading.line_up.ok_or_else(|| format!("{:?}", reading.findings))?;
    let contents = Contents::survey(&line_up, &mut Vec::new());
    let plan = plan(&line_up, &contents, 0)?;
    Ok((line_up, plan.expect("a companion")))
}

const REPAIR: &str = "repair = { group = \"239.1.1.2\", ratio = 0.25 }";

fn per_second(plan: &CompanionPlan) -> f64 {
    plan.symbols_per_1000_s as f64 / 1_000.0
}

#[test]
fn repair_symbols_are_in_proportion_to_the_slices_that_really_pass() {
    for (more, seconds) in [
        ("", 100.0 * 1_072.0 * 8.0 / 1_000_000.0),
        ("burst_delay_ms = 5000", 5.0 + 100.0 * 1_072.0 * 8.0 / 1_000_000.0),
    ] {
        let keys = format!("bit_rate_kbps = 1000\n{REPAIR}\n{more}");
        let (_, plan) = planned(&keys, &[(100_000, "")]).unwrap();
        let expected = 25.0 / seconds;
        let found = per_second(&plan);
        assert!((found / expected - 1.0).abs() < 0.001, "{more}: {found} and not {expected}");
    }
    let keys = format!("bit_rate_kbps = 1000\n{REPAIR}");
    let (_, plan) = planned(&keys, &[(100_000, "delay_ms = 60000")]).unwrap();
    let found = per_second(&plan);
    assert!((found / (25.0 / 60.0) - 1.0).abs() < 0.003, "{found} a second for a pass a minute");
}

#[test]
fn with_keep_total_channel_and_companion_make_up_the_written_rate() {
    for ratio in ["0.1", "1.5"] {
        for (more, objects) in [
            ("", &[(1_000_000, "")][..]),
            ("burst_delay_ms = 3000", &[(1_000_000, "")]),
            // The small one passes several times in a cycle, more often in a longer one.
            ("", &[(3_000_000, ""), (60_000, "")]),
        ] {
            let keys = format!(
                "bit_rate_kbps = 1000\n{more}\nrepair = {{ group = \"239.1.1.2\", ratio = {ratio}, \
                 keep_total = true }}"
            );
            let (_, plan) = planned(&keys, objects).unwrap();
            let sum = plan.source_bps + plan.companion_bps;
            assert!((990_000..=1_000_000).contains(&sum), "{ratio} {more} {objects:?}: {sum}");
        }
    }
}

#[test]
fn a_companion_without_symbols_takes_nothing_of_the_rate() {
    let keys = "bit_rate_kbps = 800\nrepair = { group = \"239.1.1.2\", keep_total = true }";
    let (_, plan) = planned(keys, &[(0, "")]).unwrap();
    assert_eq!((plan.source_bps, plan.companion_bps), (800_000, 0));
}

#[test]
fn a_rate_too_low_for_both_is_refused() {
    let keys = "bit_rate_kbps = 4\nrepair = { group = \"239.1.1.2\", keep_total = true }";
    let error = planned(keys, &[(1_000_000, "")]).unwrap_err();
    assert!(error.contains("4000 bit/s are too few"), "{error}");
}

#[test]
fn what_cannot_have_repair_symbols_is_named_with_the_reason() {
    let keys = "bit_rate_kbps = 1000\n\
                repair = { group = \"239.1.1.2\", fec = \"rs16\", senders = 2 }";
    let objects = [(0, ""), (900, ""), (900_000, "")];
    let (_, plan) = planned(keys, &objects).unwrap();
    assert!(matches!(plan.objects[0], Err(NoRepair::Geometry(_))), "{:?}", plan.objects[0]);
    assert_eq!(plan.objects[1], Err(NoRepair::Senders { symbols: 1, senders: 2 }));
    assert!(plan.objects[2].is_ok());
}
