//! What was announced of an object and why it was used or not, in the form programs read.

use std::fmt;

use serde::Serialize;
use stbcast_flute::fdt::Unicast;

use crate::Announcement;

/// What is announced of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AnnouncedObject {
    /// Transport Object Identifier: another one is another revision.
    pub toi: String,
    /// Length in bytes, where it is known.
    pub bytes: Option<u64>,
    /// Bytes of a slice on its channel.
    pub slice_bytes: Option<u16>,
    /// The code of its repair symbols.
    pub fec: Option<&'static str>,
    /// Bytes of a source symbol.
    pub symbol_bytes: Option<u16>,
    /// Source symbols.
    pub symbols: Option<u32>,
    /// Source symbols of a block as coded.
    pub block_symbols: Option<u32>,
    /// Blocks.
    pub blocks: Option<u32>,
    /// Where repair symbols are sent.
    pub companion: Option<String>,
    /// What it is.
    pub kind: Option<String>,
    /// Where the same bytes are served over HTTP.
    pub alternates: Vec<String>,
    /// Cycles that a box hears before it may ask there.
    pub alternate_after: Option<u8>,
    /// Seconds over which boxes spread what they ask.
    pub alternate_window_s: Option<u32>,
}

impl AnnouncedObject {
    pub(crate) fn of(announcement: &Announcement) -> Self {
        let (geometry, unicast) = (announcement.geometry, announcement.unicast.as_ref());
        Self {
            toi: announcement.toi.to_string(),
            bytes: announcement.length,
            slice_bytes: announcement.slice_bytes.map(Into::into),
            fec: geometry.map(|geometry| geometry.scheme().name()),
            symbol_bytes: announcement.symbol_bytes.map(Into::into),
            symbols: geometry.map(|geometry| geometry.symbols()),
            block_symbols: geometry.map(|geometry| geometry.block_symbols()),
            blocks: geometry.map(|geometry| geometry.blocks()),
            companion: announcement.companion.map(|companion| companion.group.to_string()),
            kind: announcement.kind.as_ref().map(ToString::to_string),
            alternates: unicast
                .iter()
                .flat_map(|it| it.alternates.urls())
                .map(str::to_owned)
                .collect(),
            alternate_after: unicast.map(|it| it.after_cycles.get()),
            alternate_window_s: unicast.map(Unicast::window_s),
        }
    }
}

impl fmt::Display for AnnouncedObject {
    /// A few words for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bytes {
            Some(bytes) => write!(f, "{bytes} bytes")?,
            None => f.write_str("length unknown")?,
        }
        if let (Some(fec), Some(blocks)) = (self.fec, self.blocks) {
            write!(f, ", {fec} in {}", counted(blocks.into(), "block"))?;
        }
        match &self.companion {
            Some(group) => write!(f, ", repair on {group}"),
            None => Ok(()),
        }
    }
}

/// How repair came out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RepairFigures {
    /// What was announced of the object, where it was.
    pub announced: Option<AnnouncedObject>,
    /// Why repair symbols were not used, where they were asked for.
    pub no_repair: Option<String>,
    /// Blocks that repair symbols completed.
    pub recovered_blocks: u64,
    /// Source symbols recovered in them.
    pub recovered_symbols: u64,
    /// Repair symbols that were kept.
    pub repair_stored: u64,
    /// Repair symbols of the object that were there already, or not needed.
    pub repair_useless: u64,
}

impl fmt::Display for RepairFigures {
    /// A few words for people; none where repair was not asked for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { recovered_blocks, recovered_symbols, repair_stored, repair_useless, .. } = self;
        match (&self.no_repair, &self.announced) {
            (Some(why), _) => write!(f, "not used: {why}"),
            (None, None) => Ok(()),
            (None, Some(_)) if *recovered_blocks == 0 => f.write_str("not needed"),
            (None, Some(_)) => write!(
                f,
                "{} recovered: {recovered_symbols} symbols from {} of {}",
                counted(*recovered_blocks, "block"),
                repair_stored,
                counted(repair_stored + repair_useless, "repair symbol"),
            ),
        }
    }
}

/// A number with its noun.
fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_repair_did_is_said_in_one_line() {
        let none = RepairFigures::default();
        assert_eq!(none.to_string(), "");
        let why = Some("none are sent for this object".to_owned());
        let refused = RepairFigures { no_repair: why, ..none.clone() };
        assert_eq!(refused.to_string(), "not used: none are sent for this object");
        let announced = Some(AnnouncedObject {
            toi: "7".to_owned(),
            bytes: Some(70),
            slice_bytes: Some(10),
            fec: Some("rs8"),
            symbol_bytes: Some(10),
            symbols: Some(7),
            block_symbols: Some(7),
            blocks: Some(1),
            companion: Some("239.1.1.1:5".to_owned()),
            kind: None,
            alternates: Vec::new(),
            alternate_after: None,
            alternate_window_s: None,
        });
        let lucky = RepairFigures { announced, ..none };
        assert_eq!(lucky.to_string(), "not needed");
        let words = lucky.announced.as_ref().map(ToString::to_string);
        assert_eq!(words.unwrap(), "70 bytes, rs8 in 1 block, repair on 239.1.1.1:5");
        let used = RepairFigures {
            recovered_blocks: 1,
            recovered_symbols: 3,
            repair_stored: 4,
            repair_useless: 1,
            ..lucky
        };
        assert_eq!(used.to_string(), "1 block recovered: 3 symbols from 4 of 5 repair symbols");
    }
}
