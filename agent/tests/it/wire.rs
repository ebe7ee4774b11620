//! What is wrong below the answer: connections that are cut, lengths that are lies, redirects, a MiB of headers. The
//! executable, and a server that spoils one answer after the other on the wire.

use crate::executable::{Server, agent, assert_code, exchanged, json, run, serve};
use std::io::{BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What comes in place of an answer: its head and its body. Nobody may ask at `elsewhere`.
fn spoilt(way: usize, right: &[u8], elsewhere: &str) -> Option<Vec<u8>> {
    let long = b" ".repeat(10 << 20);
    let len = |length: usize| format!("200 x\r\ncontent-length: {length}");
    let redirect = |status: u16| format!("{status} x\r\nlocation: {elsewhere}/\r\ncontent-length: 0");
    let retry = |after: &str| format!("503 x\r\nretry-after: {after}\r\ncontent-length: 0");
    let (head, body) = match way {
        // More than the service may answer, with its length and without.
        0 => (len(long.len()), &long[..]),
        1 => ("200 x\r\nconnection: close".to_owned(), &long[..]),
        // Lengths that are lies.
        2 => (len(right.len() + 100), right),
        3 => (len(right.len() / 2), right),
        4 => ("200 x\r\ncontent-length: -1".to_owned(), right),
        5 => ("200 x\r\ncontent-length: 99999999999999999999999".to_owned(), right),
        6 => ("200 x\r\ntransfer-encoding: chunked".to_owned(), &b"FFFFFFFFFFFFFFFFF\r\n{}"[..]),
        7 => ("200 x\r\ncontent-encoding: gzip\r\ncontent-length: 5".to_owned(), &b"\x1f\x8b\x08\0\0"[..]),
        8 => (redirect(301), &[][..]),
        9 => (redirect(307), &[][..]),
        10 => (retry("-5"), &[][..]),
        11 => (retry("99999999999999999999999999"), &[][..]),
        12 => (retry("Fri, 31 Dec 9999 23:59:59 GMT"), &[][..]),
        13 => (format!("200 x\r\nx: {}", "y".repeat(1 << 20)), right),
        14 => ("999 x\r\ncontent-length: 0".to_owned(), &[][..]),
        // Something else speaks there, or nobody.
        15 => return Some(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()),
        16 => return Some(b"\x16\x03\x01\0\x05\x01\0\0\x01\0".to_vec()),
        17 => return Some(Vec::new()),
        _ => return None,
    };
    Some([b"HTTP/1.1 ", head.as_bytes(), b"\r\n\r\n", body].concat())
}

/// Counts who comes, and answers nobody.
fn count_visitors() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let visitors = Arc::clone(&count);
    std::thread::spawn(move || {
        for _ in listener.incoming().flatten() {
            visitors.fetch_add(1, Ordering::SeqCst);
        }
    });
    (url, count)
}

#[test]
fn nothing_on_the_wire_stops_the_agent_or_costs_it_an_event() {
    let (elsewhere, visitors) = count_visitors();
    let Server { ledger, url } = serve();
    let home = tempfile::tempdir().unwrap();
    let dir = &home.path().join("state");
    let token = ledger.lock().unwrap().token();
    json(&run(dir, &["enroll", "--url", &url, "--token", &token]));

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let relay = format!("http://{}", listener.local_addr().unwrap());
    let (spoils, way) = (Arc::clone(&ledger), Arc::new(AtomicUsize::new(0)));
    let current = Arc::clone(&way);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let Some(response) = exchanged(&mut BufReader::new(&stream), &spoils) else { continue };
            let way = current.load(Ordering::SeqCst);
            let bytes = spoilt(way, &response.body, &elsewhere).unwrap_or_default();
            // Whoever has heard enough has gone.
            let _ = (&stream as &TcpStream).write_all(&bytes);
        }
    });
    let mut ways = 0;
    while spoilt(ways, b"{}", "").is_some() {
        way.store(ways, Ordering::SeqCst);
        let once = agent(dir, &["run", "--once"]).env("VAULTMESH_CC_URL", &relay).output().unwrap();
        let said = String::from_utf8_lossy(&once.stderr);
        assert!(matches!(once.status.code(), Some(1 | 3)), "way {ways}: {:?} {said}", once.status);
        assert!(said.contains("wait for their receipts"), "way {ways}: {said}");
        ways += 1;
    }
    assert_code(&run(dir, &["run", "--once"]), 0, "");
    let ledger = ledger.lock().unwrap();
    let seqs: Vec<u64> = ledger.log.iter().map(|event| event.header.chain.unwrap().seq).collect();
    assert_eq!(seqs, (0..=ways as u64).collect::<Vec<_>>());
    assert_eq!(ledger.problems, [""; 0]);
    assert_eq!(visitors.load(Ordering::SeqCst), 0, "a redirect was followed");
}
