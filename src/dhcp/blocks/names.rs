//! Whether what an operator names is there.

use super::Wanted;
use crate::dhcp::Family;
use crate::lineup::LineUp;

/// Longest vendor class, in bytes.
const CLASS_BYTES_MAX: usize = 100;

/// Whether all that is named is there.
pub(super) fn known_names(line_up: &LineUp, wanted: &Wanted) -> Result<(), String> {
    let channels = line_up.channels.iter().map(|it| &it.name);
    let known = channels.chain(line_up.vendor_senders.iter().map(|it| &it.name));
    let known: Vec<_> = known.chain(line_up.dunes.iter().map(|it| &it.product)).collect();
    if let Some(name) = wanted.channels.iter().find(|name| !known.contains(name)) {
        return Err(format!("no channel, vendor sender or [[dune]] `{name}` in the line-up"));
    }
    let family = |key: &str| {
        let word = key.split('.').next().unwrap_or_default();
        Family::ALL.into_iter().find(|it| it.word() == word)
    };
    for (key, class) in &wanted.classes {
        let phase = key.split_once('.').map_or("", |(_, phase)| phase);
        let legal = matches!(
            (family(key), phase),
            (Some(_), "") | (Some(Family::Teletec | Family::Infomir), "boot" | "run")
        );
        if !legal {
            return Err(format!(
                "class `{key}`: legal are kreatv, dune, teletec.boot, teletec.run, infomir.boot, infomir.run"
            ));
        }
        let text = class.strip_suffix('*').unwrap_or(class);
        let prints = text.bytes().all(|it| it.is_ascii_graphic() && !b"\"'\\,#".contains(&it));
        if !(1..=CLASS_BYTES_MAX).contains(&text.len()) || !prints {
            return Err(format!(
                "class `{class}`: legal are 1 to {CLASS_BYTES_MAX} printable letters of ASCII without spaces, quotation \
                 marks, commas, # and \\"
            ));
        }
    }
    for (key, _) in &wanted.values {
        let name = key.split_once('.').map_or("", |(_, name)| name);
        let Some(family) = family(key) else {
            return Err(format!(
                "`{key}`: write FAMILY.NAME=VALUE, as kreatv.kernel-protocol=3,6,3"
            ));
        };
        if family.definition(name).is_none() {
            let definitions = family.definitions();
            let names = definitions.iter().map(|it| it.name);
            let near = crate::lineup::did_you_mean(name, names);
            return Err(format!("no sub-option `{name}` of {}{near}", family.word()));
        }
    }
    Ok(())
}
