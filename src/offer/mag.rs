//! A MAG box.

use stbcast_bootcast::mag::{
    Announced, AnnouncedDecision, Choice, HeaderCheck, ImageDate, Portal, UpdateDate, UpdateEntry,
};
use stbcast_mag::image::acceptance::is_newer;

use super::{Offer, Taken, everything, nothing};
use crate::lineup::{Channel, LineUp, Protocol, Role, Source, UpdateList};
use crate::lists::{Headers, ImageFacts, Known};

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
        let UpdateEntry { name, kind, date, .. } = entry;
        why.push(format!("entry `{name}`, {kind}, {date}: {}", verdict.why));
    }
    let Choice::Entry { entry, asks } = choice else {
        return nothing(WAY, "nothing", why);
    };
    let Some(entry) = made.entries.get(entry) else { return nothing(WAY, "nothing", why) };
    let (is_installed, does) = match header_date(known, list, entry) {
        None => (true, "installs it, if its header says the same date"),
        Some(date) => header(it.portal.check_header(&date)),
    };
    if !is_installed {
        return nothing(WAY, does, why);
    }
    let UpdateEntry { name, url, .. } = entry.clone();
    let asks_first = if asks { "asks whoever watches, then " } else { "" };
    let does = format!("takes {name}: {asks_first}{does}");
    Offer { way: WAY.to_owned(), takes: Some(Taken { version: name, url, asks }), does, why }
}

/// Whether an image is installed whose header is thought of so.
const fn header(check: HeaderCheck) -> (bool, &'static str) {
    match check {
        HeaderCheck::Installs => (true, "installs it: its header is later, too"),
        HeaderCheck::NotLater => {
            (false, "nothing: the header of the image is not later than what runs")
        }
        HeaderCheck::NoDate => (false, "nothing: the date of the image's header cannot be read"),
    }
}

/// The date in the header of the image of an entry, where the image is in the line-up.
fn header_date(known: &Known<'_>, list: &UpdateList, made: &UpdateEntry) -> Option<String> {
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
    let is_image = |channel: &&Channel| {
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
