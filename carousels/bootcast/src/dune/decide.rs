//! What boxes do by lists and checkers' files: the decision tables `native_ui.md` and `checker.md`, as code.

use alloc::vec::Vec;
use core::fmt;

use super::{CheckerFile, Firmware, FirmwareList, Method, Variant};

/// What the native UI suggests by itself; whoever watches confirms it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NativeUi<'a> {
    /// Nothing, and never anything: the version that runs is not listed.
    NotListed,
    /// Nothing: no firmware above the one that runs could be suggested.
    NothingNewer {
        /// Those above it, and why they are passed over.
        passed: Vec<(&'a Firmware, Passed)>,
    },
    /// A firmware.
    Suggests {
        /// The one.
        firmware: &'a Firmware,
        /// Those above it, and why they are passed over.
        passed: Vec<(&'a Firmware, Passed)>,
    },
}

/// Why a firmware is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// It has no URL.
    NoUrl,
    /// It is a beta, and the box wants none.
    Beta,
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoUrl => "it has no URL",
            Self::Beta => "it is non-stable, and the box wants no betas",
        })
    }
}

/// What the native UI of a box does that runs `installed`: the first firmware of the list is the newest.
pub fn native_ui<'a>(list: &'a FirmwareList, installed: &str, wants_betas: bool) -> NativeUi<'a> {
    let firmwares = &list.firmwares;
    let Some(own) = firmwares.iter().position(|it| it.version == installed) else {
        return NativeUi::NotListed;
    };
    let mut passed = Vec::new();
    for firmware in firmwares.iter().take(own) {
        let why = match (&firmware.url, firmware.stable) {
            (None, _) => Passed::NoUrl,
            (Some(_), false) if !wants_betas => Passed::Beta,
            (Some(_), _) => return NativeUi::Suggests { firmware, passed },
        };
        passed.push((firmware, why));
    }
    NativeUi::NothingNewer { passed }
}

/// Which checker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckerKind {
    /// The STB upgrade checker of a custom firmware.
    Upgrade,
    /// The bootstrap checker of an operator model with factory firmware: DHCP, then the URL of the name
    /// `dunehdbootstrap`.
    Bootstrap,
}

/// What a checker finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// By DHCP: options 2 and 3, both.
    pub dhcp: Option<CheckerFile>,
    /// At the URL.
    pub url: Option<CheckerFile>,
}

/// How a box came by an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// Within 60 seconds.
    InTime,
    /// Later, or never.
    Late,
}

/// A checker on boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checker {
    /// Which.
    pub kind: CheckerKind,
    /// In their order; the bootstrap checker has its own.
    pub methods: Vec<Method>,
    /// How the box came by an address.
    pub address: Address,
}

/// By which method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundBy(pub Method);

/// What a checker does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckerDecision<'a> {
    /// Nothing: it has no method.
    NoMethod,
    /// It shows an error and waits for ever.
    Waits,
    /// The box boots as usual: it had no address.
    BootsWithoutAddress,
    /// The box boots as usual: nothing was found.
    NothingFound,
    /// The box boots as usual: what was found is what runs.
    Same(FoundBy),
    /// It is installed without a question, older or newer.
    Installs {
        /// How it was found.
        by: FoundBy,
        /// What.
        file: &'a CheckerFile,
        /// Whether all settings are lost.
        resets: bool,
    },
}

impl Checker {
    /// The bootstrap checker.
    pub fn bootstrap(address: Address) -> Self {
        let methods = alloc::vec![Method::Dhcp, Method::Url];
        Self { kind: CheckerKind::Bootstrap, methods, address }
    }

    /// What it does in a box that runs `installed`.
    pub fn decide<'a>(&self, installed: &str, found: &'a Found) -> CheckerDecision<'a> {
        if self.methods.is_empty() {
            return CheckerDecision::NoMethod;
        }
        match (self.address, self.kind) {
            (Address::Late, CheckerKind::Upgrade) => return CheckerDecision::Waits,
            (Address::Late, CheckerKind::Bootstrap) => return CheckerDecision::BootsWithoutAddress,
            (Address::InTime, _) => {}
        }
        let found = self.methods.iter().find_map(|method| {
            let file = match method {
                Method::Dhcp => found.dhcp.as_ref(),
                Method::Url => found.url.as_ref(),
            };
            Some((FoundBy(*method), file?))
        });
        match found {
            None => CheckerDecision::NothingFound,
            Some((by, file)) if file.version == installed => CheckerDecision::Same(by),
            Some((by, file)) => {
                let resets = self.kind == CheckerKind::Bootstrap;
                CheckerDecision::Installs { by, file, resets }
            }
        }
    }
}

/// Firmware from which boxes of the newer chips read lists of [`Variant::V2`].
const V2_FROM: &str = "130221_1050_b4";

impl Variant {
    /// The list that a box asks for: `chip` as `SMP8672`, `installed` its firmware.
    pub fn of_box(chip: &str, installed: &str) -> Self {
        let is_newer_chip =
            chip.eq_ignore_ascii_case("SMP8672") || chip.eq_ignore_ascii_case("SMP8674");
        let made = |version: &str| version.get(..11).map(alloc::borrow::ToOwned::to_owned);
        if is_newer_chip && made(installed) >= made(V2_FROM) { Self::V2 } else { Self::V1 }
    }
}
