//! Values to XML: a small writer that escapes whatever it is given.

use alloc::string::String;
use core::fmt::{Display, Write as _};

use stbcast_object::xml::Escaped;

use super::digest::{base64, content_digest};
use super::{FDT_NAMESPACE, File, Instance, OWN_NAMESPACE};
use crate::{Fti, Scheme};

/// Grows a document attribute by attribute.
struct Writer {
    xml: String,
}

impl Writer {
    fn attribute(&mut self, name: &str, value: impl Display) {
        // Writing into a string cannot fail.
        let _ = write!(self.xml, " {name}=\"");
        let _ = write!(Escaped(&mut self.xml), "{value}");
        self.xml.push('"');
    }

    fn optional(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.attribute(name, value);
        }
    }
}

/// The document, with one file a line.
pub(super) fn instance(instance: &Instance) -> String {
    let mut writer = Writer { xml: String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n") };
    writer.xml.push_str("<FDT-Instance");
    writer.attribute("xmlns", FDT_NAMESPACE);
    writer.attribute("xmlns:stb", OWN_NAMESPACE);
    writer.attribute("Expires", instance.expires.0);
    writer.optional("Complete", instance.complete.then_some("true"));
    writer.xml.push_str(">\n");
    for one in &instance.files {
        file(&mut writer, one);
    }
    writer.xml.push_str("</FDT-Instance>\n");
    writer.xml
}

fn file(writer: &mut Writer, file: &File) {
    writer.xml.push_str("<File");
    writer.attribute("Content-Location", &file.location);
    writer.attribute("TOI", file.toi);
    writer.optional("Content-Length", file.transfer_bytes());
    writer.optional("Transfer-Length", file.fti.map(|fti| fti.transfer_bytes()));
    writer.optional("Content-Type", file.media_type.as_ref());
    writer.optional("Content-MD5", file.md5.map(|md5| base64(&md5)));
    writer.optional("Content-Digest", file.sha256.as_ref().map(content_digest));
    if let Some(fti) = file.fti {
        fec(writer, fti);
    }
    let own = &file.announced;
    writer.optional("stb:Kind", own.kind.as_ref());
    writer.optional("stb:Slice-Bytes", own.slice_bytes);
    writer.optional("stb:Repair-Group", own.companion.map(|companion| companion.group));
    writer.optional("stb:Repair-TSI", own.companion.map(|companion| companion.tsi));
    if let Some(unicast) = &own.unicast {
        writer.attribute("stb:Alternate", &unicast.alternates);
        writer.attribute("stb:Alternate-After", unicast.after_cycles);
        writer.attribute("stb:Alternate-Window", unicast.window_s());
    }
    if let Some(old) = &own.supersedes {
        writer.attribute("stb:Supersedes", old.toi());
        writer.attribute("stb:Overlap", old.overlap_s());
        writer.attribute("stb:Finish-Past", old.finish_past_permille());
    }
    writer.xml.push_str("/>\n");
}

fn fec(writer: &mut Writer, fti: Fti) {
    let scheme = fti.scheme();
    writer.attribute("FEC-OTI-FEC-Encoding-ID", scheme.encoding_id());
    match scheme {
        Scheme::NoCode { block_symbols } => {
            writer.attribute("FEC-OTI-Maximum-Source-Block-Length", block_symbols);
        }
        Scheme::Companion { code, block_symbols } => {
            writer.attribute("FEC-OTI-FEC-Instance-ID", code.instance());
            writer.attribute("FEC-OTI-Maximum-Source-Block-Length", block_symbols);
        }
        Scheme::RaptorQ { source_blocks, alignment } => {
            let info = [source_blocks, 0, 1, alignment];
            writer.attribute("FEC-OTI-Scheme-Specific-Info", base64(&info));
        }
    }
    writer.attribute("FEC-OTI-Encoding-Symbol-Length", fti.symbol_bytes());
}
