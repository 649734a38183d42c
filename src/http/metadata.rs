//! `GET /<bootcast id>?product=...`: the StbConfig, or where else to ask for it; the lists of other families
//! at paths of their own, whatever stands behind them.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LOCATION};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use stbcast_bootcast::BootQuery;

use super::answer::{Note, not_modified, refuse_method, set_length, text};
use super::site::{Site, StbConfig};
use super::targeting::{boot_query, decide};
use crate::lineup::TargetAnswer;
use crate::telemetry::HttpKind;

const XML: HeaderValue = HeaderValue::from_static("text/xml");

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Answers a box.
pub(super) fn answer(
    site: &Site,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Response<Body> {
    let asked = boot_query(uri.path(), uri.query().unwrap_or_default());
    let page = site.page(uri.path());
    let list = page.map(|page| serve(page, TEXT, method, headers));
    let (mut response, rule) = match (refuse_method(method).or(list), &asked) {
        (Some(response), _) => (response, None),
        (None, Err(message)) => (text(StatusCode::BAD_REQUEST, message), None),
        (None, Ok(query)) if query.product.is_none() => {
            (text(StatusCode::NOT_FOUND, "ask for /<bootcast id>\n"), None)
        }
        (None, Ok(query)) => by_rule(site, query, method, uri, headers),
    };
    let kind = if page.is_some() { HttpKind::List } else { HttpKind::StbConfig };
    let note = Note { kind, rule, query: asked.unwrap_or_default() };
    response.extensions_mut().insert(note);
    response
}

fn by_rule(
    site: &Site,
    query: &BootQuery,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> (Response<Body>, Option<String>) {
    let Some(rule) = decide(&site.targets, query) else {
        let message = "no rule of the line-up matches this box; `stbcast target` tells why\n";
        return (text(StatusCode::NOT_FOUND, message), None);
    };
    let response = match &rule.answer {
        TargetAnswer::StbConfig(name) => match site.stbconfig(name) {
            Some(stbconfig) => serve(stbconfig, XML, method, headers),
            None => text(StatusCode::NOT_FOUND, "the line-up has no such StbConfig\n"),
        },
        TargetAnswer::Redirect { to, status } => redirect(to, *status, uri.query()),
    };
    (response, Some(rule.name.clone()))
}

fn serve(
    stbconfig: &StbConfig,
    kind: HeaderValue,
    method: &Method,
    headers: &HeaderMap,
) -> Response<Body> {
    let mut response = not_modified(headers, &stbconfig.etag).unwrap_or_else(|| {
        let body = match *method {
            Method::HEAD => Body::empty(),
            _ => Body::from(stbconfig.bytes.clone()),
        };
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, kind);
        headers.insert(ETAG, stbconfig.etag.clone());
        set_length(headers, stbconfig.bytes.len() as u64);
        response
    });
    // It depends on who asks and on the line-up of this moment: a cache in between, which boxes can be
    // told to use, would hand one box's StbConfig to a later line-up's.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The box's parameters go along where `to` has none of its own, as they do with the web server of
/// the vendor's examples.
fn redirect(to: &str, status: u16, query: Option<&str>) -> Response<Body> {
    let location = match query {
        Some(query) if !to.contains('?') => HeaderValue::try_from(format!("{to}?{query}")),
        _ => HeaderValue::try_from(to),
    };
    let (Ok(location), Ok(status)) = (location, StatusCode::from_u16(status)) else {
        return text(StatusCode::NOT_FOUND, "the redirect leads nowhere\n");
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    set_length(headers, 0);
    response
}
