//! The words of `dnsmasq` (dnsmasq(8)). It finds the class of a box by a part of its text, so that longer
//! classes are taken out by their tags. Sub-options that it is told one by one it sends from the last to the
//! first and with an end mark, which no vendor documents: it is told the bytes of all of them.

use super::{Block, Match, SubOption, encode, hex};

const HEAD: &str = "# Vendor options (option 43) for dnsmasq: conf-file=FILE\n";

/// Everything, to be included.
pub(super) fn print(blocks: &[Block]) -> String {
    let mut text = HEAD.to_owned();
    let tags = tags(blocks);
    for tag in &tags {
        text += &format!("dhcp-vendorclass=set:{},{}\n", tag.tag, tag.text);
    }
    for block in blocks {
        text += &format!("\n{}", block.comment("# "));
        for SubOption { definition, value } in &block.options {
            text += &format!("#   {} {} = {value}\n", definition.code, definition.name);
        }
        // What does not fit was refused before.
        let bytes = hex(&encode(&block.options).unwrap_or_default(), ":");
        for tag in tags.iter().filter(|tag| tag.block == block.name) {
            let others = tags.iter().filter(|it| it.text != tag.text && it.text.contains(tag.text));
            let others: String = others.map(|it| format!("tag:!{},", it.tag)).collect();
            let others = if tag.is_exact { others } else { String::new() };
            text += &format!("dhcp-option-force=tag:{},{others}43,{bytes}\n", tag.tag);
        }
    }
    text
}

/// A text of a class, and what dnsmasq calls those whose class has it.
struct Tag<'a> {
    tag: String,
    text: &'a str,
    block: &'a str,
    is_exact: bool,
}

fn tags(blocks: &[Block]) -> Vec<Tag<'_>> {
    let of_block = |block| {
        let Block { name, matches, .. }: &Block = block;
        matches.iter().enumerate().map(move |(place, one)| {
            let (text, is_exact) = match one {
                Match::Exact(text) => (text.as_str(), true),
                Match::Prefix(text) => (text.as_str(), false),
            };
            let tag = format!("stbcast-{name}-{}", place + 1);
            Tag { tag, text, block: name, is_exact }
        })
    };
    blocks.iter().flat_map(of_block).collect()
}
