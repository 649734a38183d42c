use std::path::Path;

use super::super::{LineUp, Reading, parse};
use super::*;

const TOML: &str = r#"[[schedule]]
name = "night"
timezone = "europe/stockholm"
black_out = ["2026-12-24", "2026-12-31/2027-01-01"]

[[schedule.window]]
cron = "0 1 * * mon-fri"
minutes = 240
bit_rate_kbps = 20000
priority = 1

[[schedule.window]]
from = "23:00"
to = "05:00:30"
days = ["sat", "sun"]

[[schedule.window]]
from = "2026-12-01T01:00"
to = "2026-12-03T05:00"

[[interface]]
name = "eth1"
bit_rate_kbps = 100000

[[channel]]
carousel = "infocast"
group = "239.255.2.11"
bit_rate_kbps = 1000
slice_bytes = 1400
interface = "eth1"
schedule = "night"

[[channel.object]]
name = "boot"
source = "boot.img"
schedule = "night"
"#;

fn read(text: &str) -> Reading {
    parse(text, Path::new("/line-ups"))
}

fn line_up(text: &str) -> LineUp {
    let reading = read(text);
    reading.line_up.unwrap_or_else(|| panic!("refused: {:?}", reading.findings))
}

#[test]
fn every_key_of_a_schedule_is_understood() {
    let line_up = line_up(TOML);
    let [night] = &line_up.schedules[..] else { panic!("one schedule") };
    assert_eq!((&*night.name, &*night.timezone), ("night", "Europe/Stockholm"));
    let shown = night.black_out.iter().map(|(first, last)| format!("{first}/{last}"));
    let shown: Vec<_> = shown.collect();
    assert_eq!(shown, ["2026-12-24/2026-12-24", "2026-12-31/2027-01-01"]);
    let [cron, weekend, once] = &night.windows[..] else { panic!("three windows") };
    assert_eq!((cron.bit_rate_bps, cron.priority), (Some(20_000_000), 1));
    let When::Cron { cron, minutes: 240 } = &cron.when else { panic!("{cron:?}") };
    assert_eq!(cron.to_string(), "0 1 * * mon-fri");
    assert_eq!((weekend.bit_rate_bps, weekend.priority), (None, 0));
    let When::Daily { to, days, .. } = &weekend.when else { panic!("{weekend:?}") };
    assert_eq!(to.to_string(), "05:00:30");
    let open = [Weekday::Friday, Weekday::Saturday, Weekday::Sunday].map(|day| days.has(day));
    assert_eq!(open, [false, true, true]);
    assert!(matches!(once.when, When::Dated { .. }));
    assert_eq!(
        line_up.interfaces,
        [InterfaceBudget { name: "eth1".into(), bit_rate_bps: 100_000_000 }]
    );
    let channel = &line_up.channels[0];
    assert_eq!((channel.schedule, channel.objects[0].schedule), (Some(0), Some(0)));
    assert_eq!(channel.unscheduled().objects[0].schedule, None);
}

#[test]
fn a_whole_day_is_a_window() {
    let text = TOML.replace("\"23:00\"", "\"00:00\"").replace("\"05:00:30\"", "\"24:00\"");
    let When::Daily { from, to, .. } = line_up(&text).schedules[0].windows[1].when.clone() else {
        panic!("daily")
    };
    assert_eq!((from, to), (Time::midnight(), Time::midnight()));
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_what_is_legal() {
    let table = [
        (
            "europe/stockholm",
            "Europe/Stokholm",
            "line 3, column 12: timezone `Europe/Stokholm` is not in",
        ),
        ("europe/stockholm", "Europe/Stokholm", "did you mean `Europe/Stockholm`?"),
        ("europe/stockholm", "+01:00", "legal are names as \"Europe/Stockholm\""),
        ("europe/stockholm", "../Europe/Stockholm", "is not in the time zone database"),
        ("europe/stockholm", "", "is not in the time zone database"),
        (
            "0 1 * * mon-fri",
            "0 1 * *",
            "line 7, column 8: cron `0 1 * *` has 4 fields: legal are five",
        ),
        ("0 1 * * mon-fri", "0 0 1 * * mon", "has 6 fields"),
        ("0 1 * * mon-fri", "@daily", "has 1 fields"),
        ("0 1 * * mon-fri", "61 1 * * *", "cron `61 1 * * *` ("),
        ("0 1 * * mon-fri", "x 1 * * *", "cron `x 1 * * *` ("),
        ("0 1 * * mon-fri", "0 1 30 2 *", "cron `0 1 30 2 *` never comes"),
        ("minutes = 240\n", "", "write how long it is open, as minutes = 240"),
        ("minutes = 240", "minutes = 0", "line 8, column 11: minutes 0 is not in 1 to 10080"),
        ("minutes = 240", "minutes = 240\ndays = [\"mon\"]", "`days` has no place beside `cron`"),
        ("minutes = 240", "from = \"01:00\"", "`cron` and `from`/`to` are two ways"),
        (
            "cron = \"0 1 * * mon-fri\"\nminutes = 240\n",
            "",
            "line 6, column 1: a window needs `cron`",
        ),
        ("to = \"05:00:30\"\n", "", "a window needs `cron` and `minutes`, or `from` and `to`"),
        ("\"05:00:30\"", "\"23:00\"", "line 14, column 6: `from` and `to` are the same time"),
        ("\"05:00:30\"", "\"5:00\"", "line 14, column 6: `5:00` is no time: write both as"),
        ("\"05:00:30\"", "\"2026-12-01T05:00\"", "are written in two ways"),
        ("to = \"2026-12-03T05:00\"", "to = \"2026-12-01T01:00\"", "not after it begins"),
        ("to = \"2026-12-03T05:00\"", "to = \"2026-02-29T01:00\"", "`2026-02-29T01:00` is no time"),
        ("[\"sat\", \"sun\"]", "[\"sat\", \"son\"]", "line 15, column 16: day `son`: legal are"),
        ("[\"sat\", \"sun\"]", "[]", "`days` is empty"),
        ("05:00:30\"", "05:00:30\"\nminutes = 5", "`minutes` has no place beside"),
        ("priority = 1", "priority = 1001", "priority 1001 is not in -1000 to 1000"),
        ("bit_rate_kbps = 20000", "bit_rate_kbps = 0.5", "bit rate 0.5 kbit/s"),
        ("2026-12-24", "24.12.2026", "line 4, column 14: black_out `24.12.2026` is no date"),
        ("2027-01-01", "2026-01-01", "black_out ends on 2026-01-01, before"),
        (
            "[[schedule.window]]\nfrom = \"23",
            "[[schedule.windows]]\nfrom = \"23",
            "did you mean `window`?",
        ),
        ("days =", "day =", "did you mean `days`?"),
        (
            "schedule = \"night\"\n\n",
            "schedule = \"nigth\"\n\n",
            "line 31, column 12: no schedule `nigth`",
        ),
        (
            "img\"\nschedule = \"night\"",
            "img\"\nschedule = \"x\"",
            "no schedule `x` in this line-up",
        ),
        ("interface = \"eth1\"\n", "", "channel `239.255.2.11:22222` has no `interface`"),
        ("name = \"eth1\"", "name = \"\"", "an interface needs a name or an address"),
        ("bit_rate_kbps = 100000", "bit_rate_kbps = 1e12", "bit rate 1000000000000 kbit/s"),
    ];
    for (good, bad, expected) in table {
        assert!(TOML.contains(good), "{good} is not in the sample");
        let reading = read(&TOML.replacen(good, bad, 1));
        let errors: Vec<_> = reading.errors().map(ToString::to_string).collect();
        assert!(reading.line_up.is_none(), "{bad}: taken");
        assert_eq!(errors.len(), 1, "{bad}: {errors:?}");
        assert!(errors[0].contains(expected), "{bad}: {errors:?}");
    }
}

#[test]
fn names_stand_once_and_schedules_have_windows() {
    let schedule = "[[schedule]]\nname = \"night\"\ntimezone = \"UTC\"\n";
    let errors = |text: &str| -> Vec<_> { read(text).errors().map(ToString::to_string).collect() };
    let twice =
        errors(&format!("{TOML}\n{schedule}[[schedule.window]]\nfrom = \"1:00\"\nto = \"2:00\""));
    assert!(twice.iter().any(|error| error.contains("schedule `night` stands twice")), "{twice:?}");
    let windowless = errors(&TOML.replacen(
        "[[channel]]",
        &format!("{}[[channel]]", schedule.replace("night", "day")),
        1,
    ));
    assert!(windowless.concat().contains("schedule `day` has no window"), "{windowless:?}");
    let again = errors(&TOML.replacen(
        "[[channel]]",
        "[[interface]]\nname = \"eth1\"\nbit_rate_kbps = 5\n[[channel]]",
        1,
    ));
    assert!(again.concat().contains("interface `eth1` stands twice"), "{again:?}");
    let start = TOML.find("[[interface]]").unwrap();
    let none = errors(&TOML[start..]);
    assert!(none.concat().contains("it has no [[schedule]] at all"), "{none:?}");
}
