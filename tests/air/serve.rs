//! `stbcast serve`, heard by a plain socket.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::harness::{Site, alone, headend, hear, join, metrics, noise, run};

fn number(datagram: &[u8]) -> u32 {
    u32::from_be_bytes(datagram[4..8].try_into().unwrap())
}

/// The object as slices of one pass, put together.
fn assemble(datagrams: &[Vec<u8>], trailer: usize) -> Vec<u8> {
    let slices: HashMap<u32, &[u8]> =
        datagrams.iter().map(|d| (number(d), &d[44..d.len() - trailer])).collect();
    (1..=slices.len() as u32).flat_map(|n| slices[&n].to_vec()).collect()
}

#[test]
fn a_file_goes_out_slice_by_slice_behind_the_header_the_notes_draw() {
    let mut site = Site::new();
    let group = site.channel("images", 4_000, 1_000);
    site.object("boot", "boot.img", "type = \"bootcastfile\"\nprecoding = \"crc32\"");
    let image = noise(1, 9_500);
    site.file("boot.img", &image);
    let socket = join(&group);
    let headend = site.serve(&[]);
    let heard = hear(&socket, 20);
    assert_eq!(
        heard.iter().map(|d| number(d)).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].repeat(2)
    );
    for datagram in &heard {
        assert_eq!(datagram[..4], [0, 5, 0, 4]);
        assert_eq!(datagram[8..12], [0, 0, 0, 10]);
        assert_eq!(
            &datagram[12..44],
            b"boot\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        );
    }
    assert!(assemble(&heard[..10], 4) == image);
    headend.signal(Signal::TERM);
    assert_eq!(headend.finish().0, 0);
}

#[test]
fn cycles_stops_after_so_many_complete_cycles_of_every_channel() {
    let mut site = Site::new();
    let slow = site.channel("slow", 1_000, 1_000);
    site.object("a", "a.bin", "");
    let fast = site.channel("fast", 8_000, 1_000);
    site.object("b", "b.bin", "");
    site.file("a.bin", &noise(2, 20_000));
    site.file("b.bin", &noise(3, 1_000));
    let (slow, fast) = (join(&slow), join(&fast));
    let headend = site.serve(&["--cycles", "2"]);
    let heard = hear(&slow, 40);
    let (code, _) = headend.finish();
    assert_eq!(code, 0);
    assert_eq!(heard.iter().filter(|d| number(d) == 20).count(), 2);
    slow.set_nonblocking(true).unwrap();
    assert!(slow.recv(&mut [0; 2_048]).is_err(), "a third cycle began");
    assert!(hear(&fast, 100).len() == 100, "the fast one went on meanwhile");
}

#[test]
fn time_is_the_clock_at_send_time() {
    let mut site = Site::new();
    let group = site.channel("metadata", 8, 256);
    site.object("var.utctime", "{ kind = \"time\" }", "delay_ms = 700");
    let socket = join(&group);
    let _headend = site.serve(&[]);
    let mut times = Vec::new();
    for _ in 0..3 {
        let datagram = hear(&socket, 1).concat();
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        assert_eq!(datagram[..4], [0, 7, 0, 1]);
        let told: u64 = std::str::from_utf8(&datagram[44..]).unwrap().parse().unwrap();
        assert!(now.abs_diff(told) <= 1, "{told} at {now}");
        times.push(Instant::now());
    }
    assert!(times[2] - times[0] >= Duration::from_millis(1_300), "the delay is kept");
}

#[test]
fn the_bootcast_information_is_written_from_the_line_up() {
    let mut site = Site::new();
    let metadata = site.channel("metadata", 64, 1_024);
    site.object("model", "{ kind = \"bootcast\", image = \"boot\", splash = \"splash\" }", "");
    let images = site.channel("images", 1_000, 1_024);
    site.object("boot", "boot.img", "version = \"4.6\"");
    site.object("splash", "splash.bmp", "");
    site.file("boot.img", &noise(4, 5_000));
    site.file("splash.bmp", b"splash");
    let socket = join(&metadata);
    let _headend = site.serve(&[]);
    let text = String::from_utf8(hear(&socket, 1)[0][44..].to_vec()).unwrap();
    let digest = "31d58043e5d08e03"; // sha-256 of `splash`
    let expected = format!(
        "bc_kernel_addr {images}\nbc_kernel_name boot\nbc_kernel_version 4.6\nbc_splash_addr {images}\n\
         bc_splash_name splash\nbc_splash_version {digest}\n"
    );
    assert_eq!(text, expected);
}

#[test]
fn the_operator_may_do_anything_to_a_source_that_is_on_air() {
    let mut site = Site::new();
    let group = site.channel("images", 20_000, 1_400);
    site.object("boot", "boot.img", "");
    let image = noise(5, 140_000);
    site.file("boot.img", &image);
    let socket = join(&group);
    let headend = site.serve(&[]);
    hear(&socket, 1);
    let damage: [&dyn Fn(); 3] = [
        &|| std::fs::write(site.path("boot.img"), noise(6, 140_000)).unwrap(),
        &|| {
            std::fs::OpenOptions::new()
                .write(true)
                .open(site.path("boot.img"))
                .unwrap()
                .set_len(10)
                .unwrap()
        },
        &|| std::fs::remove_file(site.path("boot.img")).unwrap(),
    ];
    for damage in damage {
        damage();
        let heard = hear(&socket, 200);
        let start = heard.iter().position(|d| number(d) == 1).unwrap();
        assert!(assemble(&heard[start..start + 100], 0) == image);
    }
    headend.signal(Signal::INT);
    assert_eq!(headend.finish().0, 0);
}

#[test]
fn what_cannot_go_on_air_is_refused_before_anything_is_sent() {
    let mut site = Site::new();
    let group = site.channel("images", 8_000, 1_400);
    site.object("boot", "missing.img", "");
    let socket = join(&group);
    let spool = site.path("spool");
    let serve = |more: &[&str]| {
        let output = run(headend()
            .arg("serve")
            .arg(site.write())
            .env("XDG_STATE_HOME", site.path("state"))
            .arg("--spool")
            .arg(&spool)
            .args(["--ttl", "0"])
            .args(more));
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, stderr) = serve(&["--interface", "127.0.0.1"]);
    assert_eq!(code, 1);
    assert!(stderr.contains("missing.img: No such file"), "{stderr}");
    site.file("missing.img", &noise(7, 3 << 20));
    let (code, stderr) = serve(&["--interface", "nowhere0"]);
    assert_eq!(code, 1);
    assert!(
        stderr.contains("no interface `nowhere0`: there are") && stderr.contains("lo (127.0.0.1)"),
        "{stderr}"
    );
    let (code, stderr) = serve(&["--interface", "127.0.0.1", "--spool-cap-mib", "2"]);
    assert_eq!(code, 1);
    assert!(stderr.contains("the spool is full") && stderr.contains("--spool-cap-mib"), "{stderr}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, stderr) = serve(&["--interface", "127.0.0.1", "--metrics", &address]);
    assert_eq!(code, 1);
    assert!(stderr.contains("cannot serve metrics on"), "{stderr}");
    socket.set_nonblocking(true).unwrap();
    assert!(socket.recv(&mut [0; 2_048]).is_err(), "something was sent");
}

#[test]
fn metrics_are_served_under_the_names_of_the_notes() {
    let mut site = Site::new();
    let group = site.channel("images", 8_000, 1_400);
    site.object("boot", "boot.img", "");
    site.file("boot.img", &noise(8, 10_000));
    let socket = join(&group);
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _headend = site.serve(&["--metrics", &address.to_string()]);
    hear(&socket, 30);
    let text = metrics(address);
    for part in [
        "stbcast_packets_sent_total{channel=\"images\",kind=\"source\"}",
        "stbcast_send_calls_total{channel=\"images\"}",
        "stbcast_bytes_sent_total{channel=\"images\"}",
        "stbcast_channel_target_bytes_per_second{channel=\"images\"} 1000000",
        "stbcast_cycles_total{channel=\"images\"}",
        "stbcast_cycle_duration_seconds{channel=\"images\"}",
        "stbcast_pacing_lag_seconds_bucket{le=\"0.001\"}",
        "stbcast_store_bytes 10000",
        "stbcast_lineup_generation 1",
        "stbcast_build_info{version=",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

/// The vendor's server needs about 40 MB a channel (notes §10).
#[test]
fn sixteen_channels_of_64_mib_images_stay_below_32_mib_of_memory() {
    let _alone = alone();
    let mut site = Site::new();
    let mut sockets = Vec::new();
    for n in 0..16 {
        let group = site.channel(&format!("images-{n}"), 4_000, 1_400);
        site.object("boot", &format!("boot-{n}.img"), "precoding = \"crc32\"");
        site.file(&format!("boot-{n}.img"), &noise(100 + n, 64 << 20));
        sockets.push(join(&group));
    }
    let headend = site.serve(&[]);
    for socket in &sockets {
        hear(socket, 300);
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", headend.id())).unwrap();
    let kib = |field: &str| -> u64 {
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let kib = kib("RssAnon:") + kib("RssShmem:");
    println!("16 channels of 64 MiB: RssAnon + RssShmem = {kib} KiB");
    assert!(kib < 32 * 1_024, "{kib} KiB");
}

/// That nothing comes in bursts is a property of the pacer, tested there, and measured by the bench
/// `pacing` with the kernel's time stamps; here the clock of a busy test would prove nothing.
#[test]
fn the_rate_is_kept_over_many_datagrams() {
    let _alone = alone();
    let mut site = Site::new();
    let group = site.channel("images", 10_000, 1_428);
    site.object("boot", "boot.img", "");
    site.file("boot.img", &noise(9, 1_428 * 1_000));
    let socket = join(&group);
    let _headend = site.serve(&[]);
    let mut buffer = [0; 2_048];
    let mut times = Vec::with_capacity(6_000);
    for _ in 0..6_000 {
        socket.recv(&mut buffer).unwrap();
        times.push(Instant::now());
    }
    let nominal = 1_500.0 * 8.0 / 10e6;
    let seconds = (times[5_999] - times[0]).as_secs_f64();
    let error = (seconds / (5_999.0 * nominal) - 1.0).abs();
    println!("rate error over {seconds:.1} s: {:.4} %", error * 100.0);
    assert!(error < 0.01, "{error}: the machine was busy or the pacer is wrong");
}
