//! A look at an instance before it is parsed: what would make a parser work for an attacker.

use super::FdtError;
use super::limits::{DEPTH_MAX, EQUAL_SIGNS_MAX};

/// Refuses document types (with which entities are defined), depth, and tags with many attributes
/// or name spaces. What is not well-formed is left to the parser.
///
/// # Errors
/// [`FdtError::DocumentType`], [`FdtError::Depth`], [`FdtError::Attributes`].
pub(super) fn scan(text: &str) -> Result<(), FdtError> {
    let mut rest = text;
    let mut depth = 0usize;
    while let Some((_, tag)) = rest.split_once('<') {
        rest = if let Some(comment) = tag.strip_prefix("!--") {
            behind(comment, "-->")
        } else if let Some(data) = tag.strip_prefix("![CDATA[") {
            behind(data, "]]>")
        } else if tag.starts_with('!') {
            return Err(FdtError::DocumentType);
        } else if let Some(instruction) = tag.strip_prefix('?') {
            behind(instruction, "?>")
        } else if let Some(end) = tag.strip_prefix('/') {
            depth = depth.saturating_sub(1);
            behind(end, ">")
        } else {
            let (length, closed) = open_tag(tag)?;
            depth += usize::from(!closed);
            if depth > DEPTH_MAX {
                return Err(FdtError::Depth);
            }
            tag.get(length..).unwrap_or_default()
        };
    }
    Ok(())
}

fn behind<'a>(text: &'a str, mark: &str) -> &'a str {
    text.split_once(mark).map_or("", |(_, rest)| rest)
}

/// Bytes of a tag up to its `>`, and whether it closes itself.
fn open_tag(tag: &str) -> Result<(usize, bool), FdtError> {
    let (mut quote, mut equals, mut last) = (None, 0, 0);
    for (place, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Ok((place + 1, last == b'/')),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(mark), _) if mark == byte => quote = None,
            (None, b'=') => equals += 1,
            _ => {}
        }
        if equals > EQUAL_SIGNS_MAX {
            return Err(FdtError::Attributes);
        }
        last = byte;
    }
    Ok((tag.len(), true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    #[test]
    fn documents_that_make_work_are_refused() {
        let entities = "<!DOCTYPE a [<!ENTITY b \"cc\">]><a>&b;</a>";
        assert_eq!(scan(entities), Err(FdtError::DocumentType));
        assert_eq!(scan(&"<a>".repeat(9)), Err(FdtError::Depth));
        let many: String = (0..300).map(|n| alloc::format!(" a{n}=''")).collect();
        assert_eq!(scan(&alloc::format!("<a{many}/>")), Err(FdtError::Attributes));
    }

    #[test]
    fn marks_in_quotes_comments_and_data_do_not_count() {
        let calm = "<?xml version='1.0'?><!-- <!DOCTYPE <a><a> --><a b='>' c=\"</a>='\">\
                    <![CDATA[<a><a><!DOCTYPE]]></a>";
        assert_eq!(scan(calm), Ok(()));
        assert_eq!(scan(&"<a/>".repeat(100)), Ok(()));
        assert_eq!(scan(&"<a></a>".repeat(100)), Ok(()));
        assert_eq!(scan("<a b='"), Ok(()));
    }
}
