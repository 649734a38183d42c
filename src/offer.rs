//! What a given box would do by a line-up, and why: each step of its own procedure, in its own order.

use stbcast_bootcast::dune::{
    Address, Checker, CheckerDecision, CheckerFile, CheckerKind, Found, Method, NativeUi, Passed,
    Variant, native_ui,
};
use stbcast_bootcast::mag::{
    self, Announced, AnnouncedDecision, Choice, HeaderCheck, ImageDate, Portal, UpdateDate,
};
use stbcast_mag::image::acceptance::is_newer;

use crate::lineup::{Dune, LineUp, Protocol, Role, Source, UpdateList};
use crate::lists::{Headers, ImageFacts, Known};

/// What a box does by one of the ways it has.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Offer {
    /// The way, in words.
    pub way: String,
    /// What it takes, where it takes something.
    pub takes: Option<Taken>,
    /// What it does, in words.
    pub does: String,
    /// Why, step by step.
    pub why: Vec<String>,
}

/// What a box takes.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Taken {
    /// The version, as the box names it.
    pub version: String,
    /// Where it is.
    pub url: String,
    /// Whether whoever watches is asked.
    pub asks: bool,
}

/// A MAG box.
#[derive(Clone, Debug)]
pub struct MagBox {
    /// Its model.
    pub model: String,
    /// `Image_Version`.
    pub image_version: u32,
    /// `Ver_Forced` is `Yes`.
    pub forced: bool,
    /// What its portal is set to.
    pub portal: Portal,
    /// `update_ver` and `update_url`, where DHCP tells them.
    pub announced: Option<(String, String)>,
}

/// A Dune box.
#[derive(Clone, Debug)]
pub struct DuneBox {
    /// Its product id.
    pub product: String,
    /// The firmware that runs.
    pub installed: String,
    /// The list that it asks for; both are told where that is not known.
    pub variant: Option<Variant>,
    /// Whether it wants betas.
    pub wants_betas: bool,
    /// Options 2 and 3, where DHCP tells them.
    pub dhcp: Option<CheckerFile>,
    /// By which methods its upgrade checker looks.
    pub methods: Vec<Method>,
    /// How it came by an address.
    pub address: Address,
}

/// What a MAG box does by the portal, by what DHCP announces, and in Bootstrap.
pub fn mag(line_up: &LineUp, it: &MagBox) -> Vec<Offer> {
    let headers = Headers::of_files(line_up);
    let known = everything(line_up, &headers);
    let lists = line_up.update_lists.iter();
    let list = lists.into_iter().find(|list| list.model.eq_ignore_ascii_case(&it.model));
    let mut offers = vec![portal(&known, list, it)];
    offers.push(announced(line_up, it));
    offers.extend(bootstrap(line_up, it));
    offers
}

fn everything<'a>(line_up: &'a LineUp, headers: &'a Headers) -> Known<'a> {
    Known { line_up, headers, digest: &|_| None, has: &|_| true, runs: &|_| true }
}

fn nothing(way: &str, does: &str, why: Vec<String>) -> Offer {
    Offer { way: way.to_owned(), takes: None, does: does.to_owned(), why }
}

fn portal(known: &Known<'_>, list: Option<&UpdateList>, it: &MagBox) -> Offer {
    const WAY: &str = "portal";
    let Some(list) = list else {
        let why = format!("no [[update_list]] of model {}", it.model);
        return nothing(WAY, "nothing", vec![why]);
    };
    let (made, findings) = known.update_list(list);
    let mut why: Vec<_> = vec![format!("it reads {}", list.path)];
    why.extend(findings.iter().map(ToString::to_string));
    match it.portal.image_date {
        ImageDate::Unset => why.push("Image_Date is unset: every entry is later".to_owned()),
        ImageDate::Unreadable => {
            why.push("Image_Date cannot be read: every entry is later".to_owned());
        }
        ImageDate::At(date) => why.push(format!("what runs was made {}", date.to_list())),
    }
    let choice = it.portal.choose(&made);
    if choice == Choice::Off {
        return nothing(WAY, "nothing: autoupdate_cond is 2", why);
    }
    for verdict in it.portal.explain(&made) {
        let Some(entry) = made.entries.get(verdict.entry) else { continue };
        let mag::UpdateEntry { name, kind, date, .. } = entry;
        why.push(format!("entry `{name}`, {kind}, {date}: {}", verdict.why));
    }
    let Choice::Entry { entry, asks } = choice else {
        return nothing(WAY, "nothing", why);
    };
    let Some(entry) = made.entries.get(entry) else { return nothing(WAY, "nothing", why) };
    let taken = || Taken { version: entry.name.clone(), url: entry.url.clone(), asks };
    let (takes, does) = match header_date(known, list, entry) {
        None => (Some(taken()), "installs it, if its header says the same date"),
        Some(date) => match it.portal.check_header(&date) {
            HeaderCheck::Installs => (Some(taken()), "installs it: its header is later, too"),
            HeaderCheck::NotLater => {
                (None, "nothing: the header of the image is not later than what runs")
            }
            HeaderCheck::NoDate => (None, "nothing: the date of the image's header cannot be read"),
        },
    };
    let asks = if asks { "asks whoever watches, then " } else { "" };
    let name = &entry.name;
    let does =
        if takes.is_some() { format!("takes {name}: {asks}{does}") } else { does.to_owned() };
    Offer { way: WAY.to_owned(), takes, does, why }
}

/// The date in the header of the image of an entry, where the image is in the line-up.
fn header_date(known: &Known<'_>, list: &UpdateList, made: &mag::UpdateEntry) -> Option<String> {
    let facts =
        list.entries.iter().filter_map(|entry| known.headers.get(entry.object?)?.as_ref().ok());
    let is_it =
        |facts: &&ImageFacts| facts.date().ok().map(UpdateDate::to_list) == Some(made.date.clone());
    facts.into_iter().find(is_it).map(|facts| facts.date.clone())
}

fn announced(line_up: &LineUp, it: &MagBox) -> Offer {
    const WAY: &str = "DHCP";
    let Some((version, url)) = &it.announced else {
        let why = vec!["DHCP tells it no update_ver and update_url".to_owned()];
        return nothing(WAY, "nothing", why);
    };
    let running = it.image_version.to_string();
    let header = of_url(line_up, url).map(|facts| facts.version.to_string());
    let mut why = vec![format!("update_ver is {version}, Image_Version {running}")];
    let is_read = url.starts_with("http://") || url.starts_with("tftp://");
    if is_read {
        why.push(match &header {
            Some(header) => format!("the first 1,000 bytes at {url} say Image Version:{header}"),
            None => format!("what lies at {url} is not in this line-up: taken to say the same"),
        });
    }
    let header = header.as_deref().or(Some(version.as_str()).filter(|_| is_read));
    let decided = Announced { version, url }.decide(&running, header);
    let takes = matches!(decided, AnnouncedDecision::Reboots { .. }).then(|| Taken {
        version: version.clone(),
        url: url.clone(),
        asks: false,
    });
    if let (true, Ok(offered)) = (takes.is_some(), version.parse::<u32>()) {
        why.push(rule(offered, it));
    }
    Offer { way: WAY.to_owned(), takes, does: decided.to_string(), why }
}

/// The image of the line-up that a URL of ours leads to.
fn of_url(line_up: &LineUp, url: &str) -> Option<ImageFacts> {
    let images = line_up
        .channels
        .iter()
        .flat_map(|channel| channel.objects.iter().map(move |object| (channel, object)));
    let (_, object) = images.into_iter().find(|(channel, object)| {
        url.ends_with(&format!("/images/{}/{}", channel.name, object.name))
            || *url == format!("igmp://{}", channel.group)
    })?;
    let Source::File(path) = &object.source else { return None };
    ImageFacts::of_file(path).ok()
}

/// What Bootstrap says to a version.
fn rule(offered: u32, it: &MagBox) -> String {
    let MagBox { image_version: running, forced, .. } = it;
    let does = if is_newer(*running, offered, *forced) { "installs it" } else { "refuses it" };
    let forced = if *forced { "Ver_Forced is Yes" } else { "Ver_Forced is not Yes" };
    format!("Bootstrap {does}: {offered} is offered, {running} runs, {forced}")
}

/// What Bootstrap does with each image on a MAG channel.
fn bootstrap(line_up: &LineUp, it: &MagBox) -> Vec<Offer> {
    let is_image = |channel: &&crate::lineup::Channel| {
        channel.protocol == Protocol::Mag
            && channel.mag.as_ref().is_some_and(|mag| mag.role == Role::Image)
    };
    let mut offers = Vec::new();
    for channel in line_up.channels.iter().filter(is_image) {
        let url = format!("igmp://{}", channel.group);
        let way = format!("Bootstrap at {url}");
        let Some(Source::File(path)) = channel.objects.first().map(|object| &object.source) else {
            continue;
        };
        let facts = match ImageFacts::of_file(path) {
            Ok(facts) => facts,
            Err(why) => {
                offers.push(nothing(&way, "refuses the image", vec![why]));
                continue;
            }
        };
        if facts.model != it.model {
            let why = format!("the image is for {}, the box is a {}", facts.model, it.model);
            offers.push(nothing(&way, "refuses the image: status 2, wrong model", vec![why]));
            continue;
        }
        let mut why = vec![rule(facts.version, it)];
        why.push(
            "whose signatures it accepts is another question: `stbcast mag verify`".to_owned(),
        );
        let is_taken = is_newer(it.image_version, facts.version, it.forced);
        let version = facts.version.to_string();
        let takes = is_taken.then(|| Taken { version, url: url.clone(), asks: false });
        let does = if is_taken { "installs the image" } else { "refuses the image: not newer" };
        offers.push(Offer { way, takes, does: does.to_owned(), why });
    }
    offers
}

/// What a Dune box does by the native UI, the upgrade checker and the bootstrap checker. A box has one of
/// the three, by its firmware.
pub fn dune(line_up: &LineUp, it: &DuneBox) -> Vec<Offer> {
    let headers = Headers::default();
    let known = everything(line_up, &headers);
    let product = line_up.dunes.iter().find(|dune| dune.product == it.product);
    let mut offers = Vec::new();
    for variant in
        Variant::ALL.into_iter().filter(|variant| it.variant.is_none_or(|own| own == *variant))
    {
        offers.push(native(&known, product, variant, it));
    }
    let methods = it.methods.clone();
    let upgrade = Checker { kind: CheckerKind::Upgrade, methods, address: it.address };
    offers.push(checker(&known, product, (upgrade, "upgrade checker"), it));
    let bootstrap = Checker::bootstrap(it.address);
    offers.push(checker(&known, product, (bootstrap, "bootstrap checker"), it));
    offers
}

fn native(known: &Known<'_>, product: Option<&Dune>, variant: Variant, it: &DuneBox) -> Offer {
    let way = format!("native UI, {} list", variant.word());
    let product = product.filter(|product| product.lists.contains(&variant));
    let Some(product) = product else {
        let why = format!("no {} list of product {} in the line-up", variant.word(), it.product);
        return nothing(&way, "nothing", vec![why]);
    };
    let list = known.firmwares(product, variant);
    let mut why = vec![format!("it reads {}", product.list_path(variant))];
    let mut told = |passed: Vec<(&stbcast_bootcast::dune::Firmware, Passed)>| {
        why.extend(passed.iter().map(|(firmware, why)| format!("{}: {why}", firmware.version)));
    };
    let (takes, does) = match native_ui(&list, &it.installed, it.wants_betas) {
        NativeUi::NotListed => {
            why.push(format!("{} runs, which is not in the list", it.installed));
            (None, "nothing, and never anything: the version that runs is not listed".to_owned())
        }
        NativeUi::NothingNewer { passed } => {
            told(passed);
            why.push(format!("no other firmware stands above {}, which runs", it.installed));
            (None, "nothing".to_owned())
        }
        NativeUi::Suggests { firmware, passed } => {
            told(passed);
            why.push(format!("{}: the first above {}, which runs", firmware.version, it.installed));
            let (version, url) =
                (firmware.version.clone(), firmware.url.clone().unwrap_or_default());
            (Some(Taken { version, url, asks: true }), format!("suggests {}", firmware.version))
        }
    };
    Offer { way, takes, does, why }
}

fn checker(
    known: &Known<'_>,
    product: Option<&Dune>,
    (checker, way): (Checker, &str),
    it: &DuneBox,
) -> Offer {
    let is_upgrade = checker.kind == CheckerKind::Upgrade;
    let place = |dune: &Dune| if is_upgrade { dune.checker } else { dune.bootstrap };
    let url = product.and_then(|dune| known.checker(dune, place(dune)?));
    let words: Vec<_> = checker.methods.iter().map(|method| method.word()).collect();
    let mut why =
        vec![format!("it looks by {}", words.join(", then ")), found("DHCP", it.dhcp.as_ref())];
    why.push(found("its URL", url.as_ref()));
    why.push(format!("{} runs", it.installed));
    let found = Found { dhcp: it.dhcp.clone(), url };
    let (takes, does) = match checker.decide(&it.installed, &found) {
        CheckerDecision::NoMethod => (None, "nothing: it has no method".to_owned()),
        CheckerDecision::Waits => {
            (None, "shows an error and waits for an address for ever".to_owned())
        }
        CheckerDecision::BootsWithoutAddress => {
            (None, "nothing: without an address in 60 seconds it boots as usual".to_owned())
        }
        CheckerDecision::NothingFound => (None, "nothing: no firmware is found".to_owned()),
        CheckerDecision::Same(by) => {
            (None, format!("nothing: what it finds by {} is what runs", by.0.word()))
        }
        CheckerDecision::Installs { by, file, resets } => {
            let resets = if resets {
                ", and loses all settings (the image must be of type to_custom)"
            } else {
                ""
            };
            let does =
                format!("installs {} by {} without a question{resets}", file.version, by.0.word());
            let CheckerFile { version, url } = file.clone();
            (Some(Taken { version, url, asks: false }), does)
        }
    };
    Offer { way: way.to_owned(), takes, does, why }
}

fn found(by: &str, file: Option<&CheckerFile>) -> String {
    match file {
        Some(CheckerFile { version, url }) => format!("{by} tells {version} at {url}"),
        None => format!("{by} tells nothing"),
    }
}
