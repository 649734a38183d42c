//! The walk over the tree of a document.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use roxmltree::{Node, NodeType};
use stbcast_object::xml::Place;

use super::super::elements::{
    BOOT_ELEMENTS, BOOT_ELEMENTS_OLD, DIAGNOSTIC_VERSION, Element, PERMANENT_ELEMENTS, declared,
};
use super::super::problem::shown;
use super::super::{
    BootImage, BootParams, PermanentParams, Problem, StbConfig, VALUE_BYTES_MAX, permanent,
};
use super::{Outcome, Report};

pub(super) const ROOT: &str = "StbConfig";
pub(super) const BOOT: &str = "BootParams";

const SECTIONS: [&str; 2] = [BOOT, permanent::NAME];

/// A walk over the tree of one document.
pub(super) struct Walk<'a> {
    text: &'a str,
    report: &'a mut Report,
    old: bool,
    fits_old: bool,
}

/// The values of a section by their places in its table.
type Values = Vec<Option<String>>;

impl<'a> Walk<'a> {
    /// A walk over the tree of `text`; `old` when it is for boxes of the older generation.
    pub(super) const fn new(text: &'a str, report: &'a mut Report, old: bool) -> Self {
        Self { text, report, old, fits_old: true }
    }

    /// Whether boxes of the older generation could use what was seen.
    pub(super) const fn fits_old(&self) -> bool {
        self.fits_old
    }

    pub(super) fn root(&mut self, root: Node<'_, '_>) -> Outcome<Option<StbConfig>> {
        let name = root.tag_name().name();
        if name != ROOT {
            self.tell(root, Problem::Root { found: shown(name) })?;
            return Ok(None);
        }
        self.no_attributes(root)?;
        let (mut boot, mut permanent) = (None, PermanentParams::default());
        for (child, place) in self.children(root, ROOT, &SECTIONS)? {
            if place == 0 {
                let values = self.section(child, &BOOT_ELEMENTS, BOOT)?;
                boot = Some(self.boot(child, values)?);
            } else {
                self.not_in_old(child, permanent::NAME)?;
                let values = self.section(child, &PERMANENT_ELEMENTS, permanent::NAME)?;
                permanent = self.permanent(child, values)?;
            }
        }
        if boot.is_none() {
            self.tell(root, Problem::Missing { element: BOOT, parent: ROOT })?;
        }
        Ok(boot.flatten().map(|boot| StbConfig { boot, permanent }))
    }

    fn tell(&mut self, node: Node<'_, '_>, problem: Problem) -> Outcome<()> {
        let text = self.text;
        self.report.tell(|| Place::of(text, node.range().start), problem)
    }

    /// The elements inside `node` that are known, each once, with their places among `names`.
    fn children<'n, 'i>(
        &mut self,
        node: Node<'n, 'i>,
        parent: &'static str,
        names: &[&'static str],
    ) -> Outcome<Vec<(Node<'n, 'i>, usize)>> {
        let mut known: Vec<(Node<'n, 'i>, usize)> = Vec::new();
        for child in node.children() {
            if let (NodeType::Text, Some(text)) = (child.node_type(), child.text().map(str::trim))
                && !text.is_empty()
            {
                self.tell(child, Problem::StrayText { parent, text: shown(text) })?;
            }
            if !child.is_element() {
                continue;
            }
            self.no_attributes(child)?;
            let name = child.tag_name().name();
            let place = names.iter().position(|known| *known == declared(name));
            let Some((place, element)) = place.and_then(|at| Some((at, *names.get(at)?))) else {
                self.tell(child, Problem::Unknown { element: shown(name), parent })?;
                continue;
            };
            if let Some((first, _)) = known.iter().find(|(_, other)| *other == place) {
                let line = Place::of(self.text, first.range().start).line;
                self.tell(child, Problem::Twice { element, line })?;
                continue;
            }
            let later = known.iter().find(|(_, other)| *other > place);
            if let Some(&before) = later.and_then(|(_, other)| names.get(*other)) {
                self.tell(child, Problem::OutOfOrder { element, before })?;
            }
            known.push((child, place));
        }
        Ok(known)
    }

    /// The values of a section.
    fn section(
        &mut self,
        node: Node<'_, '_>,
        table: &[Element],
        parent: &'static str,
    ) -> Outcome<Values> {
        let names: Vec<_> = table.iter().map(|element| element.name).collect();
        let mut values: Values = names.iter().map(|_| None).collect();
        for (child, at) in self.children(node, parent, &names)? {
            let (Some(element), Some(slot)) = (table.get(at), values.get_mut(at)) else { continue };
            let (alias, declared) = DIAGNOSTIC_VERSION;
            if child.tag_name().name() == alias {
                self.tell(child, Problem::Alias { alias, element: declared })?;
            }
            if element.deprecated {
                self.tell(child, Problem::Deprecated { element: element.name })?;
            }
            if parent == BOOT && at >= BOOT_ELEMENTS_OLD {
                self.not_in_old(child, element.name)?;
            }
            *slot = self.value(child, element)?;
        }
        Ok(values)
    }

    /// The value of an element, where it is legal.
    fn value(&mut self, node: Node<'_, '_>, element: &Element) -> Outcome<Option<String>> {
        let &Element { name, legal, .. } = element;
        if let Some(inner) = node.children().find(Node::is_element) {
            let child = shown(inner.tag_name().name());
            self.tell(inner, Problem::Nested { element: name, child, legal })?;
            return Ok(None);
        }
        let pieces = node.children().filter(Node::is_text).filter_map(|piece| piece.text());
        let whole: String = pieces.collect();
        let value = whole.trim();
        let checked = match element.check(value) {
            Ok(()) if whole.len() > VALUE_BYTES_MAX => {
                Err(Problem::Value { element: name, value: shown(value), legal })
            }
            checked => checked,
        };
        if let Err(problem) = checked {
            self.tell(node, problem)?;
            return Ok(None);
        }
        if value.len() != whole.len() {
            self.tell(node, Problem::Blanks { element: name })?;
        }
        Ok(Some(value.to_string()))
    }

    fn no_attributes(&mut self, node: Node<'_, '_>) -> Outcome<()> {
        let Some(attribute) = node.attributes().next() else { return Ok(()) };
        let (element, attribute) = (shown(node.tag_name().name()), shown(attribute.name()));
        self.tell(node, Problem::Attribute { element, attribute })
    }

    fn not_in_old(&mut self, node: Node<'_, '_>, element: &'static str) -> Outcome<()> {
        self.fits_old = false;
        if self.old { self.tell(node, Problem::NotInOld { element }) } else { Ok(()) }
    }

    fn boot(&mut self, at: Node<'_, '_>, values: Values) -> Outcome<Option<BootParams>> {
        let has = |name: &str| at.children().any(|child| child.tag_name().name() == name);
        let mut values = values.into_iter();
        let mut next = || values.next().flatten();
        // In the order of the table.
        let (kernel, splash) = ((next(), next()), (next(), next()));
        let (diagnostic, nfs_server, nfs_root) = ((next(), next()), next(), next());
        for (url, element, version) in [
            ("SplashUrl", "SplashVersion", &splash.1),
            ("DiagnosticUrl", "DiagnosticVersion", &diagnostic.1),
        ] {
            if version.is_some() && !has(url) {
                self.tell(at, Problem::Alone { element, other: url })?;
            }
        }
        if !has("SplashUrl") {
            self.fits_old = false;
            let missing = Problem::Missing { element: "SplashUrl", parent: BOOT };
            self.tell(at, if self.old { missing } else { Problem::NoSplash })?;
        }
        if !has("KernelUrl") {
            self.tell(at, Problem::Missing { element: "KernelUrl", parent: BOOT })?;
        }
        let (splash, diagnostic) = (image(splash), image(diagnostic));
        let boot = |kernel| BootParams { kernel, splash, diagnostic, nfs_server, nfs_root };
        Ok(image(kernel).map(boot))
    }

    fn permanent(&mut self, at: Node<'_, '_>, values: Values) -> Outcome<PermanentParams> {
        let permanent = PermanentParams::of_checked(values);
        if permanent.get("IPConfigMethod") == Some("Fixed") {
            for other in ["IPAddress", "Netmask"] {
                if permanent.get(other).is_none() {
                    self.tell(at, Problem::Alone { element: "IPConfigMethod", other })?;
                }
            }
        }
        Ok(permanent)
    }
}

/// An image by the values of its two elements.
fn image((url, version): (Option<String>, Option<String>)) -> Option<BootImage> {
    Some(BootImage { url: url?.parse().ok()?, version })
}
