//! The example for boot loaders runs as it stands.

mod air;
mod common;

use air::{Air, DEADLINE, assert_code, free_group, stdout};
use common::{Sent, noise};

#[test]
fn the_example_installs_an_image() {
    let group = free_group();
    let _air = Air::objects(group, &[Sent::equal("software", &noise(5, 30_000), 1_400)]);
    // Cargo builds examples beside the tests, but names their path in no variable.
    let test = std::env::current_exe().unwrap();
    let example = test.parent().unwrap().parent().unwrap().join("examples/boot_loader");
    assert!(example.exists(), "build the examples first: cargo build --examples");
    let mut command = assert_cmd::Command::new(example);
    command.args([&group.to_string(), "software", "127.0.0.1"]).timeout(DEADLINE);
    let done = command.output().unwrap();
    assert_code(&done, 0);
    assert_eq!(stdout(&done), "installed software: 30000 bytes, the flash holds 30000\n");
}
