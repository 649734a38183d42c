//! Headend and box, both as programs.

use rustix::process::Signal;

use super::harness::{Program, Site, free_group, noise, receiver, run};

pub(crate) fn json(stdout: &str) -> serde_json::Value {
    serde_json::from_str(stdout).unwrap_or_else(|error| panic!("{error} in {stdout}"))
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    stbcast::spool::Digest::of(bytes).hex()
}

fn boot(site: &Site, id: &str, metadata: &str, more: &[&str]) -> (i32, serde_json::Value) {
    let output = run(receiver()
        .args([
            "boot",
            "--bootcast-id",
            id,
            "--metadata",
            metadata,
            "--interface",
            "127.0.0.1",
            "--json",
        ])
        .arg("--store")
        .arg(site.path("store"))
        .args(more));
    (output.status.code().unwrap(), json(&String::from_utf8(output.stdout).unwrap()))
}

fn part<'a>(summary: &'a serde_json::Value, word: &str) -> &'a serde_json::Value {
    summary["parts"].as_array().unwrap().iter().find(|part| part["part"] == word).unwrap()
}

#[test]
fn a_box_boots_from_a_line_up_and_next_time_from_its_store() {
    let mut site = Site::new();
    let metadata = site.channel("metadata", 64, 1_024);
    site.object(
        "arris-vip1113",
        "{ kind = \"bootcast\", image = \"boot\", splash = \"splash\" }",
        "",
    );
    site.channel("images", 40_000, 1_400);
    site.object("boot", "boot.img", "version = \"5.1\"\nprecoding = \"crc32\"");
    site.channel("splash", 8_000, 1_400);
    site.object("splash", "splash.bmp", "");
    let (image, splash) = (noise(1, 3_000_000), noise(2, 200_000));
    site.file("boot.img", &image);
    site.file("splash.bmp", &splash);
    let mut headend = site.serve(&[]);

    let (code, first) = boot(&site, "arris-vip1113", &metadata, &[]);
    assert_eq!(code, 0, "{first}");
    assert_eq!(part(&first, "image")["outcome"], "installed");
    assert_eq!(part(&first, "image")["sha256"], sha256(&image));
    assert_eq!(part(&first, "splash")["sha256"], sha256(&splash));
    assert_eq!(
        (&first["booted"]["from"], &first["booted"]["version"]),
        (&"network".into(), &"5.1".into())
    );

    let (code, second) = boot(&site, "arris-vip1113", &metadata, &[]);
    assert_eq!(code, 0);
    assert_eq!(part(&second, "image")["outcome"], "up_to_date");
    assert_eq!(second["stored"], 1, "the control object alone was received");

    let newer = noise(3, 2_500_000);
    site.file("boot.img", &newer);
    site.replace("version = \"5.1\"", "version = \"5.2\"");
    site.write();
    headend.signal(Signal::HUP);
    headend.wait_for("line-up 2 is on air");
    let (_, third) = boot(&site, "arris-vip1113", &metadata, &[]);
    assert_eq!(part(&third, "image")["sha256"], sha256(&newer));
    assert_eq!(third["booted"]["version"], "5.2");

    drop(headend);
    let (code, silent) =
        boot(&site, "arris-vip1113", &metadata, &["--timeout", "1", "--attempts", "1"]);
    assert_eq!((code, &silent["booted"]["from"]), (0, &"store".into()));
    assert_eq!(silent["booted"]["sha256"], sha256(&newer));
}

/// Serves a vendor's directory with this boot image, boots a box from it, and listens to each of its
/// three channels.
pub(crate) fn vendor_directory(
    image: &[u8],
    kbps: u32,
) -> (serde_json::Value, Vec<serde_json::Value>) {
    let site = Site::new();
    let lineups = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("carousels/lineups/vendor");
    let groups = [free_group(), free_group(), free_group()];
    let place = |text: String| {
        let old = ["239.255.2.2", "239.255.2.11", "239.255.2.13"];
        let text = text.replace("<bit-rate>20000<", &format!("<bit-rate>{kbps}<"));
        old.iter().zip(&groups).fold(text, |text, (old, new)| {
            let (address, port) = new.split_once(':').unwrap();
            text.replace(&format!("{old}:22222"), new).replace(
                &format!("<ip-address>{old}</ip-address>\n      <ip-port-number>22222<"),
                &format!("<ip-address>{address}</ip-address>\n      <ip-port-number>{port}<"),
            )
        })
    };
    for name in ["infocastconfig.xml", "bootcast_1113", "starturl.txt"] {
        let text = std::fs::read_to_string(lineups.join(name)).unwrap();
        site.file(name, place(text).as_bytes());
    }
    let splash = noise(5, 100_000);
    site.file("vip1113.img", image);
    site.file("splash.bmp", &splash);
    let headend = site.serve_file(&site.path("infocastconfig.xml"), &[]);
    assert!(headend.log.iter().any(|line| line.contains("`failover` is not yet supported")));
    assert!(headend.log.iter().any(|line| line.contains("`bit-rate` 16 is taken as 16 kbit/s")));

    let (code, summary) = boot(&site, "arris-vip1113", &groups[0], &[]);
    assert_eq!(code, 0, "{summary}");
    assert_eq!(part(&summary, "image")["sha256"], sha256(image));
    assert_eq!(part(&summary, "splash")["sha256"], sha256(&splash));
    let listen = |group: &String| {
        let output = run(receiver().args([
            "listen",
            group,
            "--interface",
            "127.0.0.1",
            "--json",
            "--seconds",
            "3",
        ]));
        json(&String::from_utf8(output.stdout).unwrap())
    };
    (summary, groups.iter().map(listen).collect())
}

#[test]
fn a_vendor_directory_is_served_unchanged_and_every_object_arrives() {
    let (_, listened) = vendor_directory(&noise(4, 2_000_000), 20_000);
    let [metadata, boot, splash] = &listened[..] else { panic!("three channels") };
    let names: Vec<_> = metadata["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| o["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["arris-vip1113", "cfg.portal.starturl"]);
    assert_eq!(metadata["objects"][0]["type"], "bootcastinfo", "{metadata}");
    assert_eq!(boot["objects"][0]["bytes"], 2_000_000, "{boot}");
    assert_eq!(splash["objects"][0]["bytes"], 100_000, "{splash}");
    // Which unit it is; how exact is measured where nothing else runs.
    let rate = boot["bit_rate_bps"].as_f64().unwrap();
    assert!((0.7..1.05).contains(&(rate / 20e6)), "{rate}");
}

#[test]
fn an_object_is_fetched_by_its_url_in_about_one_cycle_joined_at_any_moment() {
    let mut site = Site::new();
    let group = site.channel("images", 20_000, 1_400);
    site.object(
        "boot",
        "boot.img",
        "precoding = 0x4000\ncrc = { coverage = \"header\", byte_order = \"little\" }",
    );
    let image = noise(6, 2_000_000);
    site.file("boot.img", &image);
    let _headend = site.serve(&[]);
    for attempt in 0..3 {
        let output = site.path(&format!("out-{attempt}"));
        let fetched = run(receiver()
            .args([
                "fetch",
                &format!("infocast://{group}/boot"),
                "--interface",
                "127.0.0.1",
                "--json",
                "--output",
            ])
            .arg(&output));
        let summary = json(&String::from_utf8(fetched.stdout).unwrap());
        assert_eq!(fetched.status.code(), Some(0), "{summary}");
        assert!(std::fs::read(output).unwrap() == image);
        assert!(summary["cycles"].as_f64().unwrap() < 1.05, "{summary}");
        assert_eq!(summary["check"], "crc32-iso-hdlc over header and slice, little-endian");
    }
}

#[test]
fn a_reload_in_mid_download_never_mixes_two_images() {
    let mut site = Site::new();
    let group = site.channel("images", 10_000, 1_400);
    site.object("boot", "boot.img", "");
    let (old, new) = (noise(7, 2_000_000), noise(8, 2_000_000));
    site.file("boot.img", &old);
    let mut headend = site.serve(&[]);
    let mut fetch = Program::start(
        receiver()
            .args([
                "fetch",
                &format!("infocast://{group}/boot"),
                "--interface",
                "127.0.0.1",
                "--json",
                "--output",
            ])
            .arg(site.path("out")),
    );
    site.file("boot.img", &new);
    headend.signal(Signal::HUP);
    headend.wait_for("line-up 2 is on air");
    let _ = &mut fetch;
    let (code, stdout) = fetch.finish();
    assert_eq!(code, 0, "{stdout}");
    let stored = std::fs::read(site.path("out")).unwrap();
    assert!(stored == old || stored == new, "a mixture was stored");
}
