//! Reading a body: within its size, within its time, within the memory all bodies may take.

use crate::limits::{DISCARD_TIME, Limits, MAX_DISCARDED_BYTES};
use crate::openapi::{FORM, JSON, NDJSON};
use crate::problem::{BAD_JSON, Problem, QUEUE_FULL, TIMEOUT, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE};
use axum::body::{Body, Bytes, HttpBody as _};
use axum::http::{HeaderMap, header};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What kind of body a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyRule {
    /// None.
    None,
    /// One JSON document of at most so many bytes.
    Json(usize),
    /// JSON or NDJSON of at most so many bytes.
    Events(usize),
    /// NDJSON of at most so many bytes.
    Lines(usize),
    /// What a page's form sends, of at most so many bytes.
    Form(usize),
}

impl BodyRule {
    /// Most bytes, of routes that take a body.
    pub fn most(self) -> Option<usize> {
        match self {
            Self::None => None,
            Self::Json(most) | Self::Events(most) | Self::Lines(most) | Self::Form(most) => Some(most),
        }
    }

    /// The media types that are taken.
    pub fn media(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Json(_) => &[JSON],
            Self::Events(_) => &[JSON, NDJSON],
            Self::Lines(_) => &[NDJSON],
            Self::Form(_) => &[FORM],
        }
    }
}

/// The media types that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// One JSON document.
    Json,
    /// JSON documents, a line each.
    Ndjson,
    /// What a page's form sends.
    Form,
}

/// Bytes of bodies that are held over all connections.
#[derive(Debug, Default)]
pub(crate) struct BodyGauge(AtomicUsize);

/// Room taken in the gauge; given back when dropped.
#[derive(Debug)]
pub(crate) struct Room {
    gauge: Arc<BodyGauge>,
    bytes: usize,
}

impl Room {
    pub(crate) fn new(gauge: &Arc<BodyGauge>) -> Self {
        Self { gauge: Arc::clone(gauge), bytes: 0 }
    }

    fn grow(&mut self, bytes: usize, most: usize) -> Result<(), Problem> {
        self.bytes += bytes;
        if self.gauge.0.fetch_add(bytes, Ordering::AcqRel) + bytes > most {
            let detail = "the service holds as many bytes of requests as it may";
            return Err(Problem::new(QUEUE_FULL, detail).retry_after(1));
        }
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.gauge.0.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

impl BodyGauge {
    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

/// Reads the media type and refuses one that the route does not take.
pub(crate) fn media_type(rule: BodyRule, headers: &HeaderMap) -> Result<Media, Problem> {
    if matches!(rule, BodyRule::Form(_)) {
        // A browser sends nothing else, and in what is no form nothing is found.
        return Ok(Media::Form);
    }
    let value = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    let media = if essence.eq_ignore_ascii_case(JSON) {
        Some(Media::Json)
    } else if essence.eq_ignore_ascii_case(NDJSON) {
        Some(Media::Ndjson)
    } else {
        None
    };
    let fits = rule.media().iter().any(|taken| essence.eq_ignore_ascii_case(taken));
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Problem::new(UNSUPPORTED_MEDIA_TYPE, "send the body without Content-Encoding"));
    }
    match media {
        Some(media) if fits => Ok(media),
        _ => Err(Problem::new(UNSUPPORTED_MEDIA_TYPE, format!("send it as {}", rule.media().join(" or ")))
            .field("content-type")),
    }
}

/// Reads a body of at most `most` bytes.
pub(crate) async fn read(
    body: &mut Body,
    most: usize,
    limits: &Limits,
    room: &mut Room,
) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(TOO_LARGE, format!("a body of this route has at most {most} bytes"));
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    let whole = collect(body, most, limits, room, too_large);
    tokio::time::timeout(limits.body_timeout, whole).await.unwrap_or_else(|_| {
        let secs = limits.body_timeout.as_secs_f32();
        Err(Problem::new(TIMEOUT, format!("the body did not arrive within {secs} seconds")))
    })
}

/// Reads the rest of a body that nobody wants. A client that is still sending when its connection is
/// closed may never see the answer.
pub(crate) async fn discard(body: &mut Body) {
    let rest = async {
        let mut read = 0;
        while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > MAX_DISCARDED_BYTES {
                return;
            }
        }
    };
    // Whoever takes longer has had his chance.
    let _ = tokio::time::timeout(DISCARD_TIME, rest).await;
}

async fn collect(
    body: &mut Body,
    most: usize,
    limits: &Limits,
    room: &mut Room,
    too_large: impl Fn() -> Problem,
) -> Result<Bytes, Problem> {
    let mut first: Option<Bytes> = None;
    let mut rest: Vec<u8> = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
        let frame = frame.map_err(|_| Problem::new(BAD_JSON, "the body ended before its time"))?;
        // Trailers say nothing to us.
        let Ok(data) = frame.into_data() else { continue };
        room.grow(data.len(), limits.body_bytes)?;
        if room.bytes > most {
            return Err(too_large());
        }
        match &first {
            None => first = Some(data),
            Some(start) => {
                if rest.is_empty() {
                    rest.reserve(usize::try_from(body.size_hint().lower()).unwrap_or(0).min(most));
                    rest.extend_from_slice(start);
                }
                rest.extend_from_slice(&data);
            }
        }
    }
    // Most bodies are one frame: then nothing is copied.
    Ok(if rest.is_empty() { first.unwrap_or_default() } else { Bytes::from(rest) })
}
