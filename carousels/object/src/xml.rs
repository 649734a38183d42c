//! XML within limits: a look at a document before a parser works for an attacker, where in a
//! document something stands, and the escaping of what is written.

use alloc::string::String;
use core::fmt::{self, Write};

/// What is taken of a document. Its bytes are bounded by whoever holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Elements inside elements.
    pub depth: usize,
    /// Elements in all.
    pub elements: usize,
    /// Attributes and name spaces of one element.
    pub attributes: usize,
    /// Signs `<` anywhere, and signs `=` anywhere: parsers reserve memory for each of them.
    pub signs: usize,
    /// What of a document type.
    pub document_type: DocumentType,
}

/// What of a document type (`<!DOCTYPE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentType {
    /// None is taken.
    Refused,
    /// One that names a DTD elsewhere is passed over, and nothing is ever fetched. One that
    /// defines something itself is refused, since entities are what bombs are made of.
    External,
}

/// Why a document is refused before it is parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A document type where none is taken, or a declaration outside of one.
    #[error("a document type or declaration is not legal here")]
    DocumentType {
        /// Byte where it begins.
        at: usize,
    },
    /// A document type that defines something.
    #[error("the document type defines something itself: only the name of a DTD is legal")]
    InternalSubset {
        /// Byte where the definitions begin.
        at: usize,
    },
    /// Elements too deep inside each other.
    #[error("elements lie deeper than {most}")]
    Depth {
        /// Byte where the first such element begins.
        at: usize,
        /// Elements inside elements that are taken.
        most: usize,
    },
    /// Signs without number.
    #[error("there are more than {most} signs `{sign}`")]
    Signs {
        /// Byte of the first one too many.
        at: usize,
        /// Signs that are taken.
        most: usize,
        /// Which sign.
        sign: char,
    },
    /// Too many elements.
    #[error("there are more than {most} elements")]
    Elements {
        /// Byte where the first one too many begins.
        at: usize,
        /// Elements that are taken.
        most: usize,
    },
    /// An element with more attributes than any needs.
    #[error("an element has more than {most} attributes")]
    Attributes {
        /// Byte where the element begins.
        at: usize,
        /// Attributes that are taken.
        most: usize,
    },
}

impl Refused {
    /// Byte of the document where it stands, from 0.
    pub const fn at(&self) -> usize {
        match self {
            Self::DocumentType { at }
            | Self::InternalSubset { at }
            | Self::Depth { at, .. }
            | Self::Signs { at, .. }
            | Self::Elements { at, .. }
            | Self::Attributes { at, .. } => *at,
        }
    }
}

/// Refuses what would make a parser work without end: entities of the document's own, depth, and
/// elements or attributes without number. Nothing is allocated. What is not well-formed is
/// left to the parser, which fails where this one would go astray.
///
/// # Errors
/// The first limit that the document breaks.
pub fn guard(text: &str, limits: &Limits) -> Result<(), Refused> {
    let (mut rest, mut depth, mut elements) = (text, 0usize, 0usize);
    while let Some((_, tag)) = rest.split_once('<') {
        let at = text.len() - tag.len() - 1;
        rest = if let Some(comment) = tag.strip_prefix("!--") {
            behind(comment, "-->")
        } else if let Some(data) = tag.strip_prefix("![CDATA[") {
            behind(data, "]]>")
        } else if tag.starts_with('!') {
            tag.get(document_type(tag, at, limits)?..).unwrap_or_default()
        } else if let Some(instruction) = tag.strip_prefix('?') {
            behind(instruction, "?>")
        } else if let Some(end) = tag.strip_prefix('/') {
            depth = depth.saturating_sub(1);
            behind(end, ">")
        } else {
            let (length, closed) = open_tag(tag, at, limits)?;
            elements += 1;
            if elements > limits.elements {
                return Err(Refused::Elements { at, most: limits.elements });
            }
            if depth >= limits.depth {
                return Err(Refused::Depth { at, most: limits.depth });
            }
            depth += usize::from(!closed);
            tag.get(length..).unwrap_or_default()
        };
    }
    for sign in ['<', '='] {
        if let Some((at, _)) = text.match_indices(sign).nth(limits.signs) {
            return Err(Refused::Signs { at, most: limits.signs, sign });
        }
    }
    Ok(())
}

fn behind<'a>(text: &'a str, mark: &str) -> &'a str {
    text.split_once(mark).map_or("", |(_, rest)| rest)
}

/// Bytes of a document type up to its `>`.
fn document_type(tag: &str, at: usize, limits: &Limits) -> Result<usize, Refused> {
    if limits.document_type == DocumentType::Refused || !tag.starts_with("!DOCTYPE") {
        return Err(Refused::DocumentType { at });
    }
    let mut quote = None;
    for (place, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Ok(place + 1),
            (None, b'[') => return Err(Refused::InternalSubset { at: at + 1 + place }),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(mark), _) if mark == byte => quote = None,
            _ => {}
        }
    }
    Ok(tag.len())
}

/// Bytes of a tag up to its `>`, and whether it closes itself.
fn open_tag(tag: &str, at: usize, limits: &Limits) -> Result<(usize, bool), Refused> {
    let (mut quote, mut equals, mut last) = (None, 0, 0);
    for (place, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Ok((place + 1, last == b'/')),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(mark), _) if mark == byte => quote = None,
            // Each attribute has one.
            (None, b'=') => equals += 1,
            _ => {}
        }
        if equals > limits.attributes {
            return Err(Refused::Attributes { at, most: limits.attributes });
        }
        last = byte;
    }
    Ok((tag.len(), true))
}

/// Where in a text something stands, for people: line and column from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line from 1.
    pub line: usize,
    /// Column from 1.
    pub column: usize,
}

impl Place {
    /// The place of byte `offset` of `text`; its end where the text is shorter.
    pub fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset.min(text.len())).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        Self { line: before.matches('\n').count() + 1, column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Escapes what is written through it, for use between tags and inside double quotes (XML 1.0
/// §2.3, §3.3.3).
#[derive(Debug)]
pub struct Escaped<'a>(pub &'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\t' | '\n' | '\r' => write!(self.0, "&#{};", u32::from(character))?,
                // No XML 1.0 document can hold the others, not even escaped.
                c if c.is_control() => self.0.push('?'),
                c => self.0.push(c),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    const STRICT: Limits = Limits {
        depth: 8,
        elements: 200,
        attributes: 256,
        signs: 1_000,
        document_type: DocumentType::Refused,
    };
    const EXTERNAL: Limits = Limits { document_type: DocumentType::External, ..STRICT };

    #[test]
    fn documents_that_make_work_are_refused_at_their_place() {
        let entities = "<!DOCTYPE a [<!ENTITY b \"cc\">]><a>&b;</a>";
        assert_eq!(guard(entities, &STRICT), Err(Refused::DocumentType { at: 0 }));
        assert_eq!(guard(entities, &EXTERNAL), Err(Refused::InternalSubset { at: 12 }));
        let deep = Refused::Depth { at: 24, most: 8 };
        assert_eq!(guard(&"<a>".repeat(9), &STRICT), Err(deep));
        assert_eq!(guard(&["<a>".repeat(8), "<b/>".into()].concat(), &STRICT), Err(deep));
        let many: String = (0..300).map(|n| format!(" a{n}=''")).collect();
        let many = format!("<z><a{many}/></z>");
        assert_eq!(guard(&many, &STRICT), Err(Refused::Attributes { at: 3, most: 256 }));
        let signs = |at, sign| Err(Refused::Signs { at, most: 1_000, sign });
        assert_eq!(guard(&["<!--", &"<".repeat(1_000)].concat(), &STRICT), signs(1_003, '<'));
        assert_eq!(guard(&"=".repeat(1_001), &STRICT), signs(1_000, '='));
        let flood = Refused::Elements { at: 800, most: 200 };
        assert_eq!(guard(&"<a/>".repeat(201), &STRICT), Err(flood));
    }

    #[test]
    fn the_name_of_a_dtd_is_passed_over_where_it_is_legal_and_nothing_else() {
        for fine in [
            "<!DOCTYPE a SYSTEM \"a.dtd\"><a/>",
            "<!DOCTYPE a PUBLIC \"-//[x]>\" 'http://192.0.2.1/a[>.dtd' ><a/>",
            "<!DOCTYPE a><a/>",
        ] {
            assert_eq!(guard(fine, &EXTERNAL), Ok(()), "{fine}");
            assert_eq!(guard(fine, &STRICT), Err(Refused::DocumentType { at: 0 }));
        }
        for wrong in ["<!ENTITY a \"b\">", "<a><!ELEMENT b (c)></a>", "<!doctype a>"] {
            assert!(matches!(guard(wrong, &EXTERNAL), Err(Refused::DocumentType { .. })));
        }
        let late = "<!DOCTYPE a SYSTEM 'a.dtd' [ ]><a/>";
        assert!(matches!(guard(late, &EXTERNAL), Err(Refused::InternalSubset { at: 27 })));
    }

    #[test]
    fn marks_in_quotes_comments_and_data_do_not_count() {
        let calm = "<?xml version='1.0'?><!-- <!DOCTYPE <a><a> --><a b='>' c=\"</a>='\">\
                    <![CDATA[<a><a><!DOCTYPE]]></a>";
        assert_eq!(guard(calm, &STRICT), Ok(()));
        assert_eq!(guard(&"<a/>".repeat(100), &STRICT), Ok(()));
        assert_eq!(guard(&"<a></a>".repeat(100), &STRICT), Ok(()));
        assert_eq!(guard("<a b='", &STRICT), Ok(()));
    }

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let text = "ab\nä€c\n";
        let at = |offset| Place::of(text, offset).to_string();
        assert_eq!(at(0), "line 1, column 1");
        assert_eq!(at(text.find('c').unwrap()), "line 2, column 3");
        assert_eq!(at(usize::MAX), "line 3, column 1");
    }

    #[test]
    fn whatever_is_written_stays_one_text() {
        let mut xml = String::new();
        Escaped(&mut xml).write_str("a<b>\"&\n\0").unwrap();
        assert_eq!(xml, "a&lt;b&gt;&quot;&amp;&#10;?");
    }
}
