//! The image of a MAG channel, signed.

use stbcast_object::Micros;
use stbcast_receiver::{Fetch, FetchOptions};

use super::headend::{self, Code, Headend, Revision, announce, channel, losing};
use super::sample::{image, options, release, signed};
use super::stb::{Stb, play};

fn on_air(sent: &Revision, signed_one: &Revision) -> Headend {
    let mut headend = Headend::new(sent, 0.3);
    headend.state(vec![sent.file()], &[signed(&release(42, signed_one))]);
    headend
}

#[test]
pub fn a_release_whose_image_is_on_a_mag_channel_is_installed() {
    let revision = image(1).on_mag(7);
    assert_eq!(revision.target().to_string(), "mag://239.255.2.11:22222");
    let mut stb = Stb::new(options());
    play(&mut stb, &mut on_air(&revision, &revision), 20);
    stb.assert_armed(42, &revision.bytes);
    assert!(stb.joined.contains(&channel()));
}

#[test]
pub fn an_image_of_the_same_length_and_serial_that_nobody_signed_is_never_armed() {
    let [signed_one, other] = [image(1), image(2)].map(|one| one.on_mag(7));
    let mut stb = Stb::new(options());
    play(&mut stb, &mut on_air(&other, &signed_one), 120);
    stb.wait_until(stb.now.after(Micros::from_secs(3_600)));
    stb.assert_nothing_armed();
}

#[test]
pub fn what_the_slot_holds_of_it_counts_after_a_restart() {
    let revision = Revision::new(3, (4 << 20) - 17, (1_000, 4), Code::Rs16(600)).on_mag(7);
    let fetch = || {
        let expected = Some(revision.expected());
        let options = FetchOptions { announce: Some(announce()), expected, ..Default::default() };
        Fetch::new(revision.target(), options)
    };
    let mut headend = Headend::new(&revision, 0.3);
    let mut stb = headend::Stb::running(fetch());
    headend.turns(&mut stb, 700);
    let mut stb = stb.restarted(fetch());
    headend.play(&mut stb, 3, losing(5, 1));
    stb.assert_object(&revision.bytes);
    let resumed = stb.fetch.stats().resumed_bytes;
    assert!(resumed > 2 << 20, "{resumed}");
}
