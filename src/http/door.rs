//! The door: every request comes in here, and its answer goes out with a line of the access log.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Path, Request, State};
use axum::http::header::{CONNECTION, USER_AGENT};
use axum::http::{HeaderValue, Response, StatusCode};
use axum::routing::any;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use stbcast_bootcast::BootQuery;
use tower::ServiceExt;

use super::access_log::Record;
use super::answer::{Note, refuse_method, text};
use super::{Shared, images, metadata};
use crate::telemetry::HttpKind;

/// Longest path and query, in bytes; boxes keep below 2,600.
const URI_BYTES_MAX: usize = 4_096;

/// Answers up to this many bytes count as sent when they begin.
const AT_ONCE_BYTES_MAX: u64 = 64 << 10;

/// Everything that can be asked for.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    let by_digest = |State(shared): State<Arc<Shared>>, Path(digest): Path<String>, request| async move {
        image(&shared, &request, |site| site.by_digest(&digest), images::FOR_EVER)
    };
    let by_name = |State(shared): State<Arc<Shared>>,
                   Path((channel, object)): Path<(String, String)>,
                   request| async move {
        image(&shared, &request, |site| site.by_name(&channel, &object), images::ASK_AGAIN)
    };
    let other = |State(shared): State<Arc<Shared>>, request: Request| async move {
        let site = shared.site.get();
        metadata::answer(&site, request.method(), request.uri(), request.headers())
    };
    Router::new()
        .route("/images/{digest}", any(by_digest))
        .route("/images/{channel}/{object}", any(by_name))
        .fallback(other)
        .with_state(shared)
}

fn image(
    shared: &Shared,
    request: &Request,
    find: impl FnOnce(&super::site::Site) -> Option<super::site::Image>,
    cache: &'static str,
) -> Response<Body> {
    let (method, uri) = (request.method(), request.uri());
    let mut response = refuse_method(method).unwrap_or_else(|| {
        let image = find(&shared.site.get());
        images::answer(image, cache, method, request.headers(), &shared.downloads)
    });
    let query = BootQuery::parse(uri.query().unwrap_or_default());
    response.extensions_mut().insert(Note { kind: HttpKind::Image, rule: None, query });
    response
}

/// The door of one connection.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) client: IpAddr,
    pub(super) shared: Arc<Shared>,
    pub(super) router: Router,
}

impl hyper::service::Service<hyper::Request<Incoming>> for Door {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn call(&self, request: hyper::Request<Incoming>) -> Self::Future {
        Box::pin(self.clone().answer(request))
    }
}

impl Door {
    async fn answer(self, request: hyper::Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let mut record = Record {
            client: self.client,
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            agent: request.headers().get(USER_AGENT).cloned(),
            since: Instant::now(),
            status: StatusCode::OK,
            rule: None,
            query: BootQuery::default(),
        };
        let asked = request.uri().path_and_query().map_or(0, |it| it.as_str().len());
        let mut response = if asked > URI_BYTES_MAX {
            text(StatusCode::URI_TOO_LONG, "the URI is too long\n")
        } else {
            self.router.oneshot(request.map(Body::new)).await?
        };
        record.status = response.status();
        let mut kind = HttpKind::Other;
        if let Some(note) = response.extensions_mut().remove::<Note>() {
            (kind, record.rule, record.query) = (note.kind, note.rule, note.query);
        }
        self.shared.metrics.request(kind, record.status.as_u16());
        if self.shared.is_crowded() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let end = End { record, shared: self.shared, kind, bytes: 0 };
        Ok(match response.size_hint().exact() {
            Some(bytes) if bytes <= AT_ONCE_BYTES_MAX => {
                end.add(bytes);
                response
            }
            _ => response.map(|body| Body::new(Watched { body, end })),
        })
    }
}

/// Notes a request when its answer ends, one way or the other.
struct End {
    record: Record,
    shared: Arc<Shared>,
    kind: HttpKind,
    bytes: u64,
}

impl End {
    fn add(mut self, bytes: u64) {
        self.bytes = bytes;
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.shared.metrics.bytes(self.kind, self.bytes);
        self.shared.log.note(&self.record, self.bytes);
    }
}

/// The body of a long answer, counted as it is handed over.
struct Watched {
    body: Body,
    end: End,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            self.end.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
