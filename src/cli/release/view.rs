//! Statements as people and machines read them.

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;
use stbcast_release::{
    Action, Code, Kid, Object, Order, Permit, Refusal, Release, Root, Serials, Signed, Statement,
    digest, unverified,
};

use crate::dates;

/// A statement to be shown. Nothing of it is verified.
#[derive(Debug, Serialize)]
pub(super) struct View {
    kind: &'static str,
    bytes: usize,
    /// SHA-256 of its bytes, in hexadecimal.
    id: String,
    /// Ids of the keys that are said to have signed.
    signed_by: Vec<String>,
    #[serde(flatten)]
    says: Says,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Says {
    Root(RootView),
    Release(ReleaseView),
    Permit(PermitView),
    Action(ActionView),
}

#[derive(Debug, Serialize)]
struct RootView {
    operator: String,
    number: u64,
    epoch: u32,
    expires: String,
    root: Keys,
    release: Keys,
    channel: Keys,
}

#[derive(Debug, Serialize)]
struct Keys {
    threshold: u8,
    ids: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ReleaseView {
    operator: String,
    number: u64,
    epoch: u32,
    models: Vec<String>,
    hardware: [u32; 2],
    not_before: String,
    expires: String,
    objects: Vec<ObjectView>,
}

#[derive(Debug, Serialize)]
struct ObjectView {
    kind: &'static str,
    name: String,
    length: u64,
    sha256: String,
    slice_bytes: u16,
    url: String,
    repair: Option<RepairView>,
    http: Vec<String>,
    http_after_cycles: u8,
    http_window_s: u32,
}

#[derive(Debug, Serialize)]
struct RepairView {
    code: &'static str,
    symbol_bytes: u16,
    /// Symbols of a block, or blocks for `raptorq`.
    blocks_of: Option<u32>,
    blocks: Option<u8>,
    group: Option<String>,
    tsi: Option<u32>,
}

#[derive(Debug, Serialize)]
struct PermitView {
    operator: String,
    models: Vec<String>,
    serials: Vec<String>,
    from: u64,
    to: u64,
    release: String,
    expires: String,
}

#[derive(Debug, Serialize)]
struct ActionView {
    operator: String,
    number: u64,
    models: Vec<String>,
    hardware: [u32; 2],
    /// Serials, and ranges of them as `first-last`.
    serials: Vec<String>,
    not_before: String,
    expires: String,
    #[serde(flatten)]
    order: OrderView,
}

#[derive(Debug, Serialize)]
#[serde(tag = "order", rename_all = "lowercase")]
enum OrderView {
    Reboot { below_release: u64, jitter_s: u32, when: &'static str },
    Kill { release: u64, release_id: String },
}

impl View {
    /// What a statement says.
    ///
    /// # Errors
    /// When it is not legal.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, Refusal> {
        let (statement, signers) = unverified(bytes)?;
        let kind = statement.kind().word();
        let says = match statement {
            Statement::Root(signed) => Says::Root(RootView::of(signed.value)),
            Statement::Release(signed) => Says::Release(ReleaseView::of(*signed)),
            Statement::Permit(signed) => Says::Permit(PermitView::of(signed.value)),
            Statement::Action(signed) => Says::Action(ActionView::of(signed.value)),
        };
        let signed_by = signers.iter().map(Kid::to_string).collect();
        Ok(Self { kind, bytes: bytes.len(), id: hex(&digest(bytes)), signed_by, says })
    }

    /// For machines.
    pub(super) fn json(&self) -> Result<String, String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        Ok(text + "\n")
    }

    /// For people.
    pub(super) fn text(&self, path: &Path) -> String {
        let Self { kind, bytes, id, signed_by, says } = self;
        let number = match says {
            Says::Root(root) => format!(" {}", root.number),
            Says::Release(release) => format!(" {}", release.number),
            Says::Permit(_) => String::new(),
            Says::Action(action) => format!(" {}", action.number),
        };
        let mut text = format!("{}: {kind}{number}, {bytes} bytes\n", path.display());
        line(&mut text, "id", id);
        line(&mut text, "signed by", &list(signed_by));
        match says {
            Says::Root(root) => root.write(&mut text),
            Says::Release(release) => release.write(&mut text),
            Says::Permit(permit) => permit.write(&mut text),
            Says::Action(action) => action.write(&mut text),
        }
        text
    }
}

impl RootView {
    fn of(root: Root) -> Self {
        let keys = |role: &stbcast_release::KeyRole| Keys {
            threshold: role.threshold,
            ids: role.keys.iter().map(|key| key.kid().to_string()).collect(),
        };
        Self {
            number: root.number,
            epoch: root.epoch,
            expires: dates::text(root.expiry),
            root: keys(&root.root),
            release: keys(&root.release),
            channel: keys(&root.channel),
            operator: root.operator,
        }
    }

    fn write(&self, text: &mut String) {
        line(text, "operator", &self.operator);
        line(text, "least epoch", &self.epoch.to_string());
        line(text, "expires", &self.expires);
        for (word, keys) in [
            ("root keys", &self.root),
            ("release keys", &self.release),
            ("channel keys", &self.channel),
        ] {
            line(text, word, &format!("{} of {}", keys.threshold, list(&keys.ids)));
        }
    }
}

impl ReleaseView {
    fn of(signed: Signed<Release>) -> Self {
        let release = signed.value;
        Self {
            operator: release.operator,
            number: release.number,
            epoch: release.epoch,
            models: release.models,
            hardware: [*release.hardware.start(), *release.hardware.end()],
            not_before: dates::text(release.not_before),
            expires: dates::text(release.expiry),
            objects: release.objects.iter().map(ObjectView::of).collect(),
        }
    }

    fn write(&self, text: &mut String) {
        let [first, last] = self.hardware;
        line(text, "operator", &self.operator);
        line(text, "models", &list(&self.models));
        line(text, "hardware", &format!("{first} to {last}"));
        line(text, "epoch", &self.epoch.to_string());
        line(text, "valid", &format!("{} to {}", self.not_before, self.expires));
        self.objects.iter().for_each(|object| object.write(text));
    }
}

impl ObjectView {
    fn of(object: &Object) -> Self {
        let repair = object.layout.map(|layout| {
            let (code, blocks_of, blocks) = match layout.code {
                Code::Rs8 { block_symbols } => ("rs8", Some(block_symbols.get()), None),
                Code::Rs16 { block_symbols } => ("rs16", Some(block_symbols.get()), None),
                Code::RaptorQ { blocks, .. } => ("raptorq", None, Some(blocks.get())),
            };
            let companion = object.companion;
            RepairView {
                code,
                symbol_bytes: layout.symbol_bytes.get(),
                blocks_of,
                blocks,
                group: companion.map(|companion| companion.group.to_string()),
                tsi: companion.map(|companion| companion.tsi),
            }
        });
        Self {
            kind: object.kind.word(),
            name: object.name.clone(),
            length: object.length,
            sha256: hex(&object.sha256),
            slice_bytes: object.slice_bytes.get(),
            url: object.url.clone(),
            repair,
            http: object.http.clone(),
            http_after_cycles: object.http_after.get(),
            http_window_s: object.http_window_s,
        }
    }

    fn write(&self, text: &mut String) {
        line(text, self.kind, &format!("{}, {} bytes", self.name, self.length));
        line(text, "", &format!("sha-256 {}", self.sha256));
        line(text, "", &format!("{} in slices of {} bytes", self.url, self.slice_bytes));
        if let Some(repair) = &self.repair {
            let blocks = match (repair.blocks_of, repair.blocks) {
                (Some(symbols), _) => format!("blocks of {symbols} symbols"),
                (None, blocks) => format!("{} blocks", blocks.unwrap_or_default()),
            };
            let group = repair.group.as_deref().unwrap_or("no group");
            let RepairView { code, symbol_bytes, .. } = repair;
            line(text, "", &format!("{code} on {group}: {blocks}, {symbol_bytes} bytes each"));
        }
        for url in &self.http {
            line(text, "", url);
        }
        if !self.http.is_empty() {
            let (after, window) = (self.http_after_cycles, self.http_window_s);
            line(text, "", &format!("asked after {after} cycles, spread over {window} s"));
        }
    }
}

impl PermitView {
    fn of(permit: Permit) -> Self {
        Self {
            operator: permit.operator,
            models: permit.models,
            serials: permit.serials,
            from: permit.from,
            to: permit.to,
            release: hex(&permit.release),
            expires: dates::text(permit.expiry),
        }
    }

    fn write(&self, text: &mut String) {
        line(text, "operator", &self.operator);
        line(text, "from", &format!("release {}", self.from));
        line(text, "to", &format!("release {}, id {}", self.to, self.release));
        line(text, "models", &list(&self.models));
        let serials = if self.serials.is_empty() { "all".to_owned() } else { list(&self.serials) };
        line(text, "serials", &serials);
        line(text, "expires", &self.expires);
    }
}

impl ActionView {
    fn of(action: Action) -> Self {
        let serials = action.serials.iter().map(|Serials { first, last }| {
            if first == last { first.clone() } else { format!("{first}-{last}") }
        });
        Self {
            serials: serials.collect(),
            operator: action.operator,
            number: action.number,
            models: action.models,
            hardware: [*action.hardware.start(), *action.hardware.end()],
            not_before: dates::text(action.not_before),
            expires: dates::text(action.expiry),
            order: match action.order {
                Order::Reboot { release, jitter_s, when } => {
                    OrderView::Reboot { below_release: release, jitter_s, when: when.word() }
                }
                Order::Kill { number, release } => {
                    OrderView::Kill { release: number, release_id: hex(&release) }
                }
            },
        }
    }

    fn write(&self, text: &mut String) {
        match &self.order {
            OrderView::Reboot { below_release, jitter_s, when } => {
                let when = if *when == "now" { "now" } else { "when nobody watches" };
                let what = format!(
                    "boxes below release {below_release}, {when}, spread over {jitter_s} s"
                );
                line(text, "reboot", &what);
            }
            OrderView::Kill { release, release_id } => {
                line(text, "kill", &format!("release {release}, id {release_id}"));
            }
        }
        let all = |words: &[String]| if words.is_empty() { "all".to_owned() } else { list(words) };
        let [first, last] = self.hardware;
        line(text, "operator", &self.operator);
        line(text, "models", &all(&self.models));
        line(text, "serials", &all(&self.serials));
        line(text, "hardware", &format!("{first} to {last}"));
        line(text, "valid", &format!("{} to {}", self.not_before, self.expires));
    }
}

fn line(text: &mut String, word: &str, what: &str) {
    let _ = writeln!(text, "  {word:<12}  {what}");
}

fn list(words: &[String]) -> String {
    words.join(", ")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
