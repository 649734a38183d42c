//! The words of ISC `dhcpd` (dhcp-options(5), dhcpd.conf(5)).

use std::collections::BTreeMap;

use super::space::Kind;
use super::{Block, Match, Value};

const HEAD: &str =
    "# Vendor options (option 43) for dhcpd.conf, beside the subnets: include \"FILE\";\n";

/// Everything, to be included.
pub(super) fn print(blocks: &[Block]) -> String {
    let mut text = HEAD.to_owned();
    let spaces: BTreeMap<_, _> = blocks.iter().map(|it| (it.family.space(), it.family)).collect();
    for (space, family) in spaces {
        text += &format!("\noption space {space};\n");
        for it in family.definitions() {
            text += &format!("option {space}.{} code {} = {};\n", it.name, it.code, kind(it.kind));
        }
    }
    text + &blocks.iter().map(class).collect::<String>()
}

const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Ipv4 => "ip-address",
        Kind::Ipv4List => "array of ip-address",
        Kind::U8 => "unsigned integer 8",
        Kind::U16 => "unsigned integer 16",
        Kind::U32 => "unsigned integer 32",
        Kind::Bool => "boolean",
    }
}

fn class(block: &Block) -> String {
    let Block { name, family, matches, options, .. } = block;
    let space = family.space();
    let condition: Vec<_> = matches.iter().map(condition).collect();
    let mut text = format!("\n{}class \"{name}\" {{\n", block.comment("# "));
    text += &format!("  match if {};\n", condition.join("\n    or "));
    text += &format!("  vendor-option-space {space};\n");
    // A box that does not ask for option 43 gets it all the same.
    text += "  option dhcp-parameter-request-list = concat(\n    \
             pick-first-value(option dhcp-parameter-request-list, 01:03:06:0f), 2b);\n";
    for option in options {
        text += &format!("  option {space}.{} {};\n", option.definition.name, value(&option.value));
    }
    text + "}\n"
}

fn condition(one: &Match) -> String {
    match one {
        Match::Exact(text) => format!("option vendor-class-identifier = {}", quoted(text)),
        Match::Prefix(text) => format!(
            "substring(option vendor-class-identifier, 0, {}) = {}",
            text.len(),
            quoted(text)
        ),
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::Text(text) => quoted(text),
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
