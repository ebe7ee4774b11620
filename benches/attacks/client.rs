//! A client that takes whatever it is answered with.

use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    /// A connection from one of this machine's addresses.
    pub(crate) async fn open(from: IpAddr, to: SocketAddr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(from, 0))?;
        let stream = socket.connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Sends a request, and gives the status and the body of the answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        self.stream.write_all(request).await?;
        self.answer().await
    }

    pub(crate) async fn answer(&mut self) -> io::Result<(u16, Vec<u8>)> {
        self.buffer.clear();
        let head = loop {
            if let Some(at) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        let text = String::from_utf8_lossy(&self.buffer[..head]).to_ascii_lowercase();
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        let length =
            text.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next()?.parse().ok());
        let whole = head + length.unwrap_or(0_usize);
        while self.buffer.len() < whole {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok((status, self.buffer[head..whole].to_vec()))
    }
}

/// A request without a body.
pub(crate) fn get(path: &str, token: Option<&str>) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\n{}\r\n", bearer(token)).into_bytes()
}

/// A request with one.
pub(crate) fn post(path: &str, media: &str, token: Option<&str>, body: &[u8]) -> Vec<u8> {
    [head(path, media, token, body.len()).as_slice(), body].concat()
}

/// The headers of a request with a body.
pub(crate) fn head(path: &str, media: &str, token: Option<&str>, length: usize) -> Vec<u8> {
    let bearer = bearer(token);
    format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\n{bearer}content-type: {media}\r\ncontent-length: {length}\r\n\r\n"
    )
    .into_bytes()
}

fn bearer(token: Option<&str>) -> String {
    token.map_or_else(String::new, |token| format!("authorization: Bearer {token}\r\n"))
}
