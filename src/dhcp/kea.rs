//! The words of Kea (Administrator Reference Manual, "DHCPv4 Vendor-Specific Options"): members of `Dhcp4`.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::space::Kind;
use super::{Block, Match, SubOption, Value, hex};

const HEAD: &str = "# Vendor options (option 43) for kea-dhcp4.conf, two members of its \"Dhcp4\". As they are, within \
                    it, with a comma\n# in front of what follows: <?include \"FILE\"?>\n";

/// Everything, to be included.
pub(super) fn print(blocks: &[Block]) -> String {
    let spaces: BTreeMap<_, _> = blocks.iter().map(|it| (it.family.space(), it.family)).collect();
    let definitions: Vec<_> = spaces
        .values()
        .flat_map(|family| {
            family.definitions().into_iter().map(|it| {
                json!({
                    "name": it.name, "code": it.code, "space": family.space(), "type": kind(it.kind),
                    "array": it.kind == Kind::Ipv4List,
                })
            })
        })
        .collect();
    let classes: Vec<_> = blocks.iter().map(class).collect();
    let comments: String = blocks.iter().map(|it| it.comment("# ")).collect();
    format!(
        "{HEAD}\n{comments}\"option-def\": {},\n\"client-classes\": {}\n",
        list(&definitions),
        list(&classes)
    )
}

fn list(members: &[Json]) -> String {
    serde_json::to_string_pretty(members).unwrap_or_default()
}

const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "string",
        Kind::Ipv4 | Kind::Ipv4List => "ipv4-address",
        Kind::U8 => "uint8",
        Kind::U16 => "uint16",
        Kind::U32 => "uint32",
        Kind::Bool => "boolean",
    }
}

/// Each class has an option 43 of its own, since two families give the same codes other meanings. It is sent
/// to boxes that do not ask for it, too.
fn class(block: &Block) -> Json {
    let space = block.family.space();
    let test: Vec<_> = block.matches.iter().map(condition).collect();
    let all = json!({ "name": "vendor-encapsulated-options", "code": 43, "always-send": true });
    let options = block.options.iter().map(|option| self::data(space, option));
    let data: Vec<_> = [all].into_iter().chain(options).collect();
    json!({
        "name": block.name,
        "test": test.join(" or "),
        "option-def": [{
            "name": "vendor-encapsulated-options", "code": 43, "type": "empty", "encapsulate": space,
        }],
        "option-data": data,
    })
}

fn data(space: &str, option: &SubOption) -> Json {
    let (name, code) = (option.definition.name, option.definition.code);
    match &option.value {
        // A comma would begin another value, and spaces at the ends would go.
        Value::Text(text) if text.contains([',', '\\', '"']) || text.trim() != text => json!({
            "name": name, "code": code, "space": space, "csv-format": false,
            "data": hex(text.as_bytes(), ""),
        }),
        value => json!({ "name": name, "code": code, "space": space, "data": value.to_string() }),
    }
}

fn condition(one: &Match) -> String {
    match one {
        Match::Exact(text) => format!("option[60].text == '{text}'"),
        Match::Prefix(text) => format!("substring(option[60].text, 0, {}) == '{text}'", text.len()),
    }
}
