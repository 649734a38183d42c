//! Which image a box takes (MAG notes §1.7, vendor text 000).
//!
//! What is decided where stands in `acceptance.md`, which is also the test.

use core::cmp::Ordering;

/// Whose image it is, or whose a box runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin<K> {
    /// Made and signed by the manufacturer, for the boxes of the shops.
    Factory,
    /// Signed with the manufacturer's public pair of keys, by anybody.
    Public,
    /// An operator's, for open boxes; the key is the operator's.
    Custom(K),
    /// An operator's, for boxes that are closed to all others; the key is the operator's.
    Operator(K),
}

/// By which way the image comes to the box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The running system: portal, HTTP or USB.
    Portal,
    /// Bootloader, Bootstrap or recovery: multicast, TFTP or USB.
    Bootloader,
}

/// The box, as far as it decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Running<'a, K> {
    /// Its model.
    pub model: &'a str,
    /// Whose image it runs.
    pub origin: Origin<K>,
    /// `Image_Version` of its environment.
    pub version: u32,
    /// `Ver_Forced` of its environment is `Yes`.
    pub forced: bool,
}

/// The image, as far as it decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offered<'a, K> {
    /// `STB Model` of its header.
    pub model: &'a str,
    /// Whose it is. None: its signatures do not hold.
    pub origin: Option<Origin<K>>,
    /// `Image Version` of its header.
    pub version: u32,
}

/// What the box does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Installs it.
    Install,
    /// The image is of another model.
    WrongModel,
    /// No key that the box accepts for this way verifies it.
    WrongSignature,
    /// It runs this version or a newer one.
    NotNewer,
}

impl Verdict {
    /// The code of `stbUpdate.getStatus()`, where one is known.
    pub const fn status(self) -> Option<u8> {
        match self {
            Self::WrongModel => Some(2),
            Self::WrongSignature => Some(17),
            Self::Install | Self::NotNewer => None,
        }
    }
}

/// Whether a box that runs one takes the other, were its model and version fit.
pub fn accepts<K: PartialEq>(running: &Origin<K>, offered: &Origin<K>, way: Way) -> bool {
    use Origin::{Custom, Factory, Operator, Public};
    match (running, offered, way) {
        // Closed: nothing but the operator's own, by every way.
        (Operator(own), Operator(other), _) => own == other,
        (Operator(_), _, _) | (_, Operator(_), _) => false,
        (Factory | Public, Factory, Way::Portal) => true,
        (Custom(own), Custom(other), Way::Portal) => own == other,
        (_, _, Way::Portal) => false,
        // From the bootloader every box goes to the public image; a custom image is taken from there
        // by boxes that are no longer the factory's.
        (_, Public, Way::Bootloader) | (Public | Custom(_), Custom(_), Way::Bootloader) => true,
        (_, Factory, Way::Bootloader) | (Factory, Custom(_), Way::Bootloader) => false,
    }
}

/// The rule of Bootstrap: a higher version is installed, the same one where the box is told to, a
/// lower one never.
pub fn is_newer(running: u32, offered: u32, forced: bool) -> bool {
    match offered.cmp(&running) {
        Ordering::Greater => true,
        Ordering::Equal => forced,
        Ordering::Less => false,
    }
}

/// What a box does with an image: model, then signature, then version. The version is held against the
/// rule of Bootstrap; what a portal offers is decided before, by its list of updates.
pub fn decide<K: PartialEq>(
    running: &Running<'_, K>,
    offered: &Offered<'_, K>,
    way: Way,
) -> Verdict {
    if running.model != offered.model {
        return Verdict::WrongModel;
    }
    let trusted = offered.origin.as_ref().filter(|origin| accepts(&running.origin, origin, way));
    if trusted.is_none() {
        return Verdict::WrongSignature;
    }
    let newer = is_newer(running.version, offered.version, running.forced);
    if way == Way::Portal || newer { Verdict::Install } else { Verdict::NotNewer }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const TABLES: &str = include_str!("acceptance.md");

    /// The cells of the rows under a heading.
    fn rows(heading: &str) -> Vec<Vec<&'static str>> {
        let (_, below) = TABLES.split_once(heading).unwrap();
        let lines = below.lines().skip_while(|line| !line.starts_with('|'));
        let table = lines.take_while(|line| line.starts_with('|')).skip(2);
        table.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
    }

    fn origin(word: &'static str) -> Option<Origin<&'static str>> {
        Some(match word.split_once(' ').unwrap_or((word, "")) {
            ("factory", _) => Origin::Factory,
            ("public", _) => Origin::Public,
            ("custom", key) => Origin::Custom(key),
            ("operator", key) => Origin::Operator(key),
            ("broken", _) => return None,
            _ => panic!("{word}"),
        })
    }

    fn verdict(word: &str) -> Verdict {
        match word {
            "install" => Verdict::Install,
            "wrong model (2)" => Verdict::WrongModel,
            "wrong signature (17)" => Verdict::WrongSignature,
            "not newer" => Verdict::NotNewer,
            _ => panic!("{word}"),
        }
    }

    #[test]
    fn every_row_of_whose_image_is_taken_holds() {
        let rows = rows("## Whose image");
        assert_eq!(rows.len(), 4 * 6, "every pair of one running and one offered");
        for row in rows {
            let [running, offered, portal, bootloader, _why] = row[..] else { panic!("{row:?}") };
            let (Some(from), Some(to)) = (origin(running), origin(offered)) else {
                panic!("{row:?}")
            };
            let word = |way| if accepts(&from, &to, way) { "yes" } else { "no" };
            assert_eq!(word(Way::Portal), portal, "{row:?}");
            assert_eq!(word(Way::Bootloader), bootloader, "{row:?}");
        }
    }

    #[test]
    fn every_row_of_the_version_rule_holds() {
        let rows = rows("## Version");
        assert_eq!(rows.len(), 6);
        for row in rows {
            let [running, offered, forced, taken] = row[..] else { panic!("{row:?}") };
            let newer =
                is_newer(running.parse().unwrap(), offered.parse().unwrap(), forced == "Yes");
            assert_eq!(if newer { "yes" } else { "no" }, taken, "{row:?}");
        }
    }

    #[test]
    fn every_row_of_what_a_box_does_holds() {
        let rows = rows("## Together");
        assert!(rows.len() >= 10);
        for row in rows {
            let [running, version, forced, model, image, offered, way, does] = row[..] else {
                panic!("{row:?}")
            };
            let running = Running {
                model: "MAG254",
                origin: origin(running).unwrap(),
                version: version.parse().unwrap(),
                forced: forced == "Yes",
            };
            let offered =
                Offered { model, origin: origin(image), version: offered.parse().unwrap() };
            let way = if way == "portal" { Way::Portal } else { Way::Bootloader };
            let decided = decide(&running, &offered, way);
            assert_eq!(decided, verdict(does), "{row:?}");
            let code = decided.status();
            assert_eq!(
                code.is_some_and(|code| does.contains(&alloc::format!("({code})"))),
                code.is_some()
            );
        }
    }
}
