//! Answers that are the same for everything that can be asked for.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use stbcast_bootcast::BootQuery;

use super::downloads::Permit;
use crate::telemetry::HttpKind;

/// Most bytes handed over at once.
const PIECE_BYTES: usize = 256 << 10;

/// What an answer tells the access log and the metrics.
#[derive(Clone)]
pub(super) struct Note {
    pub(super) kind: HttpKind,
    /// Name of the rule that matched.
    pub(super) rule: Option<String>,
    pub(super) query: BootQuery,
}

/// A short answer in words. Nobody may keep it: the next line-up may know better.
pub(super) fn text(status: StatusCode, message: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(message));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// GET and HEAD are all that boxes need; the answer to anything else.
pub(super) fn refuse_method(method: &Method) -> Option<Response<Body>> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let mut response =
        text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered here\n");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    Some(response)
}

/// `304 Not Modified`, when the client says that it holds what has this strong validator.
pub(super) fn not_modified(headers: &HeaderMap, etag: &HeaderValue) -> Option<Response<Body>> {
    if !lists(headers, &IF_NONE_MATCH, etag, true)? {
        return None;
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response.headers_mut().insert(ETAG, etag.clone());
    Some(response)
}

/// Whether a list of validators holds this one, which has no comma, or is `*`; `None` where there is
/// no list. By the weak comparison, `W/` in front of it does not matter (RFC 9110 §8.8.3.2).
pub(super) fn lists(
    headers: &HeaderMap,
    name: &HeaderName,
    etag: &HeaderValue,
    weak: bool,
) -> Option<bool> {
    headers.get(name)?;
    let is_it = |tag: &[u8]| {
        let tag = tag.trim_ascii();
        let tag = if weak { tag.strip_prefix(b"W/").unwrap_or(tag) } else { tag };
        tag == b"*" || tag == etag.as_bytes()
    };
    let mut values = headers.get_all(name).iter();
    Some(values.any(|value| value.as_bytes().split(|&byte| byte == b',').any(is_it)))
}

/// Says how many bytes follow, or would follow if it were no HEAD.
pub(super) fn set_length(headers: &mut HeaderMap, length: u64) {
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
}

/// Bytes that are not copied, one part behind the other, and the right to send them.
pub(super) struct Parts {
    parts: VecDeque<Bytes>,
    left: u64,
    _permit: Permit,
}

impl Parts {
    pub(super) fn new(parts: VecDeque<Bytes>, permit: Permit) -> Self {
        let left = parts.iter().map(|part| part.len() as u64).sum();
        Self { parts, left, _permit: permit }
    }

    /// How many bytes there are.
    pub(super) const fn length(&self) -> u64 {
        self.left
    }
}

impl HttpBody for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        while let Some(part) = self.parts.front_mut() {
            let piece = part.split_to(part.len().min(PIECE_BYTES));
            if part.is_empty() {
                self.parts.pop_front();
            }
            if !piece.is_empty() {
                self.left -= piece.len() as u64;
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
