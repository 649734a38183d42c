use std::io::{Read, Write};

use tokio::io::AsyncWriteExt;

use super::*;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap().block_on(future)
}

#[test]
fn who_says_nothing_more_is_given_up_and_what_was_said_counts() {
    block_on(async {
        let (mut theirs, ours) = tokio::io::duplex(64);
        theirs.write_all(b"model: MAG254\nsuccess").await.unwrap();
        let start = Instant::now();
        let (report, _, why) = hear(ours, &Limits::default()).await;
        assert_eq!((why, start.elapsed()), (Some("silence"), SILENCE_MAX));
        assert_eq!((report.model.as_deref(), report.outcome), (Some("MAG254"), Outcome::Success));
    });
}

#[test]
fn who_drips_for_ever_is_given_up_after_half_an_hour() {
    block_on(async {
        let (mut theirs, ours) = tokio::io::duplex(64);
        tokio::spawn(async move {
            while theirs.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
        });
        let start = Instant::now();
        let (_, _, why) = hear(ours, &Limits::default()).await;
        assert_eq!((why, start.elapsed()), (Some("time"), REPORT_MAX));
    });
}

#[test]
fn who_talks_without_end_is_cut_off_and_nothing_grows() {
    block_on(async {
        let (mut theirs, ours) = tokio::io::duplex(4_096);
        tokio::spawn(async move { while theirs.write_all(&[b'x'; 4_096]).await.is_ok() {} });
        let (report, bytes, why) = hear(ours, &Limits::default()).await;
        assert_eq!((why, bytes), (Some("bytes"), BYTES_MAX));
        assert!(report.last.len() < 1_000);
    });
}

#[test]
fn one_address_does_not_take_all_places() {
    let guests = Arc::new(Guests::default());
    let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|it| it.parse().unwrap());
    let mut inside: Vec<_> =
        (0..OF_ONE_MAX).map(|_| Guests::enter(&guests, one).unwrap()).collect();
    assert!(Guests::enter(&guests, one).is_none());
    assert!(Guests::enter(&guests, other).is_some());
    inside.pop();
    assert!(Guests::enter(&guests, one).is_some(), "one has left");
    drop(inside);
    assert!(guests.0.lock().unwrap().is_empty());
}

#[test]
fn boxes_that_hold_their_connections_keep_no_other_from_reporting() {
    let log = MagLog::start("127.0.0.1:0".parse().unwrap()).unwrap();
    let connect = || std::net::TcpStream::connect(log.address()).unwrap();
    let held: Vec<_> = (0..OF_ONE_MAX).map(|_| connect()).collect();
    // One more of the same address is closed without a word.
    let mut more = connect();
    more.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(more.read(&mut [0; 1]).unwrap_or(0), 0);
    drop(held);
    let end = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        let mut next = connect();
        next.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let _ = next.write_all(b"hello");
        // Nobody answers, and nobody hangs up.
        let heard = next.read(&mut [0; 1]);
        if matches!(&heard, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock) {
            break;
        }
        assert!(std::time::Instant::now() < end, "no place is free again: {heard:?}");
    }
}
