//! `[[dune]]`: the lists of a product of Dune, and what its checkers read, answered over HTTP.

use serde::Deserialize;
use serde_spanned::Spanned;
use stbcast_bootcast::dune::{FIRMWARES_MAX, Variant, WORD_BYTES_MAX};

use super::names::did_you_mean;
use super::rules::{At, ChannelDraft, Rules};
use super::target::Words;
use super::update_list::Paths;
use super::written::at;
use super::{Channel, ObjectId, VendorSender};

/// Below which path lists and checkers' files are where none is written.
const PREFIX: &str = "/dunehd";

/// The path of the prefix that boxes with factory firmware have.
const BOOTSTRAP: &str = "/dunehd/firmware";

/// What boxes of a product are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dune {
    /// The product id, as `tv102` or `customer__tv102`.
    pub product: String,
    /// The path of the URL prefix that boxes have.
    pub prefix: String,
    /// The lists that are answered; at least one of these and the checkers' files.
    pub lists: Vec<Variant>,
    /// The newest comes first. Every version that is in the field belongs here.
    pub firmwares: Vec<DuneFirmware>,
    /// Place of the firmware that the upgrade checker installs.
    pub checker: Option<usize>,
    /// Place of the firmware that boxes with factory firmware install; of the type `to_custom`.
    pub bootstrap: Option<usize>,
}

/// One firmware.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuneFirmware {
    /// Its version.
    pub version: String,
    /// Where it is.
    pub place: DunePlace,
    /// Whether it is stable.
    pub stable: bool,
    /// MB times two; nobody looks at it.
    pub size: u32,
}

/// Where a firmware is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DunePlace {
    /// Nowhere: it is not offered any more.
    Nowhere,
    /// Elsewhere.
    Url(String),
    /// An object of the line-up, over HTTP.
    Object {
        /// The object.
        id: ObjectId,
        /// Its URL, where that is not the one of `[unicast]`; `{sha256}`, `{channel}` and `{name}` stand for
        /// those of the object.
        url: Option<String>,
    },
    /// What the vendor's sender at this place of the line-up sends.
    Sender(usize),
}

impl Dune {
    /// Where lists are answered.
    pub fn list_path(&self, variant: Variant) -> String {
        format!("{}/{}", self.prefix, variant.file_name(&self.product))
    }

    /// Where the upgrade checker's file is answered: whether boxes put a slash behind a prefix without
    /// one is their owner's doing.
    pub fn checker_paths(&self) -> Vec<String> {
        below(&self.prefix, &self.product)
    }

    /// Where the bootstrap checker's file is answered: whether boxes put a slash there is not public.
    pub fn bootstrap_paths(&self) -> Vec<String> {
        below(BOOTSTRAP, &self.product)
    }
}

/// A product below a prefix, with a slash between them and, where there is a prefix, without.
fn below(prefix: &str, product: &str) -> Vec<String> {
    let mut paths = vec![format!("{prefix}/{product}")];
    if !prefix.is_empty() {
        paths.push(format!("{prefix}{product}"));
    }
    paths
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DuneWritten {
    product: Spanned<String>,
    prefix: Option<Spanned<String>>,
    lists: Option<Spanned<Words>>,
    checker: Option<Spanned<String>>,
    bootstrap: Option<Spanned<String>>,
    #[serde(default)]
    firmware: Vec<Spanned<FirmwareWritten>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FirmwareWritten {
    version: Option<String>,
    url: Option<String>,
    object: Option<String>,
    sender: Option<String>,
    stable: Option<bool>,
    size: Option<u32>,
}

/// A product as somebody wrote it.
#[derive(Clone, Debug)]
pub(super) struct DuneDraft {
    product: At<String>,
    prefix: Option<At<String>>,
    lists: Option<At<Vec<String>>>,
    checker: Option<At<String>>,
    bootstrap: Option<At<String>>,
    firmwares: Vec<At<FirmwareWritten>>,
}

impl DuneWritten {
    pub(super) fn into_draft(self) -> DuneDraft {
        let lists = self.lists.map(|lists| {
            let At { value: Words(words), offset } = at(lists);
            At { value: words.into_iter().map(|(word, _)| word).collect(), offset }
        });
        DuneDraft {
            product: at(self.product),
            prefix: self.prefix.map(at),
            lists,
            checker: self.checker.map(at),
            bootstrap: self.bootstrap.map(at),
            firmwares: self.firmware.into_iter().map(at).collect(),
        }
    }
}

/// What a table of Dune may name.
#[derive(Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) channels: &'a [(Channel, &'a ChannelDraft)],
    pub(super) senders: &'a [VendorSender],
}

impl Rules<'_> {
    /// The products of Dune.
    pub(super) fn dunes(
        &mut self,
        drafts: &[DuneDraft],
        named: Named<'_>,
        paths: &mut Paths,
    ) -> Vec<Dune> {
        drafts.iter().filter_map(|draft| self.dune(draft, named, paths)).collect()
    }

    fn dune(&mut self, draft: &DuneDraft, named: Named<'_>, paths: &mut Paths) -> Option<Dune> {
        let At { value: product, offset } = &draft.product;
        let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !(1..=WORD_BYTES_MAX).contains(&product.len()) || !product.chars().all(legal) {
            let message = format!(
                "product {product:?}: legal are 1 to {WORD_BYTES_MAX} letters, digits, `-`, `_` and `.`"
            );
            self.error(*offset, message);
            return None;
        }
        let prefix = match &draft.prefix {
            Some(prefix) => self.http_path(prefix)?.trim_end_matches('/').to_owned(),
            None => PREFIX.to_owned(),
        };
        let lists = self.dune_lists(draft)?;
        if !(1..=FIRMWARES_MAX).contains(&draft.firmwares.len()) {
            let count = draft.firmwares.len();
            let message = format!("{count} firmwares: legal are 1 to {FIRMWARES_MAX}");
            self.error(*offset, message);
        }
        let firmwares: Vec<_> =
            draft.firmwares.iter().map(|firmware| self.dune_firmware(firmware, named)).collect();
        let firmwares: Vec<_> = firmwares.into_iter().collect::<Option<_>>()?;
        let checker = self.dune_checker("checker", draft.checker.as_ref(), &firmwares)?;
        let bootstrap = self.dune_checker("bootstrap", draft.bootstrap.as_ref(), &firmwares)?;
        let product = product.clone();
        let dune = Dune { product, prefix, lists, firmwares, checker, bootstrap };
        self.dune_paths(*offset, &dune, paths);
        Some(dune)
    }

    fn dune_lists(&mut self, draft: &DuneDraft) -> Option<Vec<Variant>> {
        let Some(At { value: words, offset }) = &draft.lists else {
            return Some(Variant::ALL.to_vec());
        };
        let mut lists = Vec::new();
        for word in words {
            let known = Variant::ALL.into_iter().find(|variant| variant.word() == word.as_str());
            let Some(variant) = known else {
                self.error(*offset, format!("lists {word:?}: legal are v1 and v2"));
                return None;
            };
            if !lists.contains(&variant) {
                lists.push(variant);
            }
        }
        if lists.is_empty() && draft.checker.is_none() && draft.bootstrap.is_none() {
            self.warn(*offset, "no list, no `checker`, no `bootstrap`: nothing is answered");
        }
        Some(lists)
    }

    fn dune_firmware(
        &mut self,
        At { value: written, offset }: &At<FirmwareWritten>,
        named: Named<'_>,
    ) -> Option<DuneFirmware> {
        let FirmwareWritten { version, url, object, sender, stable, size } = written;
        let mut of_sender = None;
        let place = match (object, sender, url.as_deref()) {
            (None, None, None | Some("-")) => DunePlace::Nowhere,
            (None, None, Some(url)) => DunePlace::Url(url.to_owned()),
            (Some(name), None, url) if url != Some("-") => {
                let id = self.find(*offset, name)?;
                self.is_file(*offset, id, named.channels)?;
                DunePlace::Object { id, url: url.map(str::to_owned) }
            }
            (None, Some(name), None) => {
                let names = || named.senders.iter().map(|sender| sender.name.as_str());
                let Some(place) = names().position(|known| known == name) else {
                    let near = did_you_mean(name, names());
                    let message = format!("no [[vendor_sender]] `{name}` in this line-up{near}");
                    self.error(*offset, message);
                    return None;
                };
                of_sender = named.senders.get(place).and_then(|sender| sender.version.clone());
                DunePlace::Sender(place)
            }
            _ => {
                let message = "a firmware is one of `url`, `object` with or without a `url` of its own, and \
                               `sender`, the name of a [[vendor_sender]]";
                self.error(*offset, message);
                return None;
            }
        };
        let Some(version) = version.clone().or(of_sender) else {
            self.error(*offset, "a firmware needs `version`: what boxes that run it say");
            return None;
        };
        Some(DuneFirmware {
            version,
            place,
            stable: stable.unwrap_or(true),
            size: size.unwrap_or(0),
        })
    }

    /// Place of the firmware that a checker installs; `Some(None)` where none is written.
    #[expect(clippy::option_option, reason = "nothing is written, or what is written is wrong")]
    fn dune_checker(
        &mut self,
        key: &str,
        written: Option<&At<String>>,
        firmwares: &[DuneFirmware],
    ) -> Option<Option<usize>> {
        let Some(At { value: version, offset }) = written else { return Some(None) };
        let place = firmwares.iter().position(|firmware| firmware.version == *version);
        let firmware = place.and_then(|place| firmwares.get(place));
        match firmware.map(|firmware| &firmware.place) {
            None => {
                let near = did_you_mean(version, firmwares.iter().map(|it| it.version.as_str()));
                self.error(
                    *offset,
                    format!("{key} `{version}` is no firmware of this product{near}"),
                );
                None
            }
            Some(DunePlace::Nowhere) => {
                self.error(
                    *offset,
                    format!("{key} `{version}` has no URL: there is nothing to install"),
                );
                None
            }
            Some(_) => Some(place),
        }
    }

    fn dune_paths(&mut self, offset: usize, dune: &Dune, paths: &mut Paths) {
        let product = &dune.product;
        for variant in &dune.lists {
            let what = format!("the {} list of {product}", variant.word());
            self.one_path(offset, &dune.list_path(*variant), &what, paths);
        }
        if dune.checker.is_some() {
            for path in dune.checker_paths() {
                self.one_path(offset, &path, &format!("the checker's file of {product}"), paths);
            }
        }
        if dune.bootstrap.is_some() {
            for path in dune.bootstrap_paths() {
                self.one_path(offset, &path, &format!("the bootstrap file of {product}"), paths);
            }
        }
    }
}
