//! One line-up for boxes of every family: Infocast, MAG and FLUTE channels, all with repair, told by
//! one announce session; real boxes of each behind a line that loses.

use std::process::Command;

use rustix::process::Signal;

use super::end_to_end::{json, sha256};
use super::harness::{Program, Site, alone, hear, join, noise, receiver};
use super::lossy::Line;

/// Of each channel.
const KBPS: u32 = 8_000;
/// About 2,400 slices, 3.6 s a cycle.
const IMAGE_BYTES: usize = 3_500_000;

/// A channel of the line-up and what a box fetches of it.
struct Family {
    carousel: &'static str,
    slice_bytes: u32,
    repair: &'static str,
    image: Vec<u8>,
    /// The channel's group, and the companion's where repair has a group of its own.
    groups: Vec<String>,
}

impl Family {
    fn new(carousel: &'static str, slice_bytes: u32, repair: &'static str) -> Self {
        let image = noise(u64::from(slice_bytes), IMAGE_BYTES + slice_bytes as usize / 3);
        Self { carousel, slice_bytes, repair, image, groups: Vec::new() }
    }

    fn add_to(&mut self, site: &mut Site) {
        let name = self.carousel;
        self.groups.push(site.channel(name, KBPS, self.slice_bytes));
        site.replace(
            &format!("name = \"{name}\"\ncarousel = \"infocast\""),
            &format!("name = \"{name}\"\ncarousel = \"{name}\""),
        );
        if self.carousel == "flute" {
            site.channel_key(&format!("repair = {{ {} }}", self.repair));
        } else {
            self.groups.push(site.repair(self.repair));
        }
        site.object("boot", &format!("{name}.img"), "");
        site.file(&format!("{name}.img"), &self.image);
    }

    fn url(&self) -> String {
        let name = if self.carousel == "mag" { "" } else { "/boot" };
        format!("{}://{}{name}", self.carousel, self.groups[0])
    }

    /// A box that fetches the image behind the line.
    fn fetch(&self, site: &Site, announce: &str, line: &Line) -> Program {
        let mut command: Command = receiver();
        command.args(["fetch", &self.url(), "--announce", announce, "--interface", "127.0.0.1"]);
        command.args(["--json", "--output"]).arg(site.path(&format!("{}.out", self.carousel)));
        Program::start(&mut line.behind(&command))
    }

    /// Whole, in about a cycle, with what is missing made up for.
    fn is_complete(&self, site: &Site, box_: Program) {
        let (code, answer) = box_.finish();
        let answer = json(&answer);
        assert_eq!(code, 0, "{}: {answer}", self.carousel);
        let fetched = std::fs::read(site.path(&format!("{}.out", self.carousel))).unwrap();
        assert!(fetched == self.image, "{}: the bytes differ", self.carousel);
        assert_eq!(answer["sha256"], sha256(&self.image));
        assert_eq!(answer["check"], "SHA-256 as announced", "{answer}");
        assert!(answer["recovered_symbols"].as_u64().unwrap() > 50, "{answer}");
        let cycles = answer["cycles"].as_f64().unwrap();
        println!("{}: {cycles} cycles", self.carousel);
        assert!(cycles < 1.1, "{}: {cycles} cycles: {answer}", self.carousel);
    }
}

#[test]
fn boxes_of_every_family_complete_from_one_line_up_behind_a_line_that_loses_a_twentieth() {
    let _alone = alone();
    let mut site = Site::new();
    let announce = site.announce();
    let mut families = [
        Family::new("infocast", 1_400, "ratio = 0.15"),
        Family::new("mag", 1_456, "ratio = 0.15"),
        Family::new("flute", 1_400, "ratio = 0.15"),
    ];
    for family in &mut families {
        family.add_to(&mut site);
    }
    let groups = families.iter().flat_map(|family| &family.groups).chain([&announce]);
    let groups: Vec<&str> = groups.map(String::as_str).collect();
    let line = Line::new(&groups, 50, 20_261_122);
    let _headend = site.serve(&[]);
    let boxes: Vec<Program> =
        families.iter().map(|family| family.fetch(&site, &announce, &line)).collect();
    for (family, box_) in families.iter().zip(boxes) {
        family.is_complete(&site, box_);
    }
    for (group, (came, left)) in line.end() {
        let lost = (came - left) as f64 / came as f64;
        assert!(came < 400 || (0.03..0.07).contains(&lost), "{group}: {lost} of {came} lost");
    }
}

#[test]
fn a_mag_box_behind_the_line_ends_with_one_whole_image_when_another_of_the_same_length_is_published()
 {
    let _alone = alone();
    let mut site = Site::new();
    let announce = site.announce();
    let mut family = Family::new("mag", 1_456, "ratio = 0.15");
    family.add_to(&mut site);
    let groups: Vec<&str> = family.groups.iter().chain([&announce]).map(String::as_str).collect();
    let line = Line::new(&groups, 50, 20_261_123);
    let mut headend = site.serve(&[]);
    // Images of a model are filled up to the same length; only their serial numbers tell them apart.
    let newer = noise(77, family.image.len());
    let mut early = family.fetch(&site, &announce, &line);
    early.wait_for("announced: ");
    hear(&join(&family.groups[0]), 800);
    site.file("mag.img", &newer);
    headend.signal(Signal::HUP);
    let (code, answer) = early.finish();
    assert_eq!(code, 0, "{answer}");
    let fetched = std::fs::read(site.path("mag.out")).unwrap();
    assert!(fetched == family.image || fetched == newer, "a mixture: {answer}");
    let cycles = json(&answer)["cycles"].as_f64().unwrap();
    assert!(cycles < 3.0, "{answer}");
    headend.wait_for("line-up 2 is on air");
    let late = family.fetch(&site, &announce, &line);
    family.image = newer;
    family.is_complete(&site, late);
}
