//! Clients that take nothing are not waited for.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// A client has this long to take [`TAKEN_BYTES_MIN`] bytes of what waits for it.
const PATIENCE: Duration = Duration::from_secs(15);

/// 9 kbit/s: slower is no box.
const TAKEN_BYTES_MIN: u64 = 16 << 10;

/// A stream that fails when its other end takes too little of what is written.
pub(super) struct Patient<S> {
    stream: S,
    /// When patience ends; only while something waits to be taken.
    until: Option<Pin<Box<Sleep>>>,
    taken: u64,
}

impl<S> Patient<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self { stream, until: None, taken: 0 }
    }

    /// What came of a write, when the other end is too slow an error.
    fn judge(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => {
                self.taken += bytes as u64;
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                let until = self.until.get_or_insert_with(|| {
                    self.taken = 0;
                    Box::pin(sleep_until(Instant::now() + PATIENCE))
                });
                while until.as_mut().poll(context).is_ready() {
                    if self.taken < TAKEN_BYTES_MIN {
                        return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                    }
                    self.taken = 0;
                    until.as_mut().reset(Instant::now() + PATIENCE);
                }
                Poll::Pending
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.judge(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        // Everything was taken.
        self.until = None;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().start_paused(true).build().unwrap().block_on(future)
    }

    #[test]
    fn who_takes_nothing_is_given_up_after_fifteen_seconds() {
        block_on(async {
            let (ours, _theirs) = duplex(1_024);
            let (mut patient, start) = (Patient::new(ours), Instant::now());
            let error = patient.write_all(&[0; 4_096]).await.unwrap_err();
            assert_eq!((error.kind(), start.elapsed()), (io::ErrorKind::TimedOut, PATIENCE));
        });
    }

    #[test]
    fn who_takes_a_byte_now_and_then_is_given_up_too() {
        block_on(async {
            let (ours, mut theirs) = duplex(1_024);
            let drip = tokio::spawn(async move {
                while theirs.read_u8().await.is_ok() {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            });
            let error = Patient::new(ours).write_all(&[0; 1 << 20]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            drip.await.unwrap();
        });
    }

    #[test]
    fn a_slow_box_gets_everything() {
        block_on(async {
            let (ours, mut theirs) = duplex(4_096);
            let reader = tokio::spawn(async move {
                let (mut taken, mut buffer) = (0, [0; 4_096]);
                loop {
                    match theirs.read(&mut buffer).await.unwrap() {
                        0 => return taken,
                        bytes => taken += bytes,
                    }
                    tokio::time::sleep(Duration::from_secs(2)).await;
                }
            });
            let mut patient = Patient::new(ours);
            patient.write_all(&[0; 1 << 20]).await.unwrap();
            patient.shutdown().await.unwrap();
            drop(patient);
            assert_eq!(reader.await.unwrap(), 1 << 20);
        });
    }
}
