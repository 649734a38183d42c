//! A line-up in words: things with their facts.

use std::collections::HashMap;
use std::fmt::Debug;

use super::{DIGITS, Side, Thing};
use crate::lineup::{
    Announce, Channel, Days, Dune, LineUp, Mag, Object, ObjectId, Overlap, OverlapSpan, Repair,
    Schedule, Source, StbConfig, Target, Trust, Unicast, UpdateList, VendorSender, When, Window,
};
use crate::spool::Digest;

type Facts = Vec<(&'static str, String)>;

/// Everything that a line-up says. No two things have the same name.
pub(super) fn of(side: Side<'_>) -> Vec<Thing> {
    let line_up = side.line_up;
    let mut things = Vec::new();
    things.extend(line_up.announce.as_ref().map(announce));
    for (place, channel) in line_up.channels.iter().enumerate() {
        things.push(self::channel(line_up, channel));
        for (object, spec) in channel.objects.iter().enumerate() {
            let id = ObjectId { channel: place, object };
            things.push(self::object(side, channel, id, spec));
        }
    }
    things.extend(line_up.vendor_senders.iter().map(|it| vendor_sender(line_up, it)));
    things.extend(line_up.schedules.iter().map(schedule));
    things.extend(line_up.interfaces.iter().map(|interface| {
        let facts = vec![("at most", kbps(interface.bit_rate_bps))];
        (format!("interface {}", interface.name), facts)
    }));
    things.extend(line_up.trust.iter().flat_map(|trust| statements(line_up, trust)));
    things.extend(line_up.unicast.as_ref().map(unicast));
    things.extend(line_up.stbconfigs.iter().map(|it| stbconfig(line_up, it)));
    things.extend(line_up.targets.iter().enumerate().map(target));
    things.extend(line_up.update_lists.iter().map(|it| update_list(line_up, it)));
    things.extend(line_up.dunes.iter().map(|it| dune(line_up, it)));
    let mut seen = HashMap::new();
    for (name, _) in &mut things {
        // Statements of one file name may lie in two directories.
        let count = seen.entry(name.clone()).or_insert(0_u32);
        *count += 1;
        if *count > 1 {
            *name += &format!(" ({count})");
        }
    }
    things
}

fn add(facts: &mut Facts, name: &'static str, value: Option<impl ToString>) {
    facts.extend(value.map(|value| (name, value.to_string())));
}

/// A rate as operators write it.
fn kbps(bit_rate_bps: u64) -> String {
    match (bit_rate_bps / 1_000, bit_rate_bps % 1_000) {
        (whole, 0) => format!("{whole} kbit/s"),
        (whole, rest) => format!("{whole}.{rest:03} kbit/s"),
    }
}

fn digits(digest: &Digest) -> String {
    let mut hex = digest.hex();
    hex.truncate(DIGITS);
    hex
}

fn announce(announce: &Announce) -> Thing {
    let mut facts = vec![
        ("group", announce.group.to_string()),
        ("ttl", announce.ttl.to_string()),
        ("dscp", announce.dscp.to_string()),
    ];
    add(&mut facts, "interface", announce.interface.as_ref());
    ("announce session".to_owned(), facts)
}

fn channel(line_up: &LineUp, channel: &Channel) -> Thing {
    let mut facts = vec![
        ("group", channel.group.to_string()),
        ("bit rate", kbps(channel.bit_rate_bps)),
        ("carousel", channel.protocol.word().to_owned()),
        ("slice", format!("{} bytes", channel.slice_bytes)),
        ("ttl", channel.ttl.to_string()),
        ("dscp", channel.dscp.to_string()),
        ("burst", format!("{} us", channel.burst.0)),
        ("burst delay", format!("{} ms", channel.burst_delay.0 / 1_000)),
    ];
    add(&mut facts, "interface", channel.interface.as_ref());
    facts.extend(channel.mag.iter().flat_map(mag));
    add(&mut facts, "repair", channel.repair.as_ref().map(repair));
    add(&mut facts, "overlap", channel.overlap.as_ref().map(overlap));
    add(&mut facts, "schedule", followed(line_up, channel.schedule));
    (format!("channel {}", channel.name), facts)
}

fn vendor_sender(line_up: &LineUp, sender: &VendorSender) -> Thing {
    let arguments = sender.arguments();
    let arguments: Vec<_> = arguments.iter().map(|it| it.to_string_lossy()).collect();
    let mut facts = vec![
        ("program", sender.program.display().to_string()),
        ("arguments", arguments.join(" ")),
        ("counted as", kbps(sender.counted_bps)),
    ];
    add(&mut facts, "interface", sender.interface.as_ref());
    add(&mut facts, "version", sender.version.as_ref());
    add(&mut facts, "schedule", followed(line_up, sender.schedule));
    (format!("vendor sender {}", sender.name), facts)
}

fn mag(mag: &Mag) -> Facts {
    let Mag { serial, description, description_repeat, role, model, key, force } = mag;
    let repeat = description_repeat.0 / 1_000;
    let mut facts =
        vec![("role", role.word().to_owned()), ("description repeat", format!("{repeat} ms"))];
    add(&mut facts, "serial", *serial);
    add(&mut facts, "description", description.as_ref().map(stbcast_mag::Description::text));
    add(&mut facts, "model", model.as_ref());
    add(&mut facts, "key", key.as_ref().map(|path| path.display()));
    add(&mut facts, "force", force.then_some("yes"));
    facts
}

fn repair(repair: &Repair) -> String {
    let mut text = format!("{} of the source symbols by {}", repair.ratio, repair.choice);
    if let Some(group) = repair.group {
        text += &format!(" on {group}");
    }
    if repair.keep_total {
        text += " within the rate of the channel";
    }
    if repair.senders > 1 {
        text += &format!(", sender {} of {}", repair.sender_index + 1, repair.senders);
    }
    text
}

fn overlap(overlap: &Overlap) -> String {
    let Overlap { share, span, finish_past_permille } = overlap;
    let span = match span {
        OverlapSpan::Cycles(cycles) => format!("{cycles} cycles"),
        OverlapSpan::Time(time) => format!("{} s", time.0 / 1_000_000),
    };
    let past = f64::from(*finish_past_permille) / 10.0;
    format!("{share} of the rate for {span}, boxes past {past} % finish")
}

fn object(side: Side<'_>, channel: &Channel, id: ObjectId, object: &Object) -> Thing {
    let mut facts = Facts::new();
    let (source, content) = match &object.source {
        Source::File(path) => (path.display().to_string(), (side.digest)(id)),
        Source::Time => ("the time".to_owned(), None),
        Source::Bootcast { image, splash, diagnostic } => {
            let named = [("image", Some(*image)), ("splash", *splash), ("diagnostic", *diagnostic)];
            let named = named
                .iter()
                .filter_map(|(word, id)| Some(format!("{word} {}", name(side.line_up, (*id)?))));
            (format!("bootcast of {}", named.collect::<Vec<_>>().join(", ")), None)
        }
        Source::StbConfig(name) => (format!("stbconfig {name}"), None),
        Source::Reboot(name) => {
            let requests = side.line_up.reboot(name).map(|reboot| debug(&reboot.requests));
            let digest = requests.map(|requests| Digest::of(requests.as_bytes()));
            (format!("reboot {name}"), digest)
        }
    };
    facts.push(("source", source));
    add(&mut facts, "content", content.as_ref().map(digits));
    add(&mut facts, "version", object.version.as_ref());
    add(&mut facts, "type", object.object_type);
    add(&mut facts, "schedule", followed(side.line_up, object.schedule));
    facts.push(("precoding", object.precoding.to_string()));
    add(&mut facts, "check", object.check);
    if object.delay.0 > 0 {
        facts.push(("delay", format!("{} ms", object.delay.0 / 1_000)));
    }
    (format!("channel {}, object {}", channel.name, object.name), facts)
}

fn name(line_up: &LineUp, id: ObjectId) -> String {
    line_up.object(id).map_or_else(|| "?".to_owned(), |(_, object)| object.name.to_string())
}

/// Name of the schedule at a place.
fn followed(line_up: &LineUp, place: Option<usize>) -> Option<&str> {
    line_up.schedules.get(place?).map(|schedule| schedule.name.as_str())
}

fn schedule(schedule: &Schedule) -> Thing {
    let mut facts = vec![("time zone", schedule.timezone.clone())];
    let dates = schedule.black_out.iter().map(|(first, last)| {
        if first == last { first.to_string() } else { format!("{first}/{last}") }
    });
    let dates = dates.collect::<Vec<_>>().join(" ");
    add(&mut facts, "black-out", Some(dates).filter(|dates| !dates.is_empty()));
    let windows: Vec<_> = schedule.windows.iter().map(window).collect();
    facts.push(("windows", format!("[{}]", windows.join("; "))));
    (format!("schedule {}", schedule.name), facts)
}

fn window(window: &Window) -> String {
    let mut text = match &window.when {
        When::Cron { cron, minutes } => format!("cron `{cron}` for {minutes} min"),
        When::Daily { from, to, days } if *days == Days::ALL => format!("{from} to {to} daily"),
        When::Daily { from, to, days } => {
            let monday = jiff::civil::Weekday::Monday;
            let all = monday.cycle_forward().zip(Days::WORDS);
            let on = all.filter(|(day, _)| days.has(*day)).map(|(_, word)| word);
            format!("{from} to {to} on {}", on.collect::<Vec<_>>().join(" "))
        }
        When::Dated { from, to } => format!("{from} to {to}"),
    };
    if let Some(bit_rate_bps) = window.bit_rate_bps {
        text += &format!(" at {}", kbps(bit_rate_bps));
    }
    if window.priority != 0 {
        text += &format!(", priority {}", window.priority);
    }
    text
}

fn statements(line_up: &LineUp, trust: &Trust) -> Vec<Thing> {
    let kinds = [
        ("root", &trust.roots),
        ("release", &trust.releases),
        ("permit", &trust.permits),
        ("action", &trust.actions),
    ];
    let things = kinds.into_iter().flat_map(|(kind, documents)| {
        documents.iter().map(move |document| {
            let file = document.path.file_name().unwrap_or(document.path.as_os_str());
            let content = digits(&Digest::of(&document.bytes));
            let mut facts = vec![("content", content)];
            add(&mut facts, "schedule", followed(line_up, document.schedule));
            (format!("{kind} {}", file.to_string_lossy()), facts)
        })
    });
    things.collect()
}

fn unicast(unicast: &Unicast) -> Thing {
    let mut facts = vec![
        ("urls", unicast.urls.join(" ")),
        ("after", format!("{} cycles", unicast.after_cycles)),
        ("window", format!("{} s", unicast.window_s)),
    ];
    add(&mut facts, "boxes", unicast.boxes);
    add(&mut facts, "capacity", unicast.capacity_bps.map(kbps));
    ("unicast repair".to_owned(), facts)
}

fn stbconfig(line_up: &LineUp, stbconfig: &StbConfig) -> Thing {
    let content = by_names(line_up, debug(&stbconfig.content));
    (format!("stbconfig {}", stbconfig.name), vec![("says", content)])
}

fn update_list(line_up: &LineUp, list: &UpdateList) -> Thing {
    let entries = by_names(line_up, debug(&list.entries));
    let facts = vec![("path", list.path.clone()), ("entries", entries)];
    (format!("update_list {}", list.model), facts)
}

fn dune(line_up: &LineUp, dune: &Dune) -> Thing {
    let lists: Vec<_> = dune.lists.iter().map(|variant| variant.word()).collect();
    let version = |place: Option<usize>| Some(&dune.firmwares.get(place?)?.version);
    let mut facts = vec![
        ("prefix", dune.prefix.clone()),
        ("lists", lists.join(" ")),
        ("firmwares", by_names(line_up, debug(&dune.firmwares))),
    ];
    add(&mut facts, "checker", version(dune.checker));
    add(&mut facts, "bootstrap", version(dune.bootstrap));
    (format!("dune {}", dune.product), facts)
}

/// Objects are told by their names: their places change with the line-up.
fn by_names(line_up: &LineUp, mut content: String) -> String {
    for (place, channel) in line_up.channels.iter().enumerate() {
        for (object, spec) in channel.objects.iter().enumerate() {
            let id = ObjectId { channel: place, object };
            content = content.replace(&debug(&id), &format!("`{}`", spec.name));
        }
    }
    content
}

fn target((place, target): (usize, &Target)) -> Thing {
    let Target { name, answer, .. } = target;
    let conditions = debug(&Target { name: String::new(), ..target.clone() });
    let facts = vec![
        ("answer", answer.to_string()),
        ("place", (place + 1).to_string()),
        // Conditions are long: that they changed is told, not all of them.
        ("conditions", digits(&Digest::of(conditions.as_bytes()))),
    ];
    (format!("target {name}"), facts)
}

fn debug(value: &impl Debug) -> String {
    format!("{value:?}")
}
