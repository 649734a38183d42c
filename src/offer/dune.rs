//! A Dune box.

use stbcast_bootcast::dune::{
    Address, Checker, CheckerDecision, CheckerFile, CheckerKind, Firmware, Found, Method, NativeUi,
    Passed, Variant, native_ui,
};

use super::{Offer, Taken, everything, nothing};
use crate::lineup::{Dune, LineUp};
use crate::lists::{Headers, Known};

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
    let mut told = |passed: Vec<(&Firmware, Passed)>| {
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
