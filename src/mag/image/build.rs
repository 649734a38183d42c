//! Making an image.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};

use stbcast_mag::image::{
    Header, HeaderError, Layout, LayoutError, Section, SectionKind, Trailer, place,
};

use super::draft::Draft;
use super::gpg::GpgError;
use super::openpgp::{Digests, fill};
use super::read::{Checked, Image, ImageError};
use super::{Hash, PublicKeys, Signer};

/// Bytes that are copied at once.
const PIECE_BYTES: usize = 1 << 18;

/// Longest description: the vendor's tools take no longer one, and no spaces.
const DESCRIPTION_BYTES_MAX: usize = 40;

/// A file that becomes a section.
#[derive(Clone, Debug)]
pub struct Ingredient {
    /// Which section.
    pub kind: SectionKind,
    /// Its bytes.
    pub path: PathBuf,
    /// Its version, for the sections that have one.
    pub version: Option<String>,
}

/// What an image is made of.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Model of the boxes.
    pub model: String,
    /// When it was made, as `date` writes it.
    pub date: String,
    /// Its version.
    pub version: u32,
    /// What it is: at most 40 bytes, without spaces.
    pub description: String,
    /// Version of the vendor's update interface.
    pub api: Option<String>,
    /// The sections, each kind at most once.
    pub sections: Vec<Ingredient>,
    /// What its signatures are over.
    pub hash: Hash,
    /// When they are made, in seconds since 1970.
    pub time: u32,
}

/// Why no image was made. There is no file of its name then, not even half of one.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A file.
    #[error("{}: {error}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A section without bytes, or no file.
    #[error("{}: no file with bytes in it", path.display())]
    Empty {
        /// Which one.
        path: PathBuf,
    },
    /// Somebody wrote to a file meanwhile.
    #[error("{} changed while it was read", path.display())]
    Changed {
        /// Which one.
        path: PathBuf,
    },
    /// The description.
    #[error("a description has 1 to {DESCRIPTION_BYTES_MAX} bytes and no spaces")]
    Description,
    /// A section that comes twice.
    #[error("the section {kind} comes twice")]
    Twice {
        /// Which one.
        kind: SectionKind,
    },
    /// What is to stand in the header cannot be read again.
    #[error("the header would not be read as it is meant: {0}")]
    Header(#[from] HeaderError),
    /// The header would say something else.
    #[error("the header would not be read as it is meant")]
    Meaning,
    /// Its size.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A signature.
    #[error(transparent)]
    Sign(#[from] GpgError),
    /// The image made is none.
    #[error("the image made is not whole: {0}")]
    Image(#[from] ImageError),
    /// The image made does not verify.
    #[error("{} of the image made does not hold", .0.part)]
    Refuted(Box<Checked>),
}

/// Whoever signs.
pub(super) trait Sign {
    fn trailer(&self, digests: &Digests, hash: Hash, time: u32) -> Result<Trailer, GpgError>;
    fn public(&self) -> &PublicKeys;
}

impl Sign for Signer {
    fn trailer(&self, digests: &Digests, hash: Hash, time: u32) -> Result<Trailer, GpgError> {
        self.sign(digests, hash, time)
    }
    fn public(&self) -> &PublicKeys {
        Self::public(self)
    }
}

/// Makes an image and verifies it as a box would, before it gets its name. A file that is there already
/// is never replaced.
///
/// # Errors
/// When a file cannot be read or written, GnuPG does not sign, or what came out does not verify.
pub fn build(recipe: &Recipe, signer: &Signer, out: &Path) -> Result<Vec<Checked>, BuildError> {
    built(recipe, signer, out)
}

pub(super) fn built(
    recipe: &Recipe,
    signer: &impl Sign,
    out: &Path,
) -> Result<Vec<Checked>, BuildError> {
    let failed = |error| BuildError::File { path: out.to_owned(), error };
    let mut inputs = Inputs::open(recipe)?;
    let text = header(recipe, &inputs)?;
    let directory = out.parent().filter(|directory| !directory.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    if out.exists() {
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    let mut draft = Draft::new(directory).map_err(failed)?;
    let file = draft.file();
    write(recipe, &text, &mut inputs, signer, (file, out))?;
    file.sync_all().map_err(failed)?;
    file.rewind().map_err(failed)?;
    let checked = Image::open(BufReader::new(&*file))?.verify(signer.public())?;
    if let Some(refuted) = checked.iter().find(|checked| checked.outcome.is_err()) {
        return Err(BuildError::Refuted(Box::new(refuted.clone())));
    }
    draft.name(out).map_err(failed)?;
    Ok(checked)
}

/// The files, in the order of the sections, with the lengths that the header will say.
struct Inputs(Vec<Input>);

struct Input {
    kind: SectionKind,
    version: Option<String>,
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Inputs {
    fn open(recipe: &Recipe) -> Result<Self, BuildError> {
        let mut inputs = Vec::new();
        for Ingredient { kind, path, version } in &recipe.sections {
            let failed = |error| BuildError::File { path: path.clone(), error };
            // Another thing than a file, as a named pipe, would be waited for.
            let facts = std::fs::metadata(path).map_err(failed)?;
            if !facts.is_file() || facts.len() == 0 {
                return Err(BuildError::Empty { path: path.clone() });
            }
            let file = File::open(path).map_err(failed)?;
            let (path, version) = (path.clone(), version.clone());
            inputs.push(Input { kind: *kind, version, path, file, bytes: facts.len() });
        }
        inputs.sort_by_key(|input| input.kind);
        let twice = inputs.windows(2).find_map(|pair| match pair {
            [first, second] if first.kind == second.kind => Some(first.kind),
            _ => None,
        });
        twice.map_or(Ok(Self(inputs)), |kind| Err(BuildError::Twice { kind }))
    }
}

/// The text of the header, held against what reading it makes of it.
fn header(recipe: &Recipe, inputs: &Inputs) -> Result<String, BuildError> {
    let description = &recipe.description;
    let fits = (1..=DESCRIPTION_BYTES_MAX).contains(&description.len());
    if !fits || description.chars().any(char::is_whitespace) {
        return Err(BuildError::Description);
    }
    let section = |input: &Input| Section {
        kind: input.kind,
        version: input.version.clone(),
        bytes: input.bytes,
        at: None,
    };
    let mut sections: Vec<_> = inputs.0.iter().map(section).collect();
    place(&mut sections);
    let header = Header {
        model: recipe.model.clone(),
        date: recipe.date.clone(),
        version: recipe.version,
        description: description.clone(),
        api: recipe.api.clone(),
        sections,
        others: Vec::new(),
    };
    Layout::new(&header, 0)?;
    let text = header.encode();
    let (read, bytes) = Header::read(text.as_bytes())?;
    Layout::new(&header, bytes)?;
    if read == header && bytes == text.len() { Ok(text) } else { Err(BuildError::Meaning) }
}

/// Header, sections with their trailers, and the trailer of the whole.
fn write(
    recipe: &Recipe,
    text: &str,
    inputs: &mut Inputs,
    signer: &impl Sign,
    (file, out): (&mut File, &Path),
) -> Result<(), BuildError> {
    let failed = |error| BuildError::File { path: out.to_owned(), error };
    let mut whole = Digests::default();
    whole.update(text.as_bytes());
    file.write_all(text.as_bytes()).map_err(failed)?;
    for input in &mut inputs.0 {
        let digests = copy(input, (file, out))?;
        let trailer = signer.trailer(&digests, recipe.hash, recipe.time)?.encode();
        whole.update(&trailer);
        file.write_all(&trailer).map_err(failed)?;
    }
    let trailer = signer.trailer(&whole, recipe.hash, recipe.time)?.encode();
    file.write_all(&trailer).map_err(failed)
}

fn copy(input: &mut Input, (file, out): (&mut File, &Path)) -> Result<Digests, BuildError> {
    let path = &input.path;
    let changed = || BuildError::Changed { path: path.clone() };
    let mut digests = Digests::default();
    let mut piece = vec![0; PIECE_BYTES];
    let mut copied = 0;
    // One byte more than it had shows that it has grown.
    let mut source = (&input.file).take(input.bytes.saturating_add(1));
    loop {
        let failed = |error| BuildError::File { path: path.clone(), error };
        let bytes = fill(&mut source, &mut piece).map_err(failed)?;
        copied += bytes as u64;
        if bytes == 0 || copied > input.bytes {
            break;
        }
        let piece = piece.get(..bytes).unwrap_or_default();
        digests.update(piece);
        let failed = |error| BuildError::File { path: out.to_owned(), error };
        file.write_all(piece).map_err(failed)?;
    }
    if copied == input.bytes { Ok(digests) } else { Err(changed()) }
}
