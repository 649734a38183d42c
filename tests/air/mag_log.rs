//! `stbcast serve --mag-log`: what MAG boxes say of their updates.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::harness::{DEADLINE, Program, Site};

/// A headend that takes reports; where, and where its metrics are.
fn start() -> (Site, Program, SocketAddr, SocketAddr) {
    let mut site = Site::new();
    site.channel("images", 1_000, 1_400);
    site.object("boot", "boot.img", "");
    site.file("boot.img", &[7; 10_000]);
    let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let [reports, metrics] = [free(), free()];
    let [to, at] = [reports, metrics].map(|it| it.to_string());
    let headend = site.serve(&["--mag-log", &to, "--metrics", &at]);
    (site, headend, reports, metrics)
}

fn report(to: SocketAddr, text: &[u8]) {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.write_all(text).unwrap();
}

/// The metrics as soon as they have a line.
#[track_caller]
fn metrics(at: SocketAddr, line: &str) -> String {
    let end = Instant::now() + DEADLINE;
    loop {
        let mut stream = TcpStream::connect(at).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        if text.contains(line) {
            return text;
        }
        assert!(Instant::now() < end, "no `{line}` in\n{text}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_report_is_logged_and_counted_by_model_version_and_result() {
    let (_site, mut headend, reports, at) = start();
    report(reports, b"STB Model:MAG254\nImage Version:219\nUpdate finished\n");
    let line = headend.wait_for("MAG report of 127.0.0.1");
    assert!(line.contains("model MAG254, version 219, success: `Update finished`"), "{line}");
    report(reports, b"STB Model:MAG254\nImage Version:219\nstatus: 17\n");
    report(reports, b"\xff\xfe what is this\n");
    let of = |model: &str, version: &str, result: &str| {
        format!(
            "stbcast_mag_reports_total{{model=\"{model}\",version=\"{version}\",result=\"{result}\"}} 1"
        )
    };
    metrics(at, &of("MAG254", "219", "success"));
    metrics(at, &of("MAG254", "219", "failure"));
    metrics(at, &of("unknown", "unknown", "unknown"));
}

#[test]
fn a_flood_of_made_up_boxes_makes_no_flood_of_metrics_and_harms_no_channel() {
    let (site, _headend, reports, at) = start();
    for number in 0..1_000 {
        report(reports, format!("model: MAG{number}\nversion: {number}\n").as_bytes());
    }
    // A line without end, and a connection that says nothing.
    let silent = TcpStream::connect(reports).unwrap();
    let mut endless = TcpStream::connect(reports).unwrap();
    endless.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    let cut = (0..4_000).find_map(|_| endless.write_all(&[b'x'; 4_096]).err());
    assert!(cut.is_some(), "16 MB are taken");
    let text = metrics(at, "model=\"other\",version=\"other\"");
    let lines = text.lines().filter(|line| line.starts_with("stbcast_mag_reports_total{"));
    assert!(lines.count() <= 129);
    report(reports, b"model: MAG254\nsuccess\n");
    metrics(at, "model=\"other\",version=\"other\",result=\"success\"} 1");
    drop(silent);
    assert_eq!(super::control::status(&site)["channels"][0]["state"], "on-air");
}
