use std::path::Path;
use std::time::Instant;

use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;

use super::zone::{moment, reached};
use super::*;
use crate::contents::Contents;
use crate::lineup;

const DECISIONS: &str = include_str!("decisions.md");

fn channel(name: &str, place: usize) -> String {
    format!(
        "[[channel]]\nname = \"{name}\"\ncarousel = \"infocast\"\ngroup = \"239.255.3.{}\"\n\
         bit_rate_kbps = 1000\nslice_bytes = 1400\ninterface = \"eth1\"\nschedule = \"{name}\"\n\
         [[channel.object]]\nname = \"time\"\nsource = {{ kind = \"time\" }}\n",
        place + 1
    )
}

/// A line-up of these schedules, each followed by a channel of its name.
fn line_up(schedules: &str) -> LineUp {
    let names = schedules.split("[[schedule]]").skip(1);
    let names = names.map(|it| it.split('"').nth(1).unwrap());
    let channels: String = names.enumerate().map(|(place, name)| channel(name, place)).collect();
    let reading = lineup::parse(&format!("{schedules}\n{channels}"), Path::new("/"));
    reading.line_up.unwrap_or_else(|| panic!("{:?}\n{schedules}", reading.findings))
}

fn timetable(line_up: &LineUp) -> Timetable {
    let contents = Contents::survey(line_up, &mut Vec::new());
    Timetable::within(line_up, Budget::of(line_up, &contents, 0).unwrap())
}

fn said(line_up: &LineUp, roster: &Roster) -> Vec<String> {
    let on_air = line_up.channels.iter().zip(&roster.channels);
    let said = on_air.filter_map(|(channel, rate)| match (*rate)? {
        1_000_000 => Some(channel.name.clone()),
        rate => Some(format!("{} at {}", channel.name, rate / 1_000)),
    });
    let mut said: Vec<_> = said.collect();
    said.sort();
    said
}

#[test]
fn what_is_on_air_when_is_as_the_table_says() {
    let mut rows = 0;
    for section in DECISIONS.split("\n## ").skip(1) {
        let title = section.lines().next().unwrap();
        let (_, rest) = section.split_once("```toml\n").unwrap();
        let (schedules, table) = rest.split_once("```").unwrap();
        let line_up = line_up(schedules);
        let timetable = timetable(&line_up);
        for row in table.lines().filter(|line| line.starts_with("| 1") || line.starts_with("| 2")) {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            let unix_s = cells[1].parse::<Timestamp>().unwrap().as_second();
            let mut wanted: Vec<_> =
                cells[2].split(", ").filter(|it| *it != "-").map(str::to_owned).collect();
            wanted.sort();
            assert_eq!(said(&line_up, &timetable.at(unix_s)), wanted, "{title}: {row}");
            rows += 1;
        }
    }
    assert!(rows > 100, "{rows} rows are read");
}

#[test]
fn objects_and_statements_follow_schedules_of_their_own() {
    let text = "announce = \"239.255.9.1\"\n[trust]\nroots = [\"root\"]\nreleases = [{ file = \"release\", \
                schedule = \"night\" }]\n[[schedule]]\nname = \"night\"\ntimezone = \"UTC\"\n\
                [[schedule.window]]\nfrom = \"01:00\"\nto = \"02:00\"\n";
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("root"), "root").unwrap();
    std::fs::write(directory.path().join("release"), "release").unwrap();
    let channel = channel("night", 0).replacen("schedule = \"night\"\n", "", 1);
    let reading =
        lineup::parse(&format!("{text}{channel}schedule = \"night\"\n"), directory.path());
    let line_up = reading.line_up.unwrap_or_else(|| panic!("{:?}", reading.findings));
    let timetable = timetable(&line_up);
    let (day, night) = (timetable.at(0), timetable.at(3_600));
    assert_eq!(day.channels, [Some(1_000_000)]);
    let off: Vec<_> = day.off.iter().collect();
    assert_eq!(off, [&ObjectId { channel: 0, object: 0 }]);
    let unsaid: Vec<_> = day.unsaid.iter().collect();
    assert_eq!(unsaid, [&Digest::of(b"release").bytes()]);
    assert_eq!(night, Roster::all(&line_up));
}

#[test]
fn an_interface_is_one_by_name_and_by_address() {
    let schedules = "[[interface]]\nname = \"127.0.0.1\"\nbit_rate_kbps = 1500\n\
                     [[schedule]]\nname = \"a\"\ntimezone = \"UTC\"\n[[schedule.window]]\n\
                     from = \"01:00\"\nto = \"02:00\"\npriority = 1\n\
                     [[schedule]]\nname = \"b\"\ntimezone = \"UTC\"\n[[schedule.window]]\n\
                     from = \"01:00\"\nto = \"02:00\"\n";
    let mut line_up = line_up(schedules);
    line_up.channels[0].interface = Some("lo".to_owned());
    line_up.channels[1].interface = Some("127.0.0.1".to_owned());
    assert_eq!(said(&line_up, &timetable(&line_up).at(3_600)), ["a"]);
    line_up.channels[1].interface = Some("an interface of another machine".to_owned());
    assert_eq!(said(&line_up, &timetable(&line_up).at(3_600)), ["a", "b"], "not what it may carry");
}

#[test]
fn a_vendors_sender_follows_its_schedule_and_takes_its_share_of_the_interface() {
    let schedules = "[[interface]]\nname = \"eth1\"\nbit_rate_kbps = 1500\n\
                     [[vendor_sender]]\nname = \"dune\"\nprogram = \"/x\"\nfile = \"x\"\ngroup = \"239.255.60.1:5000\"\n\
                     interface = \"eth1\"\ncounted_kbps = 600\nschedule = \"a\"\n\
                     [[schedule]]\nname = \"a\"\ntimezone = \"UTC\"\n[[schedule.window]]\n\
                     from = \"01:00\"\nto = \"03:00\"\nbit_rate_kbps = 800\n\
                     [[schedule]]\nname = \"b\"\ntimezone = \"UTC\"\n[[schedule.window]]\n\
                     from = \"02:00\"\nto = \"04:00\"\npriority = 1\n";
    let channels = channel("b", 1);
    let line_up = lineup::parse(&format!("{schedules}{channels}"), Path::new("/")).line_up.unwrap();
    let timetable = timetable(&line_up);
    let runs = |at| (said(&line_up, &timetable.at(at)), timetable.at(at).vendor_senders);
    assert_eq!(runs(3_599), (vec![], vec![false]));
    assert_eq!(runs(3_600), (vec![], vec![true]), "at its own rate, whatever the window says");
    assert_eq!(runs(7_200), (vec!["b".to_owned()], vec![false]), "the higher priority goes first");
    assert_eq!(timetable.changes(0).vendor_senders, [Some(3_600)]);
    assert_eq!(timetable.changes(0).channels, [Some(7_200)]);
    let findings = timetable.over_budget(&line_up, 0);
    let [finding] = &findings[..] else { panic!("{findings:?}") };
    assert!(finding.message.contains("with vendor sender `dune` that would be"), "{finding}");
}

#[test]
fn thirty_two_channels_of_ten_windows_are_asked_in_no_time() {
    let windows: String = (0..10)
        .map(|at| {
            if at % 2 == 0 {
                format!("[[schedule.window]]\nfrom = \"{at:02}:30\"\nto = \"{at:02}:50\"\n")
            } else {
                format!("[[schedule.window]]\ncron = \"{at} {at} 1-30 * mon-fri\"\nminutes = 20\n")
            }
        })
        .collect();
    let schedule =
        |at| format!("[[schedule]]\nname = \"s{at}\"\ntimezone = \"Europe/Stockholm\"\n{windows}");
    let line_up = line_up(&(0..32).map(schedule).collect::<String>());
    let timetable = timetable(&line_up);
    let from = 1_795_000_000;
    timetable.at(from);
    let begin = Instant::now();
    for second in 0..1_000 {
        timetable.at(from + second);
    }
    let each = begin.elapsed() / 1_000;
    // Measured 0.3 us, not optimized, on a machine shared with others.
    assert!(each.as_micros() < 1_000, "{each:?}");
}

const ZONES: [&str; 9] = [
    "UTC",
    "Europe/Stockholm",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Asia/Kolkata",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Antarctica/Troll",
    "America/New_York",
];

fn zones() -> impl Strategy<Value = TimeZone> {
    prop::sample::select(&ZONES[..]).prop_map(|name| zone::find(name).unwrap())
}

/// Moments near a change of the clock, and any.
fn moments() -> impl Strategy<Value = i64> {
    let near = (0..4_000_i64, -10_000..10_000_i64).prop_map(|(week, by)| week * 604_800 + by);
    prop_oneof![near, 1_770_000_000..1_900_000_000_i64, any::<i64>()]
}

fn clock() -> impl Strategy<Value = String> {
    (0..24, prop::sample::select(&[0, 15, 29, 30, 59][..]))
        .prop_map(|(hour, minute)| format!("{hour:02}:{minute:02}"))
}

fn windows() -> impl Strategy<Value = String> {
    let daily = (clock(), clock()).prop_filter("equal", |(from, to)| from != to);
    let daily = daily.prop_map(|(from, to)| format!("from = \"{from}\"\nto = \"{to}\""));
    let cron = (0..60, 0..24, 1..300).prop_map(|(minute, hour, minutes)| {
        format!("cron = \"{minute} {hour} * * mon-sat\"\nminutes = {minutes}")
    });
    let often = (1..30, 1..40)
        .prop_map(|(step, minutes)| format!("cron = \"*/{step} 0-4 * * *\"\nminutes = {minutes}"));
    let window =
        (prop_oneof![daily, cron, often], 1..5, -1..2).prop_map(|(when, rate, priority)| {
            format!("[[schedule.window]]\n{when}\nbit_rate_kbps = {rate}\npriority = {priority}\n")
        });
    prop::collection::vec(window, 1..4).prop_map(|windows| windows.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn each_time_on_the_clock_is_one_moment_and_they_are_in_order(
        zone in zones(), unix_s in 0..4_000_000_000_i64
    ) {
        let clock = reached(&zone, unix_s);
        prop_assert!(moment(&zone, clock) <= unix_s);
        prop_assert!(moment(&zone, clock + 1.second()) > unix_s);
    }

    #[test]
    fn no_moment_of_any_zone_is_too_much(zone in any::<prop::sample::Index>(), unix_s in any::<i64>(), windows in windows()) {
        let names = zone::names();
        let name = zone.get(&names);
        let line_up = line_up(&format!("[[schedule]]\nname = \"a\"\ntimezone = \"{name}\"\nblack_out = [\"9999-12-31\", \"0001-01-01\"]\n{windows}"));
        let timetable = timetable(&line_up);
        for unix_s in [unix_s, i64::MIN, i64::MAX, 0] {
            timetable.at(unix_s);
            timetable.look(unix_s);
        timetable.changes(unix_s);
        }
    }

    #[test]
    fn the_next_change_is_the_next_moment_that_is_otherwise(
        zone in prop::sample::select(&ZONES[..]), at in moments(), windows in windows(),
    ) {
        let at = at.clamp(-60_000_000_000, 100_000_000_000);
        let black_out = Timestamp::from_second(at).unwrap().to_zoned(TimeZone::UTC).date();
        let black_out = black_out + 1.day();
        let line_up = line_up(&format!(
            "[[schedule]]\nname = \"a\"\ntimezone = \"{zone}\"\nblack_out = [\"{black_out}\"]\n{windows}"
        ));
        let timetable = timetable(&line_up);
        let next = timetable.next_change(at);
        let roster = timetable.look(at).0;
        prop_assert_eq!(&timetable.at(at), &roster);
        // All times are whole minutes; zones may be off by seconds in the past.
        let step = if at < 0 { 1 } else { 60 };
        let until = next.unwrap_or(i64::MAX).min(at + step * 2_000);
        let mut asked = at + step - at.rem_euclid(step);
        while asked < until {
            prop_assert_eq!(&timetable.look(asked).0, &roster, "{} before {:?}", asked, next);
            asked += step;
        }
        if let Some(next) = next {
            prop_assert!(next > at);
            prop_assert_ne!(&timetable.look(next).0, &roster);
            prop_assert_eq!(&timetable.look(next - 1).0, &roster);
            prop_assert_eq!(&timetable.at(next), &timetable.look(next).0);
        }
    }
}

#[test]
fn moments_are_what_the_clock_shows() {
    let stockholm = zone::find("Europe/Stockholm").unwrap();
    let at = |hour, minute| moment(&stockholm, date(2026, 3, 29).at(hour, minute, 0, 0));
    let skip = "2026-03-29T01:00:00Z".parse::<Timestamp>().unwrap().as_second();
    assert_eq!(
        [at(1, 59), at(2, 0), at(2, 30), at(2, 59), at(3, 0)],
        [skip - 60, skip, skip, skip, skip]
    );
}

/// What the timetable looks at moment by moment is what it tells when it looks at a year.
#[test]
fn a_year_at_once_is_the_same_as_moment_by_moment() {
    for section in DECISIONS.split("\n## ").skip(1) {
        let title = section.lines().next().unwrap();
        let (_, rest) = section.split_once("```toml\n").unwrap();
        let line_up = line_up(rest.split_once("```").unwrap().0);
        let timetable = timetable(&line_up);
        // From the second half of 2026 on, so that both changes of the clock are in.
        let span = (1_780_000_000, 1_815_000_000);
        let mut shown: Vec<(i64, Roster)> = Vec::new();
        let end = timetable.visit(span, |moment| {
            if shown.last().is_none_or(|(_, last)| last != moment.roster) {
                shown.push((moment.at_s, moment.roster.clone()));
            }
        });
        assert_eq!(end, span.1, "{title}");
        let mut asked = vec![(span.0, timetable.at(span.0))];
        while let Some(at) = timetable.next_change(asked.last().unwrap().0) {
            if at >= span.1 || asked.len() > 3_000 {
                break;
            }
            asked.push((at, timetable.at(at)));
        }
        shown.truncate(asked.len());
        assert_eq!(asked, shown, "{title}");
    }
}

fn over(schedules: &str) -> Vec<String> {
    let line_up = line_up(schedules);
    let now_s = "2026-12-01T00:00:00Z".parse::<Timestamp>().unwrap().as_second();
    let findings = timetable(&line_up).over_budget(&line_up, now_s);
    let said = findings.iter().map(|it| format!("{:?} {it}", it.severity));
    said.collect()
}

#[test]
fn who_waits_is_a_warning_and_who_goes_first_must_be_said() {
    let cap = |kbps| format!("[[interface]]\nname = \"eth1\"\nbit_rate_kbps = {kbps}\n");
    let schedule = |name: &str, hours: (u32, u32), priority| {
        format!(
            "[[schedule]]\nname = \"{name}\"\ntimezone = \"UTC\"\n[[schedule.window]]\n\
             from = \"{:02}:00\"\nto = \"{:02}:00\"\npriority = {priority}\n",
            hours.0, hours.1
        )
    };
    let two =
        |kbps, priority| cap(kbps) + &schedule("a", (1, 3), priority) + &schedule("b", (2, 4), 0);
    assert_eq!(over(&two(2_000, 0)), [""; 0], "both fit");
    let tie = over(&two(1_500, 0));
    let told = "interface `eth1` may carry 1500 kbit/s, and with channel `b` that would be 500 kbit/s too much, \
                400 times in 400 days, first at 2026-12-01T02:00:00+00:00 (schedule `b`)";
    assert_eq!(tie.len(), 1, "{tie:?}");
    assert!(tie[0].starts_with("Error") && tie[0].contains(told), "{tie:?}");
    assert!(tie[0].contains("the priority of channel `a` is the same"), "{tie:?}");
    let waits = over(&two(1_500, 1));
    assert_eq!(waits.len(), 1, "{waits:?}");
    assert!(waits[0].starts_with("Warning") && waits[0].contains(told), "{waits:?}");
    assert!(waits[0].ends_with("and it waits"), "{waits:?}");
    let apart = cap(1_000) + &schedule("a", (1, 2), 0) + &schedule("b", (2, 3), 0);
    assert_eq!(over(&apart), [""; 0], "back to back is no overlap");
    let never = over(&(cap(900) + &schedule("a", (1, 2), 0)));
    assert!(never[0].starts_with("Error") && never[0].contains("100 kbit/s too much"), "{never:?}");
}

/// The runs of the first channel between two moments: from, to, what is not as usual.
fn runs(schedules: &str, from: &str, to: &str) -> Vec<String> {
    let line_up = line_up(schedules);
    let timetable = timetable(&line_up);
    let second = |text: &str| text.parse::<Timestamp>().unwrap().as_second();
    let mut followers = timetable.followers();
    timetable.visit((second(from), second(to)), |moment| followers[0].add(moment));
    let shown = followers[0].runs.iter().map(|run| {
        let end = run.end_s.map_or_else(|| "?".to_owned(), |end| timetable.text(0, end));
        let length = run.end_s.map_or_else(String::new, |end| runs::span_text(end - run.start_s));
        let notes = timetable.notes(0, run).join("; ");
        format!("{} {end} {length}: {notes}", timetable.text(0, run.start_s))
    });
    shown.collect()
}

#[test]
fn runs_that_are_not_as_usual_say_why() {
    let schedule = |window: &str| {
        format!(
            "[[schedule]]\nname = \"night\"\ntimezone = \"Europe/Stockholm\"\n\
             black_out = [\"2026-12-24\"]\n[[schedule.window]]\n{window}\n"
        )
    };
    let night = schedule("from = \"23:00\"\nto = \"05:00\"");
    assert_eq!(
        runs(&night, "2026-12-22T12:00:00Z", "2026-12-26T00:00:00Z"),
        [
            "2026-12-22T23:00:00+01:00 2026-12-23T05:00:00+01:00 6 h: ",
            "2026-12-23T23:00:00+01:00 2026-12-24T00:00:00+01:00 1 h: ends at a black-out",
            "2026-12-25T00:00:00+01:00 2026-12-25T05:00:00+01:00 5 h: begins behind a black-out",
            "2026-12-25T23:00:00+01:00 ? : ",
        ]
    );
    assert_eq!(
        runs(&night, "2027-03-27T12:00:00Z", "2027-03-28T12:00:00Z"),
        [
            "2027-03-27T23:00:00+01:00 2027-03-28T05:00:00+02:00 5 h: 5 h instead of 6 h: the clock is put forward"
        ]
    );
    assert_eq!(
        runs(&night, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z"),
        [
            "2026-10-24T23:00:00+02:00 2026-10-25T05:00:00+01:00 7 h: 7 h instead of 6 h: the clock is put back"
        ]
    );
    let skipped = schedule("cron = \"30 2 * * *\"\nminutes = 90");
    assert_eq!(
        runs(&skipped, "2027-03-27T12:00:00Z", "2027-03-28T12:00:00Z"),
        [
            "2027-03-28T03:00:00+02:00 2027-03-28T04:30:00+02:00 1 h 30 min: begins at 03:00 instead of 02:30: the \
          clock is put forward"
        ]
    );
    let steps = schedule(
        "from = \"01:00\"\nto = \"02:00\"\n[[schedule.window]]\nfrom = \"02:00\"\nto = \"03:00\"\n\
                          bit_rate_kbps = 9000",
    );
    assert_eq!(
        runs(&steps, "2026-12-01T12:00:00Z", "2026-12-02T12:00:00Z"),
        [
            "2026-12-02T01:00:00+01:00 2026-12-02T02:00:00+01:00 1 h: ",
            "2026-12-02T02:00:00+01:00 2026-12-02T03:00:00+01:00 1 h: ",
        ]
    );
}

#[test]
fn what_is_on_air_now_began_with_its_window_or_behind_a_black_out() {
    let line_up = line_up(
        "[[schedule]]\nname = \"night\"\ntimezone = \"UTC\"\nblack_out = [\"2026-12-24\"]\n\
         [[schedule.window]]\nfrom = \"23:00\"\nto = \"05:00\"\n",
    );
    let timetable = timetable(&line_up);
    let second = |text: &str| text.parse::<Timestamp>().unwrap().as_second();
    let began = |at| timetable.text(0, timetable.began(0, 0, second(at)));
    assert_eq!(began("2026-12-23T04:00:00Z"), "2026-12-22T23:00:00+00:00");
    assert_eq!(began("2026-12-25T04:00:00Z"), "2026-12-25T00:00:00+00:00");
}

#[test]
fn what_changes_next_is_told_for_each_channel() {
    let line_up = line_up(
        "[[schedule]]\nname = \"a\"\ntimezone = \"UTC\"\n[[schedule.window]]\nfrom = \"01:00\"\nto = \"02:00\"\n\
         [[schedule]]\nname = \"b\"\ntimezone = \"UTC\"\n[[schedule.window]]\nfrom = \"01:30\"\nto = \"02:30\"\n\
         [[schedule]]\nname = \"c\"\ntimezone = \"UTC\"\n[[schedule.window]]\nfrom = \"1970-03-01T00:00\"\n\
         to = \"1970-03-01T00:01\"\n",
    );
    let timetable = timetable(&line_up);
    let march = 59 * 86_400;
    let told = |at| {
        let Changes { any_s, channels, .. } = timetable.changes(at);
        (any_s.unwrap(), channels)
    };
    assert_eq!(told(0), (3_600, vec![Some(3_600), Some(5_400), Some(march)]));
    assert_eq!(told(3_599), (3_600, vec![Some(3_600), Some(5_400), Some(march)]));
    assert_eq!(told(3_600), (5_400, vec![Some(7_200), Some(5_400), Some(march)]));
    assert_eq!(told(7_300), (9_000, vec![Some(90_000), Some(9_000), Some(march)]));
    assert_eq!(
        told(0),
        (3_600, vec![Some(3_600), Some(5_400), Some(march)]),
        "the clock was set back"
    );
    assert_eq!(timetable.next_change(5_400), Some(7_200));
}
