//! Boxes that boot over HTTP: the real headend, the real box.

use std::net::TcpListener;
use std::path::Path;

use super::harness::{Program, Site, noise, receiver, run};

const IMAGE_BYTES: usize = 400_000;

/// A headend that answers at a port known beforehand, so that StbConfigs can name it.
struct Station {
    site: Site,
    port: u16,
    announce: String,
}

impl Station {
    fn new() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut site = Site::new();
        let announce = site.announce();
        site.channel("images", 8_000, 1_400);
        site.repair("ratio = 0.2");
        site.object("boot", "boot.img", "version = \"5.1\"");
        site.file("boot.img", &noise(30, IMAGE_BYTES));
        site.channel("beta", 1_000, 1_400);
        site.object("boot-beta", "beta.img", "version = \"5.2\"");
        site.file("beta.img", &noise(31, IMAGE_BYTES));
        let beta = format!("http://127.0.0.1:{port}/images/beta/boot-beta");
        site.add(&format!(
            "[[stbconfig]]\nname = \"all\"\nimage = \"boot\"\n\
             [[stbconfig]]\nname = \"beta\"\nimage = {{ url = \"{beta}\", version = \"5.2\" }}\n\
             permanent = {{ BootOrder = \"6,3\", SplashOrder = \"3\", HttpServer = \"127.0.0.1\", \
             HttpPort = {port}, BootcastId = \"vip\" }}\n\
             [[target]]\nname = \"testers\"\nserials = [\"7\"]\nstbconfig = \"beta\"\n\
             [[target]]\nname = \"moved\"\nproduct = \"old-vip\"\n\
             redirect = {{ to = \"http://127.0.0.1:{port}/vip?serial=1\", status = 302 }}\n\
             [[target]]\nname = \"round and round\"\nproduct = \"lost-vip\"\n\
             redirect = {{ to = \"http://127.0.0.1:{port}/vip\", status = 303 }}\n\
             [[target]]\nname = \"all\"\nstbconfig = \"all\"\n"
        ));
        Self { site, port, announce }
    }

    fn serve(&self) -> Program {
        let address = format!("127.0.0.1:{}", self.port);
        self.site.serve(&["--http", &address])
    }

    fn boot(&self, store: &str, more: &[&str]) -> (i32, serde_json::Value) {
        let store = self.site.path(store);
        let fixed = ["boot", "--interface", "127.0.0.1", "--quiet", "--json", "--timeout", "5"];
        let output = run(receiver().args(fixed).arg("--store").arg(store).args(more));
        let answer = serde_json::from_slice(&output.stdout);
        let code = output.status.code().unwrap();
        (code, answer.unwrap_or_else(|_| panic!("no answer: {output:?}")))
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

#[track_caller]
fn assert_booted(answer: &serde_json::Value, from: &str, version: &str, image: u64) {
    let booted = &answer["booted"];
    assert_eq!((&booted["from"], &booted["version"]), (&from.into(), &version.into()), "{answer}");
    let held = std::fs::read(Path::new(booted["file"].as_str().unwrap())).unwrap();
    assert!(held == noise(image, IMAGE_BYTES), "the bytes differ");
}

#[test]
fn a_box_that_asks_over_http_takes_its_image_from_multicast() {
    let station = Station::new();
    let _headend = station.serve();
    let url = station.url();
    let asking = ["--bootcast-id", "vip", "--serial", "1", "--http", &url];
    let announce = ["--announce", station.announce.as_str()];
    let (code, answer) = station.boot("box", &[&asking[..], &announce].concat());
    assert_eq!(code, 0, "{answer}");
    assert_booted(&answer, "network", "5.1", 30);
    let image = answer["parts"].as_array().unwrap().iter().find(|it| it["part"] == "image");
    assert_eq!(image.unwrap()["check"], "SHA-256 as announced");
    assert_eq!(image.unwrap()["http_bytes"], 0);
    // The StbConfig alone.
    assert!((1..2_000).contains(&answer["http_bytes"].as_u64().unwrap()), "{answer}");
    let (code, answer) = station.boot("box", &asking);
    assert_eq!((code, &answer["booted"]["from"]), (0, &"store".into()), "{answer}");
    assert_eq!(answer["booted"]["why"], "it is the version on air");
}

#[test]
fn redirects_are_followed_but_not_for_ever() {
    let station = Station::new();
    let _headend = station.serve();
    let url = station.url();
    let asking = |id| ["--bootcast-id", id, "--serial", "1", "--http", &url];
    let (code, answer) = station.boot("box", &asking("old-vip"));
    assert_eq!(code, 0, "{answer}");
    assert_booted(&answer, "network", "5.1", 30);
    // The box says its product again, so the same rule matches again.
    let (code, answer) = station.boot("other", &asking("lost-vip"));
    assert_eq!(code, 1, "{answer}");
    let error = answer["http_error"].as_str().unwrap();
    assert!(error.contains("redirect that is not followed (status 303)"), "{error}");
}

#[test]
fn a_tester_gets_another_image_over_http_and_keeps_its_parameters() {
    let station = Station::new();
    let headend = station.serve();
    let url = station.url();
    let asking = ["--bootcast-id", "vip", "--serial", "7", "--http", &url];
    let (code, answer) = station.boot("box", &asking);
    assert_eq!(code, 0, "{answer}");
    assert_booted(&answer, "network", "5.2", 31);
    let parameters = answer["parameters"].as_str().unwrap();
    assert!(parameters.starts_with("not kept, because nobody allowed it: "), "{parameters}");
    assert!(answer["http_bytes"].as_u64().unwrap() >= IMAGE_BYTES as u64, "{answer}");
    let (code, answer) = station.boot("box", &[&asking[..], &["--keep-parameters"]].concat());
    assert_eq!(code, 0, "{answer}");
    let parameters = answer["parameters"].as_str().unwrap();
    assert!(parameters.starts_with("kept for the next boot: "), "{parameters}");
    // From here on it knows server and id itself.
    let (code, answer) = station.boot("box", &["--serial", "7"]);
    assert_eq!(code, 0, "{answer}");
    assert_booted(&answer, "store", "5.2", 31);
    drop(headend);
    let (code, answer) = station.boot("box", &["--serial", "7"]);
    assert_eq!(code, 0, "{answer}");
    let error = answer["http_error"].as_str().unwrap();
    assert!(error.contains("cannot be reached"), "{error}");
    assert_booted(&answer, "store", "5.2", 31);
}
