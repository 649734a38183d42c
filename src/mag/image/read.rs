//! An image, read front to back.

use std::io::{self, Chain, Cursor, Read};

use stbcast_mag::image::{
    HEADER_BYTES_MAX, Header, HeaderError, Layout, LayoutError, Part, TRAILER_BYTES, Trailer,
};

use super::openpgp::{Digests, Hash, PublicKeys, SignatureError, Signed, fill};

/// Bytes that are read at once.
const PIECE_BYTES: usize = 1 << 18;

/// An image whose header has been read.
pub struct Image<R> {
    /// What it says.
    pub header: Header,
    /// Where everything stands.
    pub layout: Layout,
    text: Vec<u8>,
    data: Chain<Cursor<Vec<u8>>, R>,
}

/// Why something is no image, or not a whole one.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// It cannot be read.
    #[error("cannot read: {0}")]
    Read(#[from] io::Error),
    /// Its header.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// Its sizes and places.
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

/// What became of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Which one: [`Part::Trailer`] or [`Part::GlobalTrailer`].
    pub part: Part,
    /// Who made it, or why it does not hold.
    pub outcome: Result<Signed, SignatureError>,
}

/// What is doubtful about signatures that hold: boxes of a model take those over one hash alone (MAG notes
/// §1.6), and refuse the image with status 17 where one is over another.
pub fn other_hash(model: &str, checked: &[Checked]) -> Option<String> {
    let taken = Hash::of_model(model);
    let hashes = checked.iter().filter_map(|it| Some((it.part, it.outcome.as_ref().ok()?.hash)));
    let (part, hash) = hashes.into_iter().find(|(_, hash)| *hash != taken)?;
    let (hash, taken) = (hash.word(), taken.word());
    Some(format!(
        "{part} is over {hash}; boxes of model {model} are known to take {taken} and nothing else"
    ))
}

impl<R: Read> Image<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// When it cannot be read, is no header, or names sections that cannot stand as it says.
    pub fn open(mut source: R) -> Result<Self, ImageError> {
        let mut text = vec![0; HEADER_BYTES_MAX];
        let filled = fill(&mut source, &mut text)?;
        text.truncate(filled);
        let (header, header_bytes) = Header::read(&text)?;
        let layout = Layout::new(&header, header_bytes)?;
        let begun = text.split_off(header_bytes);
        Ok(Self { header, layout, text, data: Cursor::new(begun).chain(source) })
    }

    /// Reads the rest and holds every signature against the keys: those of the sections in their
    /// order, then the one of the whole. All are told, even where the first does not hold.
    ///
    /// # Errors
    /// When the image cannot be read, or ends elsewhere than its header says.
    pub fn verify(mut self, keys: &PublicKeys) -> Result<Vec<Checked>, ImageError> {
        let mut checked = Vec::new();
        let mut whole = Digests::default();
        whole.update(&self.text);
        for section in self.layout.clone().sections() {
            let digests = self.digests(section.data.start, section.data.end)?;
            let trailer = self.trailer(section.data.end)?;
            whole.update(&trailer);
            checked.push(judge(Part::Trailer(section.kind), keys, &digests, &trailer));
        }
        let trailer = self.trailer(self.layout.global_trailer().start)?;
        checked.push(judge(Part::GlobalTrailer, keys, &whole, &trailer));
        let following = io::copy(&mut self.data, &mut io::sink())?;
        self.layout.check(self.layout.total().saturating_add(following))?;
        Ok(checked)
    }

    /// The digests of the next bytes.
    fn digests(&mut self, from: u64, to: u64) -> Result<Digests, ImageError> {
        let mut digests = Digests::default();
        let mut piece = vec![0; PIECE_BYTES];
        let mut at = from;
        while at < to {
            let wanted = usize::try_from(to - at).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
            let bytes = fill(&mut self.data, piece.get_mut(..wanted).unwrap_or_default())?;
            digests.update(piece.get(..bytes).unwrap_or_default());
            at += bytes as u64;
            if bytes < wanted {
                self.layout.check(at)?;
            }
        }
        Ok(digests)
    }

    fn trailer(&mut self, at: u64) -> Result<[u8; TRAILER_BYTES as usize], ImageError> {
        let mut bytes = [0; TRAILER_BYTES as usize];
        let filled = fill(&mut self.data, &mut bytes)?;
        if filled < bytes.len() {
            self.layout.check(at + filled as u64)?;
        }
        Ok(bytes)
    }
}

fn judge(part: Part, keys: &PublicKeys, digests: &Digests, trailer: &[u8]) -> Checked {
    let trailer = Trailer::parse(trailer).map_err(SignatureError::from);
    Checked { part, outcome: trailer.and_then(|trailer| keys.verify(digests, &trailer)) }
}
