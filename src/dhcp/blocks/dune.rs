//! What boxes of Dune are told.

use super::making::{Options, one};
use super::{Block, Made, Match, Site};
use crate::dhcp::Family;
use crate::lineup::{Dune, DuneFirmware, DunePlace, VendorSender};

/// Their vendor class, as documented.
const CLASS: &str = "DUNEHD";

/// A firmware that boxes may be told.
struct Told<'a> {
    name: &'a String,
    what: String,
    version: String,
    url: String,
}

impl Site<'_> {
    /// The vendor's sender with a version, else the firmware that a `[[dune]]` gives to upgrade checkers.
    pub(super) fn dune(&self) -> Result<Made, String> {
        let senders = self.line_up.vendor_senders.iter().filter(|it| self.is_meant(&it.name));
        let products = self.line_up.dunes.iter().filter(|it| self.is_meant(&it.product));
        let told =
            match one(senders.clone().filter_map(of_sender), "are vendor senders", |it| it.name)? {
                Some(told) => Some(told),
                None => {
                    let firmwares = products.filter_map(|it| self.of_product(it));
                    one(firmwares, "have a firmware for upgrade checkers", |it| it.name)?
                }
            };
        let mut options = Options::new(Family::Dune);
        let (mut notes, mut note) = (Vec::new(), None);
        if let Some(told) = told {
            options.text("firmware-version", &told.version)?;
            options.text("firmware-url", &told.url)?;
            notes.push(format!("firmware-url is {}", told.what));
            let readers =
                "read by the upgrade checker or an application of the box, by nothing else";
            notes.push(readers.to_owned());
        } else if let Some(sender) = senders.clone().next() {
            note = Some(format!(
                "dune: vendor sender `{}` has no `version`, and boxes would install what is not newer",
                sender.name
            ));
        }
        let matches = self.matches("dune", [Match::Exact(CLASS.to_owned())]);
        let block =
            Block { name: "dune", family: Family::Dune, matches, options: options.all, notes };
        Ok((vec![block], note))
    }

    /// An object has a URL of the headend's, which the line-up alone does not say.
    fn of_product<'b>(&self, dune: &'b Dune) -> Option<Told<'b>> {
        let DuneFirmware { version, place, .. } = dune.firmwares.get(dune.checker?)?;
        let url = match place {
            DunePlace::Url(url) => url.clone(),
            DunePlace::Sender(at) => self.line_up.vendor_senders.get(*at)?.url(),
            DunePlace::Nowhere | DunePlace::Object { .. } => return None,
        };
        let what = format!("that of upgrade checkers of product {}", dune.product);
        Some(Told { name: &dune.product, what, version: version.clone(), url })
    }
}

fn of_sender(sender: &VendorSender) -> Option<Told<'_>> {
    let version = sender.version.clone()?;
    let what = format!("vendor sender {}", sender.name);
    Some(Told { name: &sender.name, what, version, url: sender.url() })
}
