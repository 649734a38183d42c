//! `stbcast kill`: off the air within a second, and until a person says otherwise.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sha2::{Digest, Sha256};

use super::asking::{answering, get};
use super::control::{status, tell};
use super::harness::{Site, hear, join, noise};
use super::operator::trusting;
use super::trust::Ear;

/// A killed thing is off the air so soon.
const LIMIT: Duration = Duration::from_secs(1);

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Two channels with an image each, not written yet; images and groups.
fn site() -> (Site, [Vec<u8>; 2], [String; 2]) {
    let mut site = Site::new();
    let images = [noise(1, 400_000), noise(2, 400_000)];
    let groups = ["good", "bad"].map(|name| {
        let group = site.channel(name, 4_000, 1_000);
        site.object(name, &format!("{name}.img"), "");
        group
    });
    site.file("good.img", &images[0]);
    site.file("bad.img", &images[1]);
    (site, images, groups)
}

/// When the last datagram comes on a group: nothing follows it for two seconds.
fn last(socket: &UdpSocket) -> Instant {
    socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let (mut buffer, mut last) = ([0; 2_048], Instant::now());
    let end = Instant::now() + Duration::from_secs(30);
    while socket.recv(&mut buffer).is_ok() {
        last = Instant::now();
        assert!(last < end, "it is sent for ever");
    }
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    last
}

#[track_caller]
fn silent(socket: &UdpSocket, since: Instant) {
    let span = last(socket).saturating_duration_since(since);
    assert!(span < LIMIT, "the last datagram came after {span:?}");
}

#[test]
fn a_killed_image_is_off_the_air_within_a_second_over_restarts_until_it_is_unkilled() {
    let (site, [_, bad], groups) = site();
    let [good, killed] = groups.each_ref().map(|group| join(group));
    let headend = site.serve(&[]);
    hear(&killed, 20);
    let digits = &sha256(&bad)[..12];
    let since = Instant::now();
    let heard = std::thread::scope(|scope| {
        let ear = scope.spawn(|| last(&killed));
        let (code, text, told) = tell(&site, &["kill", "image", digits, "--reason", "no boot"]);
        assert_eq!((code, told.as_str()), (0, ""));
        assert!(text.contains("off the air") && text.contains("channel bad, object bad"), "{text}");
        (ear.join().unwrap(), Instant::now())
    });
    assert!(heard.0.saturating_duration_since(since) < LIMIT, "{:?}", heard.0 - since);
    hear(&good, 50);
    assert_eq!(status(&site)["channels"][1]["state"], "killed");
    let (_, text, _) = tell(&site, &["kill", "--list"]);
    assert!(text.contains(digits) && text.contains("no boot"), "{text}");
    // However it ends, and whatever is reloaded.
    headend.signal(Signal::HUP);
    silent(&killed, Instant::now());
    headend.signal(Signal::KILL);
    drop(headend);
    let mut headend = site.serve(&[]);
    silent(&killed, Instant::now());
    hear(&good, 50);
    let (code, text, _) = tell(&site, &["unkill", "image", &sha256(&bad)]);
    assert!(code == 0 && text.contains("may be on air again"), "{text}");
    hear(&killed, 50);
    headend.wait_for("channel bad: on air");
}

#[test]
fn a_line_written_by_hand_kills_within_a_second_and_a_damaged_file_brings_nothing_back() {
    let (site, _, groups) = site();
    let [good, killed] = groups.each_ref().map(|group| join(group));
    let mut headend = site.serve(&[]);
    hear(&killed, 20);
    let path = site.path("state/stbcast/killed");
    let since = Instant::now();
    std::fs::write(&path, "# by hand\nchannel bad # it stutters\n").unwrap();
    silent(&killed, since);
    std::fs::write(&path, "chanel bad\n").unwrap();
    headend.wait_for("did you mean `channel`");
    silent(&killed, Instant::now());
    assert!(status(&site)["killed"]["problem"].is_string());
    std::fs::remove_file(&path).unwrap();
    headend.wait_for("is gone: what was killed stays so");
    silent(&killed, Instant::now());
    hear(&good, 50);
    std::fs::write(&path, "").unwrap();
    hear(&killed, 50);
}

#[test]
fn nothing_goes_on_air_while_the_kill_file_is_damaged_at_the_start() {
    let (site, ..) = site();
    std::fs::create_dir_all(site.path("state/stbcast")).unwrap();
    site.file("state/stbcast/killed", b"relase 41\n");
    let mut headend = site.start(&site.write(), &["--cycles", "1"]);
    headend.wait_for("line 1: unknown word `relase`");
    assert_eq!(headend.finish().0, 1);
}

#[test]
fn without_a_headend_the_file_is_written_and_that_is_said() {
    let (site, _, groups) = site();
    let killed = join(&groups[1]);
    let (code, text, _) = tell(&site, &["kill", "channel", "bad"]);
    let told =
        format!("no headend answers at {}", site.path("state/stbcast/control.sock").display());
    assert!(code == 0 && text.contains(&told) && text.contains("obeys the file"), "{text}");
    let (code, text, _) = tell(&site, &["kill", "channel", "bad"]);
    assert!(code == 0 && text.contains("stands already in"), "{text}");
    let _headend = site.serve(&[]);
    silent(&killed, Instant::now());
    let (code, _, told) = tell(&site, &["unkill", "release", "3"]);
    assert!(code == 1 && told.contains("is not killed"), "{told}");
    let (code, _, told) = tell(&site, &["kill", "image", "abc"]);
    assert!(code == 1 && told.contains("first 12"), "{told}");
}

#[test]
fn a_killed_release_takes_its_statement_its_images_and_its_answers_with_it() {
    let mut site = Site::new();
    let announce = site.announce();
    let group = site.channel("images", 4_000, 1_000);
    site.object("boot", "boot.img", "");
    let image = noise(3, 200_000);
    site.file("boot.img", &image);
    site.add("[[target]]\nname = \"all\"\nredirect = { to = \"http://192.0.2.1/x\" }\n");
    trusting(&mut site, 42);
    let (socket, mut ear) = (join(&group), Ear::new(&announce));
    let (_headend, address) = answering(&site, &[]);
    ear.wait_for("release:42");
    let uri = format!("/images/{}", sha256(&image));
    assert_eq!(get(address, &uri).status, 200);
    let since = Instant::now();
    let (code, text, told) = tell(&site, &["kill", "release", "42"]);
    let took = since.elapsed();
    assert_eq!((code, told.as_str()), (0, ""), "{text}");
    assert!(took < LIMIT, "{took:?}");
    assert_eq!(get(address, &uri).status, 404);
    silent(&socket, since);
    // What was in flight is heard by now.
    ear.names(Duration::from_millis(100));
    assert!(!ear.names(Duration::from_secs(3)).contains(&"release:42".to_owned()));
    let (code, ..) = tell(&site, &["unkill", "release", "42"]);
    assert_eq!(code, 0);
    ear.wait_for("release:42");
    assert_eq!(get(address, &uri).status, 200);
}
