//! No check is there for nothing: `PROTOCOL.md` names a test for each, and without the check that
//! test fails.

use std::collections::BTreeMap;
use std::panic::catch_unwind;

use crate::refused::cases;
use stbcast_release::{Check, Place, without};

const PROTOCOL: &str = include_str!("../../../PROTOCOL.md");

/// The rows of the tables of checks: the test of each check.
fn rows() -> BTreeMap<&'static str, &'static str> {
    let rows = PROTOCOL.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        let check = cells.next()?.strip_suffix('`')?;
        let test = cells.nth(1)?.strip_prefix('`')?.strip_suffix('`')?;
        cells.next().filter(|end| end.is_empty())?;
        Some((check, test))
    });
    rows.collect()
}

#[test]
fn the_document_lists_each_check_and_those_of_statements_in_order() {
    let rows = rows();
    for check in Check::ALL {
        assert!(rows.contains_key(check.word()), "PROTOCOL.md has no row for {}", check.word());
    }
    let statements = Check::ALL.iter().filter(|check| check.place() == Place::Statement);
    let places = statements.map(|check| PROTOCOL.find(&format!("\n| `{}` |", check.word())));
    assert!(places.is_sorted(), "rows of section 7.7 are out of order");
}

#[test]
fn without_any_one_check_its_test_fails() {
    let rows = rows();
    for &check in Check::ALL.iter().filter(|check| check.place() == Place::Statement) {
        let test = rows[check.word()];
        let (_, case) = cases().find(|(name, _)| *name == test).expect(test);
        assert!(catch_unwind(case).is_ok(), "{test} fails by itself");
        let Err(panic) = without(check, || catch_unwind(case)) else {
            panic!("without {} nothing fails in {test}", check.word());
        };
        // It fails because a box took what it must not, and for no other reason.
        let said = panic.downcast::<String>().expect("a message");
        let let_in = said.starts_with("taken: ") || said.starts_with("followed: ");
        assert!(let_in, "without {}: {said}", check.word());
    }
}
