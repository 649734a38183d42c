//! Golden vectors: statements as `PROTOCOL.md` prints them.

use crate::sample::*;
use stbcast_release::*;

const PROTOCOL: &str = include_str!("../../../PROTOCOL.md");

fn to_hex(bytes: &[u8]) -> String {
    let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let words: Vec<_> = hex.chunks(4).map(<[String]>::concat).collect();
    words.chunks(12).map(|line| format!("{}\n", line.join(" "))).collect()
}

fn assert_printed(name: &str, bytes: &[u8]) {
    let hex = to_hex(bytes);
    let printed = format!("```text\nvector {name}\n{hex}```\n");
    assert!(PROTOCOL.contains(&printed), "PROTOCOL.md does not print\n{printed}");
}

#[test]
fn statements_are_what_the_document_prints() {
    assert_printed("root", &root_bytes());
    assert_printed("release", &release_bytes());
    assert_printed("permit", &permit_bytes());
    assert_printed("reboot", &action_bytes());
    assert_printed("kill", &kill_bytes());
    for (name, number) in [("root", 1), ("root", 2), ("release", 11), ("channel", 21)] {
        let line = format!(
            "| {name} | `{number:02x}` | `{}` | `{}` |",
            public(number),
            public(number).kid()
        );
        assert!(PROTOCOL.contains(&line), "PROTOCOL.md does not print\n{line}");
    }
    let id = format!("begins with `{}`", Kid(first(&digest(&release_bytes()))));
    assert!(PROTOCOL.contains(&id), "PROTOCOL.md does not say: {id}");
}

fn first(digest: &[u8; 32]) -> [u8; KID_BYTES] {
    core::array::from_fn(|at| digest[at])
}
