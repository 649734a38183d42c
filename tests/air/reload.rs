//! SIGHUP: what is on air changes between cycles, or not at all.

use rustix::process::Signal;

use super::harness::{Site, hear, join, noise};

fn number(datagram: &[u8]) -> u32 {
    u32::from_be_bytes(datagram[4..8].try_into().unwrap())
}

#[test]
fn a_channel_finishes_its_cycle_and_then_sends_the_new_image() {
    let mut site = Site::new();
    let group = site.channel("images", 2_000, 1_000);
    site.object("boot", "boot.img", "");
    let (old, new) = (noise(1, 50_000), noise(2, 60_000));
    site.file("boot.img", &old);
    let socket = join(&group);
    let mut headend = site.serve(&[]);
    hear(&socket, 10);
    site.file("boot.img", &new);
    headend.signal(Signal::HUP);
    headend.wait_for("line-up 2 is on air");
    let mut heard = Vec::new();
    while heard.last().is_none_or(|d: &Vec<u8>| d[8..12] != [0, 0, 0, 60] || number(d) != 60) {
        heard.extend(hear(&socket, 1));
        assert!(heard.len() < 1_000, "the new image never came");
    }
    let change = heard.iter().position(|d| d[8..12] == [0, 0, 0, 60]).unwrap();
    assert_eq!(number(&heard[change - 1]), 50, "the old cycle was finished");
    assert_eq!(number(&heard[change]), 1);
    let slices: Vec<u8> =
        heard[change..change + 60].iter().flat_map(|d| d[44..].to_vec()).collect();
    assert!(slices == new, "nothing of the old image is in the new cycle");
}

#[test]
fn a_bad_line_up_is_refused_with_the_reason_and_the_old_one_stays() {
    let mut site = Site::new();
    let group = site.channel("images", 2_000, 1_000);
    site.object("boot", "boot.img", "");
    site.file("boot.img", &noise(3, 10_000));
    let socket = join(&group);
    let mut headend = site.serve(&[]);
    site.file("lineup.toml", b"[[channel]]\nnmae = \"x\"\n");
    headend.signal(Signal::HUP);
    headend.wait_for("did you mean `name`?");
    headend.wait_for("the old line-up stays on air");
    hear(&socket, 50);
    std::fs::remove_file(site.path("boot.img")).unwrap();
    site.write();
    headend.signal(Signal::HUP);
    headend.wait_for("No such file");
    hear(&socket, 50);
    site.file("boot.img", &noise(4, 20_000));
    headend.signal(Signal::HUP);
    headend.wait_for("line-up 2 is on air");
}

#[test]
fn images_change_before_the_control_object_that_names_them_and_gone_channels_leave_last() {
    let mut site = Site::new();
    site.channel("metadata", 64, 1_024);
    site.object("model", "{ kind = \"bootcast\", image = \"boot\" }", "");
    site.channel("images", 1_000, 1_000);
    site.object("boot", "boot.img", "version = \"1\"");
    site.channel("other", 1_000, 1_000);
    site.object("other", "other.img", "");
    site.file("boot.img", &noise(5, 30_000));
    site.file("other.img", &noise(6, 30_000));
    let mut headend = site.serve(&[]);
    site.replace("version = \"1\"", "version = \"2\"");
    site.file("boot.img", &noise(7, 30_000));
    let other = {
        let text = std::fs::read_to_string(site.path("lineup.toml")).unwrap();
        text[text.find("[[channel]]\nname = \"other\"").unwrap()..].to_owned()
    };
    site.replace(&other, "");
    site.write();
    headend.signal(Signal::HUP);
    headend.wait_for("line-up 2: 2 channels change, 0 stay, 1 leave");
    headend.wait_for("line-up 2 is on air");
    let at = |text: &str| headend.log.iter().rposition(|line| line.contains(text)).unwrap();
    assert!(at("channel images: on air") < at("channel metadata: on air"));
    assert!(at("channel metadata: on air") < at("channel other: off the air"));
}

#[test]
fn new_content_under_an_old_version_is_warned_about() {
    let mut site = Site::new();
    site.channel("images", 2_000, 1_000);
    site.object("boot", "boot.img", "version = \"1\"");
    site.file("boot.img", &noise(8, 10_000));
    let mut headend = site.serve(&[]);
    site.file("boot.img", &noise(9, 10_000));
    headend.signal(Signal::HUP);
    headend.wait_for("object `boot` on ");
    let warning = headend.log.last().unwrap().clone();
    assert!(warning.contains("has new content but still version 1"), "{warning}");
}

#[test]
fn what_did_not_change_is_not_touched() {
    let mut site = Site::new();
    let group = site.channel("images", 2_000, 1_000);
    site.object("boot", "boot.img", "");
    site.file("boot.img", &noise(10, 50_000));
    let socket = join(&group);
    let mut headend = site.serve(&[]);
    let before = number(&hear(&socket, 1)[0]);
    headend.signal(Signal::HUP);
    headend.wait_for("line-up 2: 0 channels change, 1 stay, 0 leave");
    headend.wait_for("line-up 2 is on air");
    let numbers: Vec<_> = hear(&socket, 100).iter().map(|d| number(d)).collect();
    let expected: Vec<_> = (0..100).map(|n| (before + n) % 50 + 1).collect();
    assert_eq!(numbers, expected, "a cycle was interrupted");
}

#[test]
fn a_channel_removed_by_a_reload_that_is_overtaken_still_leaves() {
    let mut site = Site::new();
    site.channel("slow", 500, 1_000);
    site.object("slow", "slow.img", "");
    site.channel("gone", 1_000, 1_000);
    site.object("gone", "gone.img", "");
    site.file("slow.img", &noise(11, 100_000));
    site.file("gone.img", &noise(12, 10_000));
    let mut headend = site.serve(&[]);
    let text = std::fs::read_to_string(site.path("lineup.toml")).unwrap();
    let gone = text[text.find("[[channel]]\nname = \"gone\"").unwrap()..].to_owned();
    site.replace(&gone, "");
    site.write();
    site.file("slow.img", &noise(13, 100_000));
    headend.signal(Signal::HUP);
    headend.wait_for("line-up 2: 1 channels change, 0 stay, 1 leave");
    headend.signal(Signal::HUP);
    headend.wait_for("line-up 3: ");
    headend.wait_for("channel gone: off the air");
    headend.wait_for("line-up 3 is on air");
}

#[test]
fn an_object_that_becomes_an_image_of_a_model_changes_its_type_on_air() {
    let mut site = Site::new();
    let group = site.channel("images", 2_000, 1_000);
    site.object("boot", "boot.img", "");
    site.file("boot.img", &noise(14, 10_000));
    let socket = join(&group);
    let mut headend = site.serve(&[]);
    assert_eq!(hear(&socket, 1)[0][..2], [0, 1], "generic");
    site.channel("metadata", 64, 1_000);
    site.object("model", "{ kind = \"bootcast\", image = \"boot\" }", "");
    site.write();
    headend.signal(Signal::HUP);
    headend.wait_for("line-up 2 is on air");
    let changed = hear(&socket, 50).iter().any(|datagram| datagram[..2] == [0, 5]);
    assert!(changed, "still not a bootcastfile");
}

#[test]
fn a_log_nobody_reads_and_a_long_load_do_not_keep_the_headend_from_its_signals() {
    let mut site = Site::new();
    site.channel("images", 2_000, 1_000);
    site.object("boot", "boot.img", "");
    site.file("boot.img", &noise(15, 10_000));
    let mut headend = site.serve(&[]);
    headend.close_log();
    // A sparse file: long to read, quick to make.
    let large = std::fs::File::create(site.path("boot.img")).unwrap();
    large.set_len(6 << 30).unwrap();
    headend.signal(Signal::HUP);
    headend.signal(Signal::HUP);
    headend.signal(Signal::TERM);
    let begun = std::time::Instant::now();
    assert_eq!(headend.finish().0, 0);
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
}

#[test]
fn a_reload_before_all_is_on_air_does_not_make_cycles_endless() {
    let mut site = Site::new();
    site.announce();
    site.channel("images", 2_000, 1_000);
    site.object("boot", "boot.img", "");
    site.file("boot.img", &noise(16, 10_000));
    let line_up = site.write();
    let mut headend = site.start(&line_up, &["--cycles", "2"]);
    // On air a second later, when it has been announced.
    headend.wait_for("line-up 1: 2 channels change");
    headend.signal(Signal::HUP);
    headend.wait_for("line-up 2 is on air");
    assert_eq!(headend.finish().0, 0);
}
