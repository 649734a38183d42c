//! A public COSE library of another language reads what is signed here, field by field, refuses what
//! was tampered with, and signs what is read here (`tests/peer/cose_peer.py`).
#![cfg(feature = "peers")]
#![allow(
    dead_code,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "statements/forge.rs"]
mod forge;
#[path = "statements/sample.rs"]
mod sample;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sample::*;
use serde_json::{Value, json};
use stbcast_release::*;

fn python() -> Command {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let program = tree.join("target/peers/python/bin/python3");
    assert!(program.exists(), "{} is missing: run `.ci/run peers`", program.display());
    let mut command = Command::new(program);
    command.arg(tree.join("tests/peer/cose_peer.py"));
    command
}

/// What Python says of each statement, by the first root.
fn read(statements: &[Vec<u8>]) -> Vec<Value> {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| -> PathBuf {
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let mut command = python();
    command.arg("read").arg("--root").arg(write("root.cose", &root_bytes()));
    for (number, bytes) in statements.iter().enumerate() {
        command.arg(write(&format!("{number}.cose"), bytes));
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let said: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(said.len(), statements.len());
    said
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn object_json(object: &Object) -> Value {
    let mut value = json!({
        "kind": object.kind.word(), "name": object.name, "length": object.length,
        "sha256": hex(&object.sha256), "slice_bytes": object.slice_bytes, "url": object.url,
    });
    if let Some(Companion { group, tsi }) = object.companion {
        value["companion"] = json!([group.address(), group.port(), tsi]);
    }
    if let Some(Layout { symbol_bytes, code }) = object.layout {
        value["layout"] = match code {
            Code::Rs8 { block_symbols } => json!([1, symbol_bytes, block_symbols]),
            Code::Rs16 { block_symbols } => json!([2, symbol_bytes, block_symbols]),
            Code::RaptorQ { blocks, alignment } => json!([6, symbol_bytes, blocks, alignment]),
        };
    }
    if !object.http.is_empty() {
        value["http"] = json!(object.http);
        value["http_after"] = json!(object.http_after);
        value["http_window_s"] = json!(object.http_window_s);
    }
    value
}

fn release_json(release: &Release) -> Value {
    let objects: Vec<_> = release.objects.iter().map(object_json).collect();
    json!({
        "accepted": true, "kind": "release", "number": release.number, "epoch": release.epoch,
        "operator": release.operator, "models": release.models,
        "hardware": [release.hardware.start(), release.hardware.end()],
        "not_before": release.not_before, "expiry": release.expiry, "objects": objects,
    })
}

fn action_json(action: &Action) -> Value {
    let serials = action.serials.iter().map(|one| json!([one.first, one.last]));
    let order = match &action.order {
        Order::Reboot { release, jitter_s, when } => {
            json!({"order": "reboot", "release": release, "jitter_s": jitter_s, "when": when.word()})
        }
        Order::Kill { number, release } => {
            json!({"order": "kill", "number": number, "release": hex(release)})
        }
    };
    json!({
        "accepted": true, "kind": "action", "number": action.number, "operator": action.operator,
        "models": action.models, "hardware": [action.hardware.start(), action.hardware.end()],
        "not_before": action.not_before, "expiry": action.expiry,
        "serials": serials.collect::<Vec<_>>(), "order": order,
    })
}

/// A release with every field and every form of a field.
fn rich() -> Release {
    let mut splash = object(ObjectKind::Splash, "splash-1113");
    splash.companion = Some(Companion {
        group: stbcast_object::Group::parse("[ff15::2:12]:5000", None).unwrap(),
        tsi: u32::MAX,
    });
    splash.layout = Some(Layout {
        symbol_bytes: 700.try_into().unwrap(),
        code: Code::RaptorQ { blocks: 48.try_into().unwrap(), alignment: 4.try_into().unwrap() },
    });
    splash.http = Vec::new();
    let (http_after, http_window_s) = (Object::HTTP_AFTER_DEFAULT, Object::HTTP_WINDOW_S_DEFAULT);
    splash = Object { http_after, http_window_s, ..splash };
    let mut diagnostic = object(ObjectKind::Diagnostic, "diag-1113");
    (diagnostic.companion, diagnostic.layout) = (None, None);
    let (mut release, number) = (release(), u64::MAX);
    release.objects.extend([splash, diagnostic]);
    Release { number, ..release }
}

#[test]
fn python_reads_each_field_as_it_was_signed() {
    let rich_bytes = rich().sign(&key(12)).unwrap();
    let said = read(&[
        root_bytes(),
        release_bytes(),
        permit_bytes(),
        rich_bytes,
        action_bytes(),
        kill_bytes(),
    ]);
    let role = |role: &KeyRole| {
        let keys: Vec<_> = role.keys.iter().map(|key| hex(key.as_bytes())).collect();
        json!({"threshold": role.threshold, "keys": keys})
    };
    let root = root();
    assert_eq!(
        said[0],
        json!({
            "accepted": true, "kind": "root", "number": root.number, "epoch": root.epoch,
            "operator": root.operator, "expiry": root.expiry, "root": role(&root.root),
            "release": role(&root.release), "channel": role(&root.channel),
        })
    );
    assert_eq!(said[1], release_json(&release()));
    let permit = permit();
    assert_eq!(
        said[2],
        json!({
            "accepted": true, "kind": "permit", "operator": permit.operator,
            "models": permit.models, "serials": permit.serials, "from": permit.from,
            "to": permit.to, "release": hex(&permit.release), "expiry": permit.expiry,
        })
    );
    assert_eq!(said[3], release_json(&rich()));
    assert_eq!(said[4], action_json(&action()));
    assert_eq!(said[5], action_json(&kill()));
}

#[test]
fn what_python_signs_is_what_we_sign() {
    for (release, number) in [(release(), 11), (rich(), 12)] {
        let seed = hex(key(number).seed());
        let mut child = python()
            .args(["make", "--seed", &seed])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let wanted = release_json(&release).to_string();
        child.stdin.take().unwrap().write_all(wanted.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        assert_eq!(open_release(&trust(), &output.stdout).value, release);
        assert_eq!(output.stdout, release.sign(&key(number)).unwrap());
    }
}

/// The payload of `release` under the signature of the genuine one.
fn under_old_signature(release: &Release) -> Vec<u8> {
    let genuine = release_bytes();
    let payload = forge::payload(&release.sign(&key(11)).unwrap());
    let header = forge::header_1(forge::RELEASE, &key(11));
    forge::message_1(&header, &payload, &genuine[genuine.len() - 64..])
}

type Change = (&'static str, fn(&mut Release));

/// One tampering for each field of a release and its object.
const FIELDS: [Change; 19] = [
    ("number", |r| r.number += 1),
    ("epoch", |r| r.epoch += 1),
    ("operator", |r| r.operator.push('x')),
    ("models", |r| r.models.push("VIP1963".into())),
    ("hardware", |r| r.hardware = 0..=u32::MAX),
    ("not before", |r| r.not_before -= 1),
    ("expiry", |r| r.expiry += 1),
    ("objects", |r| r.objects.push(object(ObjectKind::Splash, "splash"))),
    ("name", |r| r.objects[0].name.push('x')),
    ("length", |r| r.objects[0].length -= 1),
    ("sha256", |r| r.objects[0].sha256[31] ^= 1),
    ("slice bytes", |r| r.objects[0].slice_bytes = 2_800.try_into().unwrap()),
    ("url", |r| r.objects[0].url.push('x')),
    ("companion", |r| r.objects[0].companion.as_mut().unwrap().tsi += 1),
    ("layout", |r| r.objects[0].layout = rich().objects[1].layout),
    ("http", |r| r.objects[0].http[0].push('x')),
    ("http after", |r| r.objects[0].http_after = 9.try_into().unwrap()),
    ("http window", |r| r.objects[0].http_window_s += 1),
    ("no companion", |r| r.objects[0].companion = None),
];

#[test]
fn tampering_with_any_field_or_header_is_refused_by_both() {
    let genuine = release_bytes();
    let (payload, signature) = (forge::payload(&genuine), &genuine[genuine.len() - 64..]);
    let mut forged: Vec<(String, Vec<u8>)> = Vec::new();
    for (field, change) in FIELDS {
        let mut release = release();
        change(&mut release);
        forged.push((field.into(), under_old_signature(&release)));
    }
    let alg = forge::ALG.to_vec();
    let (content, kid) = (forge::content_type(forge::RELEASE), forge::kid(&key(11)));
    for (header, protected) in [
        ("alg", forge::map(&[vec![0x01, 0x26], content.clone(), kid.clone()])),
        ("no alg", forge::map(&[content.clone(), kid.clone()])),
        ("content type", forge::header_1(forge::PERMIT, &key(11))),
        ("no content type", forge::map(&[alg.clone(), kid.clone()])),
        ("kid of another key", forge::header_1(forge::RELEASE, &key(12))),
        ("kid of a stranger", forge::header_1(forge::RELEASE, &key(99))),
        ("no kid", forge::map(&[alg.clone(), content.clone()])),
        ("one more", forge::map(&[alg.clone(), content.clone(), kid.clone(), vec![0x05, 0x41, 0]])),
        ("order", forge::map(&[content, alg, kid])),
    ] {
        forged.push((header.into(), forge::message_1(&protected, &payload, signature)));
        // Truly signed, but not what its place must have; another kid then is another key's.
        if !header.contains("another key") {
            let signer = if header.contains("stranger") { key(99) } else { key(11) };
            let signed = forge::sign_1(&protected, &payload, &signer);
            forged.push((format!("{header}, signed"), signed));
        }
    }
    let start = [vec![0xa0], forge::bytes(&payload)].concat();
    let with = [&[0xa1, 0x04, 0x41, 0x00], &start[1..]].concat();
    forged.push(("unprotected".into(), forge::replace(&genuine, &start, &with)));
    forged.push(("a byte behind".into(), [&genuine[..], &[0]].concat()));
    forged.push(("payload, signed".into(), {
        let loose = forge::replace(&payload, &[0x01, 0x18, 0x2a], &[0x01, 0x19, 0x00, 0x2a]);
        forge::release(&loose, &key(11))
    }));
    for at in 0..64 {
        let mut bytes = genuine.clone();
        let end = bytes.len() - 64;
        bytes[end + at] ^= 1;
        forged.push((format!("signature byte {at}"), bytes));
    }
    let (trust, statements): (_, Vec<_>) =
        (trust(), forged.iter().map(|(_, bytes)| bytes.clone()).collect());
    for ((what, bytes), said) in forged.iter().zip(read(&statements)) {
        assert!(trust.open(bytes).is_err(), "we take another {what}");
        assert_eq!(said["accepted"], false, "Python takes another {what}: {said}");
    }
}
