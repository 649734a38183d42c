//! HTTP as a box asks: one GET at a time, or a part of an object. The crate `ureq` is named in this
//! folder alone.
//!
//! * Redirects are followed as the vendor's boxes do: 301, 302 and 303, three at most, http only.
//! * Proxies, cookies and the environment play no part; there is no TLS, because the vendor's
//!   documents know http alone. What came is believed for its digest, not for its way.
//! * The strong validator (ETag) of a URL is remembered and sent with later ranges (`If-Range`), so
//!   that bytes of two revisions are never mixed. A request for all there is begins anew; one for
//!   all *from* a byte goes on with what came before, and is only made where a validator proves
//!   that it is the same.
//! * An answer that is longer than was asked for is not read to its end.

mod head;
mod wire;

use std::collections::VecDeque;
use std::io::Read;
use std::time::SystemTime;

use stbcast_bootcast::HttpUrl;
use ureq::http::{HeaderMap, HeaderName, Response, header};
use ureq::{Agent, Body, Error, Timeout};

use self::head::Part;
use self::wire::{Dialler, Names, Refused, Shared};
use super::unicast::{Delivery, PIECE_BYTES, ResolveError};
use crate::{Answer, Request, UnicastError};

/// Redirects followed in a row (security notes §5.6).
const REDIRECTS_MAX: usize = 3;

/// Bytes of an answer's header at most (security notes §5.6).
const HEADER_BYTES_MAX: usize = 16 * 1024;

/// URLs whose validator is remembered.
const VALIDATORS: usize = 16;

const USER_AGENT: &str = concat!("stbcast-receiver/", env!("CARGO_PKG_VERSION"));

/// A client with its connections.
#[derive(Debug)]
pub(super) struct Client {
    agent: Agent,
    shared: Shared,
    /// Of which URL which representation was given last; the newest stands last.
    validators: VecDeque<(HttpUrl, String)>,
}

/// Why there is no object, in words.
struct Failure {
    error: UnicastError,
    why: String,
}

fn failure(error: UnicastError, why: impl Into<String>) -> Failure {
    Failure { error, why: why.into() }
}

/// What of an answer's body is wanted.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    /// Bytes to take at most.
    take: u64,
    /// Whether that many must come.
    exact: bool,
    /// Whether the body is known to end with them.
    ends: bool,
    /// Bytes of the whole object, where that is known.
    length: Option<u64>,
}

impl Client {
    pub(super) fn new() -> Self {
        let shared = Shared::new();
        let config = Agent::config_builder()
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .max_response_header_size(HEADER_BYTES_MAX)
            .max_idle_connections(2)
            .max_idle_connections_per_host(1)
            .user_agent(USER_AGENT)
            // Bytes as they are stored, or their offsets mean nothing.
            .accept_encoding("identity")
            .build();
        let agent = Agent::with_parts(config, Dialler(shared.clone()), Names(shared.clone()));
        Self { agent, shared, validators: VecDeque::new() }
    }

    /// Carries a request for `url` out.
    pub(super) fn get(
        &mut self,
        url: &HttpUrl,
        request: &Request,
        delivery: &mut Delivery,
    ) -> Answer {
        self.answer(url, request, delivery).unwrap_or_else(|Failure { error, why }| {
            delivery.trouble(format!("{url}: {why}"));
            Answer::Failed(error)
        })
    }

    fn answer(
        &mut self,
        url: &HttpUrl,
        request: &Request,
        delivery: &mut Delivery,
    ) -> Result<Answer, Failure> {
        match (request.from, request.to) {
            (0, None) => self.forget(url),
            (from, Some(to)) if from >= to => {
                return Err(failure(UnicastError::Range, "nothing is asked for"));
            }
            (_, None) if self.validator(url).is_none() => {
                let why = "nothing proves that it is still the same object";
                return Err(failure(UnicastError::Changed, why));
            }
            _ => {}
        }
        let response = self.ask(url, request, delivery)?;
        let status = response.status().as_u16();
        match status {
            200 | 206 => {
                let sha256 = field(response.headers(), "repr-digest").and_then(head::sha256);
                let wanted = self.wanted(url, request, &response, delivery)?;
                let length = receive(response, wanted, request, delivery)?;
                Ok(Answer::Done { length, sha256 })
            }
            416 => self.nothing_more(url, request, response.headers()),
            429 | 503 => {
                let headers = response.headers();
                let date = field(headers, "date");
                let retry_after = field(headers, "retry-after")
                    .and_then(|field| head::retry_after(field, date, SystemTime::now()));
                Ok(Answer::Busy { retry_after })
            }
            300..=399 => {
                let place = field(response.headers(), "location").unwrap_or("nowhere");
                let why = format!("a redirect to {} is not followed", place.escape_debug());
                Err(failure(UnicastError::Redirect { status }, why))
            }
            _ => {
                let why = format!("the server answers {}", response.status());
                Err(failure(UnicastError::Status { status }, why))
            }
        }
    }

    /// Asks, and follows redirects; the first answer that is none.
    fn ask(
        &self,
        url: &HttpUrl,
        request: &Request,
        delivery: &Delivery,
    ) -> Result<Response<Body>, Failure> {
        let mut place = url.clone();
        let mut followed = 0;
        loop {
            let response = self.ask_once(&place, url, request, delivery)?;
            let status = response.status().as_u16();
            let location = field(response.headers(), "location");
            let (301..=303, Some(location)) = (status, location) else { return Ok(response) };
            let redirect = |why| failure(UnicastError::Redirect { status }, why);
            if followed == REDIRECTS_MAX {
                return Err(redirect(format!("more than {REDIRECTS_MAX} redirects")));
            }
            followed += 1;
            place = place.redirected(location).map_err(|error| redirect(error.to_string()))?;
        }
    }

    fn ask_once(
        &self,
        place: &HttpUrl,
        url: &HttpUrl,
        request: &Request,
        delivery: &Delivery,
    ) -> Result<Response<Body>, Failure> {
        self.shared.begin(&delivery.cancel, request.timeout.into());
        let mut get = self.agent.get(place.to_string());
        if let Some(range) = range(request) {
            get = get.header(header::RANGE, range);
            if let Some(validator) = self.validator(url) {
                get = get.header(header::IF_RANGE, validator);
            }
        }
        let response = get.call().map_err(|error| broken(error, 0))?;
        self.shared.header_done();
        Ok(response)
    }

    /// What of an answer with a body is taken.
    fn wanted(
        &mut self,
        url: &HttpUrl,
        request: &Request,
        response: &Response<Body>,
        delivery: &Delivery,
    ) -> Result<Wanted, Failure> {
        let headers = response.headers();
        plain(headers)?;
        let partial = response.status() == 206;
        let etag = field(headers, "etag").and_then(head::strong);
        // A part was given under the condition that the validator holds, even where it is not
        // repeated.
        let same = |known| etag.map_or(partial, |etag| etag == known);
        if self.validator(url).is_some_and(|known| !same(known)) {
            self.forget(url);
            return Err(failure(UnicastError::Changed, "its validator is another one"));
        }
        let wanted = match (range(request), partial) {
            (None, true) => {
                return Err(failure(UnicastError::Protocol, "a part came, and all was wanted"));
            }
            (Some(_), true) => part(request, headers)?,
            (_, false) => whole(request, headers)?,
        };
        let length = wanted.length.unwrap_or(0);
        if length > request.length_max {
            let why =
                format!("{length} bytes or more, and at most {} are taken", request.length_max);
            return Err(failure(UnicastError::TooLong { length }, why));
        }
        if let Some(etag) = etag {
            self.remember(url, etag);
        }
        if let Some(length) = wanted.length {
            delivery.length(length);
        }
        Ok(wanted)
    }

    /// There is nothing behind the first byte that was asked for. Where the object was cut exactly
    /// at its end, that is all there was to come.
    fn nothing_more(
        &self,
        url: &HttpUrl,
        request: &Request,
        headers: &HeaderMap,
    ) -> Result<Answer, Failure> {
        let length = field(headers, "content-range").and_then(Part::parse).map(|part| part.length);
        match length {
            Some(length)
                if length == request.from
                    && request.to.is_none()
                    && self.validator(url).is_some() =>
            {
                Ok(Answer::Done { length, sha256: None })
            }
            _ => Err(failure(UnicastError::Range, "the server has no such part")),
        }
    }

    fn validator(&self, url: &HttpUrl) -> Option<&str> {
        let known = self.validators.iter().find(|(known, _)| known == url);
        known.map(|(_, validator)| validator.as_str())
    }

    fn forget(&mut self, url: &HttpUrl) {
        self.validators.retain(|(known, _)| known != url);
    }

    fn remember(&mut self, url: &HttpUrl, validator: &str) {
        self.forget(url);
        if self.validators.len() == VALIDATORS {
            self.validators.pop_front();
        }
        self.validators.push_back((url.clone(), validator.to_owned()));
    }
}

/// The field `Range` of a request; `None` when all is wanted.
fn range(request: &Request) -> Option<String> {
    match (request.from, request.to) {
        (0, None) => None,
        (from, None) => Some(format!("bytes={from}-")),
        (from, Some(to)) => Some(format!("bytes={from}-{}", to.saturating_sub(1))),
    }
}

/// A header field that stands there once, as text.
fn field<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    let mut all = headers.get_all(name).iter();
    let first = all.next()?.to_str().ok();
    first.filter(|_| all.next().is_none())
}

/// Bytes that are coded in another way are not the object's.
fn plain(headers: &HeaderMap) -> Result<(), Failure> {
    for (name, harmless) in
        [(header::CONTENT_ENCODING, "identity"), (header::TRANSFER_ENCODING, "chunked")]
    {
        let strange = headers
            .get_all(&name)
            .iter()
            .find(|value| !value.as_bytes().trim_ascii().eq_ignore_ascii_case(harmless.as_bytes()));
        if let Some(value) = strange {
            return Err(failure(UnicastError::Protocol, format!("{name}: {value:?}")));
        }
    }
    Ok(())
}

/// What a part must be to be the one that was asked for.
fn part(request: &Request, headers: &HeaderMap) -> Result<Wanted, Failure> {
    let told = field(headers, "content-range").unwrap_or_default();
    let wrong =
        || failure(UnicastError::Range, format!("the part that comes is {}", told.escape_debug()));
    let Part { bytes, length } = Part::parse(told).ok_or_else(wrong)?;
    let (first, behind) = bytes.ok_or_else(wrong)?;
    // A part may end earlier only where the object does.
    let wanted = request.to.map_or(length, |to| to.min(length));
    if (first, behind) != (request.from, wanted) {
        return Err(wrong());
    }
    let take = behind - first;
    match content_length(headers) {
        Some(told) if told != take => Err(wrong()),
        told => Ok(Wanted { take, exact: true, ends: told.is_some(), length: Some(length) }),
    }
}

/// A whole object, where a part was asked for or not. A server may always send all of it; but what
/// lies in front of the first byte wanted is not waited for.
fn whole(request: &Request, headers: &HeaderMap) -> Result<Wanted, Failure> {
    if request.from > 0 {
        return Err(failure(UnicastError::Range, "the server sends all of it"));
    }
    let length = content_length(headers);
    let take = request.to.unwrap_or(u64::MAX).min(length.unwrap_or(u64::MAX));
    Ok(Wanted { take, exact: length.is_some(), ends: length == Some(take), length })
}

/// `None` where the length is not told, or the body is chunked, which overrides it.
fn content_length(headers: &HeaderMap) -> Option<u64> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return None;
    }
    field(headers, "content-length")?.trim().parse().ok()
}

/// Hands the body on; the length of the whole object.
fn receive(
    response: Response<Body>,
    wanted: Wanted,
    request: &Request,
    delivery: &mut Delivery,
) -> Result<u64, Failure> {
    let (mut body, mut buffer) = (response.into_body().into_reader(), vec![0; PIECE_BYTES]);
    let mut received = 0;
    while received < wanted.take {
        let room = usize::try_from(wanted.take - received).unwrap_or(PIECE_BYTES);
        let room = buffer.get_mut(..room.min(PIECE_BYTES)).unwrap_or_default();
        let bytes = body.read(room).map_err(|error| broken(error.into(), received))?;
        if bytes == 0 {
            break;
        }
        received += bytes as u64;
        let length = request.from + received;
        if length > request.length_max {
            let why =
                format!("{length} bytes or more, and at most {} are taken", request.length_max);
            return Err(failure(UnicastError::TooLong { length }, why));
        }
        let piece = room.get(..bytes).unwrap_or_default().to_vec();
        let handed = delivery.piece(piece);
        handed.map_err(|_| failure(UnicastError::Cut { bytes: received }, "cancelled"))?;
    }
    if wanted.exact && received < wanted.take {
        let why = format!("the answer ends after {received} bytes of {}", wanted.take);
        return Err(failure(UnicastError::Cut { bytes: received }, why));
    }
    if wanted.ends {
        // Nothing comes, and the client learns that the connection can be used again.
        let _ = body.read(&mut [0]);
    }
    Ok(wanted.length.unwrap_or(request.from + received))
}

/// An exchange that did not come to its end, after `received` bytes of the body.
fn broken(error: Error, received: u64) -> Failure {
    let why = match &error {
        Error::Other(other) => other.to_string(),
        error => error.to_string(),
    };
    let error = match error {
        Error::Timeout(Timeout::Resolve | Timeout::Connect)
        | Error::HostNotFound
        | Error::ConnectionFailed => UnicastError::Unreachable,
        Error::Timeout(_) => UnicastError::Silent,
        Error::Other(other) if other.is::<Refused>() || other.is::<ResolveError>() => {
            UnicastError::Unreachable
        }
        Error::Other(_) | Error::Io(_) => UnicastError::Cut { bytes: received },
        _ => UnicastError::Protocol,
    };
    failure(error, why)
}
