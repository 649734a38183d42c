//! What requests are answered from, swapped whole.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, Weak};

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::lineup::Target;
use crate::mapped::Mapped;
use crate::programme::{Dead, Payload, Programme};
use crate::spool::Digest;

/// The site there is now. Whoever took it keeps it.
#[derive(Default)]
pub(super) struct Current(RwLock<Arc<Site>>);

impl Current {
    pub(super) fn get(&self) -> Arc<Site> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes it, for requests that begin from now on.
    pub(super) fn replace_with(&self, make: impl FnOnce(&Site) -> Site) {
        let next = Arc::new(make(&self.get()));
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = next;
    }
}

/// Rules, StbConfigs and images of one line-up, and images that others left.
#[derive(Default)]
pub struct Site {
    pub(super) targets: Arc<[Target]>,
    stbconfigs: Arc<HashMap<String, StbConfig>>,
    /// Lists, by their paths in small letters.
    pages: Arc<HashMap<String, StbConfig>>,
    /// Digest of each object, by its channel and its own name.
    names: Arc<HashMap<String, HashMap<String, Digest>>>,
    images: HashMap<Digest, Held>,
    /// Images that are not answered any more, whoever still holds them.
    dead: Dead,
}

/// A StbConfig or a list as it is answered.
#[derive(Clone)]
pub(super) struct StbConfig {
    pub(super) bytes: Bytes,
    pub(super) etag: HeaderValue,
}

impl StbConfig {
    pub(super) fn new(text: &Arc<[u8]>) -> Option<Self> {
        let etag = etag(&Digest::of(text))?;
        Some(Self { bytes: Bytes::from_owner(Arc::clone(text)), etag })
    }
}

/// The bytes of an image as long as somebody else holds them: what sends them, what is about to, or
/// an answer on its way.
#[derive(Clone)]
enum Held {
    Mapped(Weak<Mapped>),
    Text(Weak<[u8]>),
}

impl Held {
    fn is_there(&self) -> bool {
        match self {
            Self::Mapped(mapped) => mapped.strong_count() > 0,
            Self::Text(text) => text.strong_count() > 0,
        }
    }

    fn bytes(&self) -> Option<Bytes> {
        match self {
            Self::Mapped(mapped) => Some(Bytes::from_owner(Kept(mapped.upgrade()?))),
            Self::Text(text) => Some(Bytes::from_owner(text.upgrade()?)),
        }
    }
}

/// Keeps a mapping while an answer needs it.
struct Kept(Arc<Mapped>);

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// An image, not copied.
pub(super) struct Image {
    pub(super) bytes: Bytes,
    pub(super) digest: Digest,
}

impl Image {
    /// Its strong validator.
    pub(super) fn etag(&self) -> Option<HeaderValue> {
        etag(&self.digest)
    }

    /// `Repr-Digest` (RFC 9530 §3).
    pub(super) fn repr_digest(&self) -> Option<HeaderValue> {
        let text = format!("sha-256=:{}:", STANDARD.encode(self.digest.bytes()));
        HeaderValue::try_from(text).ok()
    }
}

fn etag(digest: &Digest) -> Option<HeaderValue> {
    HeaderValue::try_from(format!("\"{}\"", digest.hex())).ok()
}

impl Site {
    /// The site of a programme.
    pub fn of(programme: &Programme) -> Self {
        let mut site = Self::default();
        let mut names: HashMap<String, HashMap<String, Digest>> = HashMap::new();
        for channel in &programme.channels {
            let objects = channel.channel.objects.iter();
            for ((object, payload), digest) in objects.zip(&channel.payloads).zip(&channel.digests)
            {
                let Some(digest) = digest else { continue };
                let held = match payload {
                    Payload::Mapped(revision) => Held::Mapped(Arc::downgrade(&revision.bytes)),
                    Payload::Text(text) => Held::Text(Arc::downgrade(text)),
                    Payload::Repair(_) | Payload::None => continue,
                };
                let objects = names.entry(channel.channel.name.clone()).or_default();
                objects.insert(object.name.to_string(), *digest);
                site.images.insert(*digest, held);
            }
        }
        site.names = Arc::new(names);
        site.targets = programme.targets.as_slice().into();
        let texts = programme.stbconfigs.iter();
        let stbconfigs =
            texts.filter_map(|(name, text)| Some((name.clone(), StbConfig::new(text)?)));
        site.stbconfigs = Arc::new(stbconfigs.collect());
        let pages = programme.pages.iter();
        let pages = pages
            .filter_map(|page| Some((page.path.to_ascii_lowercase(), StbConfig::new(&page.text)?)));
        site.pages = Arc::new(pages.collect());
        site.dead.clone_from(&programme.absent.dead);
        site
    }

    /// Whether it answers an image that `next` has killed.
    pub(super) fn has_killed_of(&self, next: &Self) -> bool {
        self.images.keys().any(|digest| next.dead.has(digest))
    }

    /// This site with the images of another one beside its own, where somebody still holds them.
    pub(super) fn beside(&self, other: &Self) -> Self {
        let there = |(digest, held): &(&Digest, &Held)| held.is_there() && !self.dead.has(digest);
        let images = other.images.iter().chain(&self.images).filter(there);
        Self {
            dead: self.dead.clone(),
            targets: Arc::clone(&self.targets),
            stbconfigs: Arc::clone(&self.stbconfigs),
            pages: Arc::clone(&self.pages),
            names: Arc::clone(&self.names),
            images: images.map(|(digest, held)| (*digest, held.clone())).collect(),
        }
    }

    pub(super) fn stbconfig(&self, name: &str) -> Option<&StbConfig> {
        self.stbconfigs.get(name)
    }

    /// The list at a path, whatever its capitals.
    pub(super) fn page(&self, path: &str) -> Option<&StbConfig> {
        self.pages.get(&path.to_ascii_lowercase())
    }

    /// The image with this digest in hexadecimal digits.
    pub(super) fn by_digest(&self, hex: &str) -> Option<Image> {
        self.image(Digest::from_hex(hex)?)
    }

    /// The image that an object is.
    pub(super) fn by_name(&self, channel: &str, object: &str) -> Option<Image> {
        self.image(*self.names.get(channel)?.get(object)?)
    }

    fn image(&self, digest: Digest) -> Option<Image> {
        Some(Image { bytes: self.images.get(&digest)?.bytes()?, digest })
    }
}
