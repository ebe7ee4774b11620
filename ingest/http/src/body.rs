//! Reading a body: within its size, at a least rate, within the memory that whoever sends it may take.

use crate::budget::Room;
use crate::limits::{DISCARD_PAUSE, DISCARD_TIME, Limits, MAX_DISCARDED_BYTES};
use crate::openapi::{FORM, JSON, NDJSON};
use crate::problem::{BAD_JSON, Problem, TIMEOUT, UNSUPPORTED_MEDIA_TYPE};
use axum::body::{Body, Bytes, HttpBody as _};
use axum::http::{HeaderMap, header};
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// The kind of body that a route takes.
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

/// How a body is read.
pub(crate) struct Reading<'a> {
    /// Most bytes.
    pub(crate) most: usize,
    /// The first bytes, which need no room.
    pub(crate) free: usize,
    /// The times.
    pub(crate) limits: &'a Limits,
}

/// Reads a body that is no longer than it may be; `too_large` refuses one that is.
pub(crate) async fn read(
    body: &mut Body,
    how: Reading<'_>,
    room: &mut Room,
    too_large: impl Fn() -> Problem,
) -> Result<Bytes, Problem> {
    if body.size_hint().lower() > how.most as u64 {
        return Err(too_large());
    }
    let (mut first, mut rest, mut len) = (None::<Bytes>, Vec::new(), 0);
    let began = Instant::now();
    loop {
        let deadline = began + allowed(len, how.limits);
        let next = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx));
        let Some(frame) = timeout_at(deadline, next).await.map_err(|_| too_slow(how.limits))? else { break };
        let frame = frame.map_err(|_| Problem::new(BAD_JSON, "the body ended before its time"))?;
        // Trailers say nothing to us.
        let Ok(data) = frame.into_data() else { continue };
        len += data.len();
        if len > how.most {
            return Err(too_large());
        }
        let taken = len.saturating_sub(how.free);
        room.grow(taken.saturating_sub(room.units()))?;
        match &first {
            None => first = Some(data),
            Some(start) => {
                if rest.is_empty() {
                    rest.reserve(usize::try_from(body.size_hint().lower()).unwrap_or(0).min(how.most));
                    rest.extend_from_slice(start);
                }
                rest.extend_from_slice(&data);
            }
        }
    }
    // Most bodies are one frame: then nothing is copied.
    Ok(if rest.is_empty() { first.unwrap_or_default() } else { Bytes::from(rest) })
}

/// How long a body may have taken until the byte after the first `len`: the time that it has anyway, and what they take
/// at the least rate.
fn allowed(len: usize, limits: &Limits) -> Duration {
    let rate = f64::from(limits.body_rate.max(1));
    let at_least_rate =
        Duration::from_secs_f64(u32::try_from(len).map_or(f64::MAX, f64::from).min(1e9) / rate);
    (limits.body_grace + at_least_rate).min(limits.body_timeout)
}

fn too_slow(limits: &Limits) -> Problem {
    let (grace, whole) = (limits.body_grace.as_secs_f32(), limits.body_timeout.as_secs_f32());
    let rate = limits.body_rate;
    let detail = format!(
        "a body comes within {whole} seconds, and after {grace} at {rate} bytes a second at the least"
    );
    Problem::new(TIMEOUT, detail)
}

/// Reads the rest of a body that nobody wants. A client that is still sending when its connection is
/// closed may never see the answer.
pub(crate) async fn discard(body: &mut Body) {
    let rest = async {
        let mut read = 0;
        // Whoever sends nothing for a while is not in the middle of something.
        while let Ok(Some(Ok(frame))) =
            timeout(DISCARD_PAUSE, poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx))).await
        {
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > MAX_DISCARDED_BYTES {
                return;
            }
        }
    };
    // Whoever takes longer has had his chance.
    let _ = timeout(DISCARD_TIME, rest).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::{Holder, Pool};
    use crate::limits::Shares;
    use crate::problem::TOO_LARGE;
    use std::convert::Infallible;
    use std::task::{Context, Poll};

    /// A body of pieces, each of which comes so long after the one before.
    struct Slow {
        pieces: usize,
        piece: &'static [u8],
        pause: Duration,
        sleep: Pin<Box<tokio::time::Sleep>>,
    }

    impl Slow {
        fn body(pieces: usize, piece: &'static [u8], pause: Duration) -> Body {
            Body::new(Self { pieces, piece, pause, sleep: Box::pin(tokio::time::sleep(pause)) })
        }
    }

    impl axum::body::HttpBody for Slow {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
            if self.pieces == 0 {
                return Poll::Ready(None);
            }
            std::task::ready!(self.sleep.as_mut().poll(cx));
            let next = Instant::now() + self.pause;
            self.sleep.as_mut().reset(next);
            self.pieces -= 1;
            Poll::Ready(Some(Ok(hyper::body::Frame::data(Bytes::from_static(self.piece)))))
        }
    }

    /// What reading comes to, and how many seconds it took.
    async fn sent(pieces: usize, piece: &'static [u8], pause: Duration) -> (Result<usize, u16>, u64) {
        let pool = Pool::new(Shares::of_anyone(1 << 20), "bytes", 1);
        let (limits, began) = (Limits::default(), Instant::now());
        let how = Reading { most: 1 << 20, free: 0, limits: &limits };
        let mut room = pool.room(Holder::default());
        let too_large = || Problem::new(TOO_LARGE, "");
        let body = &mut Slow::body(pieces, piece, pause);
        let read = read(body, how, &mut room, too_large).await;
        let read = read.map(|body| body.len()).map_err(|problem| problem.status().as_u16());
        (read, began.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_comes_at_a_least_rate() {
        let second = Duration::from_secs(1);
        assert_eq!(sent(100, b"x", second).await, (Err(408), 5), "a byte a second is too slow");
        let two_kib = &[b' '; 2048];
        assert_eq!(
            sent(100, two_kib, second).await,
            (Err(408), 5),
            "so are two KiB, within half a second more"
        );
        let half = Duration::from_millis(500);
        assert_eq!(sent(50, &[b' '; 9 * 1024], half).await, (Ok(50 * 9 * 1024), 25));
        assert_eq!(sent(4, b"xyz", second).await, (Ok(12), 4), "a small one may take its time");
        assert_eq!(sent(70, &[b' '; 9 * 1024], half).await, (Err(408), 30), "half a minute is the end");
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_first_of_a_heartbeat_needs_no_room() {
        let pool = Pool::new(Shares::of_anyone(1), "bytes", 1);
        let limits = Limits::default();
        let sent = async |len: usize| {
            let how = Reading { most: 1 << 20, free: 4096, limits: &limits };
            let mut room = pool.room(Holder::default());
            let too_large = || Problem::new(TOO_LARGE, "");
            let body = &mut Body::from(vec![b' '; len]);
            read(body, how, &mut room, too_large).await.map_err(|problem| problem.status().as_u16())
        };
        assert_eq!(sent(4096).await.unwrap().len(), 4096);
        assert_eq!(sent(4098).await.unwrap_err(), 503);
    }
}
