//! A page of counters over HTTP, while a replay runs. On loopback only: it is for the machine's own scraper.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use vpcemu_dataplane::Timeline;
use vpcemu_replay::progress::Progress;

use super::openmetrics;
use crate::error::Error;

/// What OpenMetrics 1.0 says that its text is.
const OPENMETRICS: HeaderValue = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// An address to listen at.
#[derive(Debug)]
pub(crate) struct Server(std::net::TcpListener);

impl Server {
    /// Listens at an address of the machine's own.
    pub(crate) fn bind(address: SocketAddr) -> Result<Self, Error> {
        if !address.ip().is_loopback() {
            let text = format!("--metrics-listen {address}: expected a loopback address, as 127.0.0.1:9464");
            return Err(Error::Usage(text));
        }
        let failed = |source| Error::Usage(format!("--metrics-listen {address}: {source}"));
        let listener = std::net::TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        eprintln!("vpcemu: metrics at http://{address}/metrics while the replay runs");
        Ok(Self(listener))
    }

    /// Answers until it is dropped. Has to be called on a runtime.
    pub(crate) async fn serve(self, progress: Arc<Progress>, timeline: Arc<Timeline>) {
        let Ok(listener) = TcpListener::from_std(self.0) else { return };
        progress.watch();
        loop {
            // A connection that could not be accepted is the scraper's to try again.
            let Ok((stream, _)) = listener.accept().await else { continue };
            let (progress, timeline) = (Arc::clone(&progress), Arc::clone(&timeline));
            tokio::spawn(async move {
                let answer = service_fn(|request| {
                    let answer = answer(&request, &progress, &timeline);
                    async move { Ok::<_, Infallible>(answer) }
                });
                // A scraper that goes away is no error of ours.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    }
}

fn answer(request: &Request<Incoming>, progress: &Progress, timeline: &Timeline) -> Response<Full<Bytes>> {
    let (status, text) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => (StatusCode::OK, openmetrics::of_progress(progress, timeline)),
        (_, "/metrics") => (StatusCode::METHOD_NOT_ALLOWED, String::new()),
        _ => (StatusCode::NOT_FOUND, String::new()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response.headers_mut().insert(CONTENT_TYPE, OPENMETRICS);
    response
}
