//! The texts a line-up is written in: one file, or the drop-ins of a directory. Each has a range of
//! offsets of its own, so that an offset names file, line and column.

use stbcast_object::xml::Place;

use super::Finding;

/// The texts in the order in which they count.
#[derive(Debug, Default)]
pub(super) struct Sources {
    texts: Vec<SourceText>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct SourceText {
    /// Name of the file in its directory; none where the line-up is one file.
    pub(super) name: Option<String>,
    text: String,
    /// The offset of its first byte.
    from: usize,
}

impl Sources {
    /// A line-up that is one file.
    pub(super) fn single(text: &str) -> Self {
        let mut sources = Self::default();
        sources.push(None, text);
        sources
    }

    /// Adds a text behind the others.
    pub(super) fn push(&mut self, name: Option<String>, text: &str) {
        // The end of a text is no offset of the next one.
        let from = self.texts.last().map_or(0, |last| last.from + last.text.len() + 1);
        self.texts.push(SourceText { name, text: text.to_owned(), from });
    }

    /// The texts.
    pub(super) fn texts(&self) -> impl Iterator<Item = &SourceText> {
        self.texts.iter()
    }

    /// Where `finding` is to be looked for.
    pub(super) fn locate(&self, finding: Finding, offset: usize) -> Finding {
        let is_in = |text: &&SourceText| text.from <= offset;
        let Some(text) = self.texts.iter().rev().find(is_in) else { return finding };
        let Place { line, column } = Place::of(&text.text, offset - text.from);
        Finding { at: Some((line, column)), file: text.name.clone(), ..finding }
    }

    /// Name of the file that `offset` is in.
    pub(super) fn name(&self, offset: usize) -> &str {
        let text = self.texts.iter().rev().find(|text| text.from <= offset);
        text.and_then(|text| text.name.as_deref()).unwrap_or("the line-up")
    }
}

impl SourceText {
    /// Whether this is XML.
    pub(super) fn is_xml(&self) -> bool {
        self.text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).starts_with('<')
    }

    /// The text as it was read.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The text behind as much space as lies before it, so that a parser of TOML tells offsets that are
    /// its own.
    pub(super) fn padded(&self) -> String {
        const BOM: &str = "\u{feff}";
        let (skipped, text) = match self.text.strip_prefix(BOM) {
            Some(text) => (BOM.len(), text),
            None => (0, self.text.as_str()),
        };
        [" ".repeat(self.from + skipped).as_str(), text].concat()
    }
}
