//! `stbcast serve --http` and clients of other people: curl, and the one of Python's library.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::asking::answering;
use super::harness::{Program, Site, noise, run};
use super::http::by_digest;

/// A headend with an image, and a rule that leads boxes to it.
fn start() -> (Site, Program, SocketAddr, Vec<u8>) {
    let mut site = Site::new();
    site.channel("images", 10_000, 1_400);
    site.object("boot", "boot.img", "");
    let image = noise(1, 3_000_000);
    site.file("boot.img", &image);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    site.add(&format!(
        "[[target]]\nname = \"all\"\n\
         redirect = {{ to = \"http://127.0.0.1:{port}/images/images/boot\", status = 303 }}\n"
    ));
    let (headend, address) = answering(&site, &["--http", &format!("127.0.0.1:{port}")]);
    (site, headend, address, image)
}

fn curl(arguments: &[&str]) -> Vec<u8> {
    let output =
        run(Command::new("curl").args(["--silent", "--show-error", "--fail"]).args(arguments));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn curl_downloads_resumes_asks_for_ranges_and_follows_redirects() {
    let (site, _headend, address, image) = start();
    let url = format!("http://{address}{}?product=vip", by_digest(&image));
    assert!(curl(&[&url]) == image);
    assert!(curl(&["-r", "100-199", &url]) == image[100..200]);
    assert!(curl(&["-r", "-1000", &url]) == image[image.len() - 1_000..]);
    let header = String::from_utf8(curl(&["-I", &url])).unwrap();
    assert!(header.contains("Content-Length: 3000000\r\n"), "{header}");
    let part = site.file("part.img", &image[..1_234_567]);
    curl(&["-C", "-", "-o", part.to_str().unwrap(), &url]);
    assert!(std::fs::read(&part).unwrap() == image, "resumed");
    let page = format!("http://{address}/arris-vip1113?serial=1");
    assert!(curl(&["-L", &page]) == image, "by the redirect");
    let kept = curl(&["-w", "%{num_connects}", "-o", "/dev/null", "-o", "/dev/null", &url, &url]);
    assert_eq!(String::from_utf8(kept).unwrap(), "10", "one connection for two requests");
}

#[test]
fn the_client_of_python_gets_an_image_in_ranges() {
    let (site, _headend, address, image) = start();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer/http_peer.py");
    let output = run(Command::new("python3")
        .arg(script)
        .args([address.ip().to_string(), address.port().to_string(), by_digest(&image)])
        .arg(site.path("boot.img")));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
