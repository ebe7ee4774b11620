//! One connection: a stream that gives up on a peer who does nothing.
//!
//! A connection is *idle* between two requests, *receiving* from the first byte of a request until its
//! headers are complete, and *busy* until its answer is made. Idle and receiving each have their time;
//! a busy one is bounded by the handler. Whoever takes nothing of an answer for too long is given up too.

use crate::limits::Limits;
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep_until};

/// What a connection is at.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// Which request is being answered: odd while one is, even between two.
    number: AtomicU32,
    /// Whether the one that is being answered waits, for somebody who showed no credential.
    resting: AtomicBool,
    /// Whether the connection is needed for somebody else.
    unwanted: AtomicBool,
    told: Notify,
}

/// How much would be lost with a connection, from the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Loss {
    /// A question that can be asked again.
    Question,
    /// Nothing has come yet.
    Silence,
    /// The way that the next request would have taken.
    Habit,
}

impl Turn {
    pub(crate) fn begin(&self) {
        self.number.fetch_or(1, Ordering::AcqRel);
    }

    pub(crate) fn end(&self) {
        let turn = self.number.load(Ordering::Acquire);
        self.number.store((turn | 1).wrapping_add(1), Ordering::Release);
    }

    fn now(&self) -> u32 {
        self.number.load(Ordering::Acquire)
    }

    /// Whether the request that is being answered only waits.
    pub(crate) fn rest(&self, resting: bool) {
        self.resting.store(resting, Ordering::Release);
    }

    /// What would be lost if the connection were closed now; `None` if it is at work.
    pub(crate) fn loss(&self) -> Option<Loss> {
        match self.now() {
            _ if self.resting.load(Ordering::Acquire) => Some(Loss::Question),
            0 => Some(Loss::Silence),
            turn if turn.is_multiple_of(2) => Some(Loss::Habit),
            _ => None,
        }
    }

    /// The connection is to be closed as soon as it may.
    pub(crate) fn dismiss(&self) {
        self.unwanted.store(true, Ordering::Release);
        self.told.notify_waiters();
    }

    /// Done when the connection is needed for somebody else.
    pub(crate) async fn unwanted(&self) {
        loop {
            let told = self.told.notified();
            if self.unwanted.load(Ordering::Acquire) {
                return;
            }
            told.await;
        }
    }
}

/// A stream with time limits.
#[derive(Debug)]
pub(crate) struct Timed<S> {
    inner: S,
    turn: Arc<Turn>,
    /// The turn for which `deadline` was set.
    seen: u32,
    receiving: bool,
    deadline: Instant,
    sleep: Pin<Box<Sleep>>,
    stalled: Option<Pin<Box<Sleep>>>,
    header_timeout: Duration,
    keep_alive: Duration,
    write_timeout: Duration,
}

impl<S> Timed<S> {
    pub(crate) fn new(inner: S, turn: Arc<Turn>, limits: &Limits, scarce: bool) -> Self {
        let keep_alive = if scarce { limits.keep_alive_scarce } else { limits.keep_alive };
        let deadline = Instant::now() + limits.header_timeout;
        Self {
            inner,
            turn,
            seen: 0,
            receiving: false,
            deadline,
            sleep: Box::pin(sleep_until(deadline)),
            stalled: None,
            header_timeout: limits.header_timeout,
            keep_alive,
            write_timeout: limits.write_timeout,
        }
    }

    /// Whether the peer has used up its time; if not, the task is woken when it will have.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let turn = self.turn.now();
        if !turn.is_multiple_of(2) {
            return Poll::Pending;
        }
        if turn != self.seen {
            self.seen = turn;
            self.receiving = false;
            self.deadline = Instant::now() + self.keep_alive;
        }
        // A deadline that moves away costs nothing: the timer is set anew when it fires.
        if self.deadline < self.sleep.deadline() {
            self.sleep.as_mut().reset(self.deadline);
        }
        while self.sleep.as_mut().poll(cx).is_ready() {
            if Instant::now() >= self.deadline {
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(self.deadline);
        }
        Poll::Pending
    }

    /// Keeps time while the peer takes nothing.
    fn watch_write<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let timeout = self.write_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        stalled.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        match Pin::new(&mut this.inner).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                let turn = this.turn.now();
                let first = buf.filled().len() > before
                    && turn.is_multiple_of(2)
                    && (!this.receiving || turn != this.seen);
                if first {
                    this.seen = turn;
                    this.receiving = true;
                    this.deadline = Instant::now() + this.header_timeout;
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(error) => Poll::Ready(error),
            Poll::Pending => this.poll_deadline(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let written = Pin::new(&mut this.inner).poll_write(cx, bytes);
        this.watch_write(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let written = Pin::new(&mut this.inner).poll_write_vectored(cx, bytes);
        this.watch_write(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
