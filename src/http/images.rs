//! `GET /images/{sha256}` and `/images/{channel}/{object}`: what is on air, as a whole or in ranges.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_MATCH, IF_RANGE, RANGE,
    RETRY_AFTER,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use bytes::Bytes;

use super::answer::{Parts, lists, not_modified, set_length, text};
use super::downloads::Downloads;
use super::ranges::{Wanted, wanted};
use super::site::Image;

/// Under its digest an image is always the same.
pub(super) const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Under its name it may be another one tomorrow; whoever kept it asks whether it is.
pub(super) const ASK_AGAIN: &str = "no-cache";

const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// Sends an image, or what of it the client wants.
pub(super) fn answer(
    image: Option<Image>,
    cache: &'static str,
    method: &Method,
    headers: &HeaderMap,
    downloads: &Arc<Downloads>,
) -> Response<Body> {
    let known = image.and_then(|image| Some((image.etag()?, image.repr_digest()?, image)));
    let Some((etag, repr_digest, image)) = known else {
        return text(StatusCode::NOT_FOUND, "no such image is on air\n");
    };
    let mut response = conditional(&image, &etag, method, headers, downloads);
    if !response.status().is_client_error() && !response.status().is_server_error() {
        let headers = response.headers_mut();
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
        headers.insert(ETAG, etag);
        headers.insert(REPR_DIGEST, repr_digest);
    }
    response
}

fn conditional(
    image: &Image,
    etag: &HeaderValue,
    method: &Method,
    headers: &HeaderMap,
    downloads: &Arc<Downloads>,
) -> Response<Body> {
    if lists(headers, &IF_MATCH, etag, false) == Some(false) {
        return text(StatusCode::PRECONDITION_FAILED, "the image is another one\n");
    }
    if let Some(response) = not_modified(headers, etag) {
        return response;
    }
    let length = image.bytes.len() as u64;
    if *method == Method::HEAD {
        return whole_header(length, Body::empty());
    }
    // The ranges of another revision are of no use to whoever holds this one (RFC 9110 §13.1.5).
    let applies = headers.get(IF_RANGE).is_none_or(|validator| validator == etag);
    let range = headers.get(RANGE).filter(|_| applies);
    match wanted(range.and_then(|range| range.to_str().ok()), length) {
        Wanted::Whole => match begin(downloads, VecDeque::from([image.bytes.clone()])) {
            Ok(parts) => whole_header(length, Body::new(parts)),
            Err(wait) => busy(wait),
        },
        Wanted::Parts(ranges) => match begin(downloads, bodies(image, &ranges)) {
            Ok(parts) => partial(image, &ranges, parts),
            Err(wait) => busy(wait),
        },
        Wanted::Unsatisfiable => {
            let message = "no byte of the image lies in these ranges, or there are too many\n";
            let mut response = text(StatusCode::RANGE_NOT_SATISFIABLE, message);
            insert(response.headers_mut(), CONTENT_RANGE, format!("bytes */{length}"));
            response
        }
    }
}

fn begin(downloads: &Arc<Downloads>, parts: VecDeque<Bytes>) -> Result<Parts, Duration> {
    let permit = downloads.begin(Instant::now(), fastrand::f64())?;
    Ok(Parts::new(parts, permit))
}

fn busy(wait: Duration) -> Response<Body> {
    let message = "too many images are being sent\n";
    let mut response = text(StatusCode::SERVICE_UNAVAILABLE, message);
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    response
}

const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

fn whole_header(length: u64, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, OCTETS);
    set_length(response.headers_mut(), length);
    response
}

/// One range as it is; several with a header in front of each (RFC 9110 §14.6).
fn bodies(image: &Image, ranges: &[Range<u64>]) -> VecDeque<Bytes> {
    let slice = |range: &Range<u64>| {
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(image.bytes.len());
        image.bytes.slice(place(range.start)..place(range.end))
    };
    if let [range] = ranges {
        return VecDeque::from([slice(range)]);
    }
    let (boundary, length) = (boundary(image), image.bytes.len());
    let mut bodies = VecDeque::new();
    for range in ranges {
        let Range { start, end } = range;
        let header = format!(
            "\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\n\
             Content-Range: bytes {start}-{}/{length}\r\n\r\n",
            end.saturating_sub(1)
        );
        bodies.push_back(Bytes::from(header));
        bodies.push_back(slice(range));
    }
    bodies.push_back(Bytes::from(format!("\r\n--{boundary}--\r\n")));
    bodies
}

/// Does not stand in the image, which would have to hold its own digest.
fn boundary(image: &Image) -> String {
    let mut boundary = image.digest.hex();
    boundary.truncate(32);
    boundary
}

fn partial(image: &Image, ranges: &[Range<u64>], parts: Parts) -> Response<Body> {
    let length = parts.length();
    debug_assert_eq!(parts.size_hint().exact(), Some(length), "nothing is sent yet");
    let mut response = whole_header(length, Body::new(parts));
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    let headers = response.headers_mut();
    match ranges {
        [Range { start, end }] => {
            let last = end.saturating_sub(1);
            let total = image.bytes.len();
            insert(headers, CONTENT_RANGE, format!("bytes {start}-{last}/{total}"));
        }
        _ => {
            let text = format!("multipart/byteranges; boundary={}", boundary(image));
            insert(headers, CONTENT_TYPE, text);
        }
    }
    response
}

fn insert(headers: &mut HeaderMap, name: HeaderName, text: String) {
    // Figures and hexadecimal digits can stand in a header.
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.insert(name, value);
    }
}
