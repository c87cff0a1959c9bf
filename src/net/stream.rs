//! What streams of bytes have in common: the traits of `futures::io` for a stream, for a reference
//! to it and for its two halves.

/// Implements them for a stream whose field `watch` is an `Arc<Watch<S>>`, where `&S` reads and
/// writes.
macro_rules! implement_stream {
    ($stream:ident, $read_half:ident, $write_half:ident, $doc:literal) => {
        #[doc = concat!("The reading half of a [`", stringify!($stream), "`], from its `split`.")]
        ///
        #[doc = $doc]
        #[derive(Debug)]
        pub struct $read_half($stream);

        #[doc = concat!("The writing half of a [`", stringify!($stream), "`], from its `split`.")]
        ///
        /// Dropped, it says that nothing more comes.
        ///
        #[doc = $doc]
        #[derive(Debug)]
        pub struct $write_half($stream);

        impl $stream {
            /// Splits the stream, for two tasks.
            ///
            #[doc = $doc]
            pub fn split(self) -> ($read_half, $write_half) {
                let other = Self {
                    watch: std::sync::Arc::clone(&self.watch),
                };
                ($read_half(self), $write_half(other))
            }

            /// Waits until there may be something to read, or the end, and reads nothing: the next
            /// read may still have to wait. Meanwhile what it is to be read into can be elsewhere.
            ///
            /// ```
            /// # use futures::io::AsyncReadExt;
            /// # gossamer::Builder::new().workers(1).build()?.block_on(async {
            /// let (mut ours, theirs) = gossamer::net::UnixStream::pair()?;
            /// # drop(theirs);
            /// ours.readable().await;
            /// let mut buffer = [0; 512];
            /// let read = ours.read(&mut buffer).await?;
            /// # assert_eq!(read, 0);
            /// # Ok::<_, std::io::Error>(()) })?;
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            ///
            /// # Cancel safety
            ///
            /// Dropped before it is ready, it has done nothing.
            pub async fn readable(&self) {
                use gossamer_executor::io::Interest;
                self.watch.ready(Interest::Read).await
            }

            fn poll_read_into(
                &self,
                cx: &mut std::task::Context<'_>,
                buffer: &mut [u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                use gossamer_executor::io::Interest;
                let most = buffer.len();
                self.watch.poll_bytes(cx, Interest::Read, most, |mut io| {
                    std::io::Read::read(&mut io, buffer)
                })
            }

            /// As `poll_read_into`, which takes only what has a value.
            #[cfg(feature = "hyper")]
            pub(crate) fn poll_receive_into(
                &self,
                cx: &mut std::task::Context<'_>,
                buffer: &mut [std::mem::MaybeUninit<u8>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                use gossamer_executor::io::Interest;
                let most = buffer.len();
                self.watch.poll_bytes(cx, Interest::Read, most, |io| {
                    socket2::SockRef::from(io).recv(buffer)
                })
            }

            fn poll_read_into_vectored(
                &self,
                cx: &mut std::task::Context<'_>,
                buffers: &mut [std::io::IoSliceMut<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                use gossamer_executor::io::Interest;
                let most = buffers.iter().map(|buffer| buffer.len()).sum();
                self.watch.poll_bytes(cx, Interest::Read, most, |mut io| {
                    std::io::Read::read_vectored(&mut io, buffers)
                })
            }

            pub(crate) fn poll_write_from(
                &self,
                cx: &mut std::task::Context<'_>,
                bytes: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                use gossamer_executor::io::Interest;
                self.watch
                    .poll_bytes(cx, Interest::Write, bytes.len(), |mut io| {
                        std::io::Write::write(&mut io, bytes)
                    })
            }

            pub(crate) fn poll_write_from_vectored(
                &self,
                cx: &mut std::task::Context<'_>,
                slices: &[std::io::IoSlice<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                use gossamer_executor::io::Interest;
                let most = slices.iter().map(|slice| slice.len()).sum();
                self.watch.poll_bytes(cx, Interest::Write, most, |mut io| {
                    std::io::Write::write_vectored(&mut io, slices)
                })
            }

            pub(crate) fn shutdown_writes(&self) -> std::io::Result<()> {
                match self.shutdown(std::net::Shutdown::Write) {
                    // The other end was faster.
                    Err(error) if error.kind() == std::io::ErrorKind::NotConnected => Ok(()),
                    result => result,
                }
            }
        }

        implement_read!($stream, |this| this);
        implement_read!(&$stream, |this| this);
        implement_read!($read_half, |this| &this.0);
        implement_write!($stream, |this| this);
        implement_write!(&$stream, |this| this);
        implement_write!($write_half, |this| &this.0);

        impl Drop for $write_half {
            fn drop(&mut self) {
                let _ = self.0.shutdown_writes(); // gone already, then
            }
        }
    };
}

macro_rules! implement_read {
    ($name:ty, |$this:ident| $stream:expr) => {
        impl futures::io::AsyncRead for $name {
            fn poll_read(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buffer: &mut [u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                let $this = &*self;
                $stream.poll_read_into(cx, buffer)
            }

            fn poll_read_vectored(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buffers: &mut [std::io::IoSliceMut<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                let $this = &*self;
                $stream.poll_read_into_vectored(cx, buffers)
            }
        }
    };
}

macro_rules! implement_write {
    ($name:ty, |$this:ident| $stream:expr) => {
        impl futures::io::AsyncWrite for $name {
            fn poll_write(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                bytes: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                let $this = &*self;
                $stream.poll_write_from(cx, bytes)
            }

            fn poll_write_vectored(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                slices: &[std::io::IoSlice<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                let $this = &*self;
                $stream.poll_write_from_vectored(cx, slices)
            }

            /// Nothing is kept back here.
            fn poll_flush(
                self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                std::task::Poll::Ready(Ok(()))
            }

            /// Says that nothing more comes; reading goes on.
            fn poll_close(
                self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                let $this = &*self;
                std::task::Poll::Ready($stream.shutdown_writes())
            }
        }
    };
}

pub(super) use {implement_read, implement_stream, implement_write};
