//! What a box pays for a statement: a genuine one, one of a stranger, and bytes that are none.

#![allow(
    missing_docs,
    dead_code,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "the samples of the tests"
)]

#[path = "../tests/statements/sample.rs"]
mod sample;

use divan::{Bencher, black_box};
use sample::*;
use stbcast_release::{ObjectKind, Release};

fn main() {
    divan::main();
}

fn release_of(objects: usize) -> Vec<u8> {
    let kinds = ObjectKind::ALL.into_iter().take(objects);
    let objects = kinds.map(|kind| object(kind, &format!("{kind}-1113"))).collect();
    Release { objects, ..sample::release() }.sign(&key(11)).unwrap()
}

#[divan::bench(args = [1, 4])]
fn genuine(bencher: Bencher<'_, '_>, objects: usize) {
    let (trust, bytes) = (trust(), release_of(objects));
    eprintln!("a release with {objects} objects: {} bytes", bytes.len());
    bencher.bench(|| trust.open(black_box(&bytes)));
}

#[divan::bench]
fn permit(bencher: Bencher<'_, '_>) {
    let (trust, bytes) = (trust(), permit_bytes());
    bencher.bench(|| trust.open(black_box(&bytes)));
}

#[divan::bench]
fn forged(bencher: Bencher<'_, '_>) {
    let (trust, mut bytes) = (trust(), release_bytes());
    *bytes.last_mut().unwrap() ^= 1;
    bencher.bench(|| trust.open(black_box(&bytes)));
}

#[divan::bench]
fn by_a_stranger(bencher: Bencher<'_, '_>) {
    let (trust, bytes) = (trust(), sample::release().sign(&key(99)).unwrap());
    bencher.bench(|| trust.open(black_box(&bytes)));
}

#[divan::bench(args = [16, 1_400])]
fn nested_deep(bencher: Bencher<'_, '_>, bytes: usize) {
    let (trust, bytes) = (trust(), vec![0x81; bytes]);
    bencher.bench(|| trust.open(black_box(&bytes)));
}

#[divan::bench]
fn many_small_items(bencher: Bencher<'_, '_>) {
    let (trust, mut bytes) = (trust(), vec![0; 1_400]);
    bytes[..4].copy_from_slice(&[0xd2, 0x99, 0x05, 0x74]);
    bencher.bench(|| trust.open(black_box(&bytes)));
}
