use std::sync::Arc;

use super::*;
use crate::lineup::TargetAnswer;

fn rule(name: &str) -> Target {
    Target {
        name: name.to_owned(),
        products: None,
        serials: None,
        macs: None,
        fw_versions: None,
        kernel_versions: None,
        splash_versions: None,
        diagnostic_versions: None,
        ring: None,
        answer: TargetAnswer::StbConfig(name.to_owned()),
    }
}

fn texts(words: &[&str]) -> Option<Vec<String>> {
    Some(words.iter().map(|word| (*word).to_owned()).collect())
}

fn macs(prefixes: &[&str]) -> Option<Vec<MacPrefix>> {
    prefixes.iter().map(|prefix| MacPrefix::parse(prefix)).collect()
}

fn ring(permille: u16, salt: &str) -> Option<Ring> {
    Some(Ring { permille, salt: salt.to_owned() })
}

/// The rules of a roll-out as operators write them.
fn rules() -> Vec<Target> {
    let serials = ["1931690851", "17"].into_iter().collect::<Serials>();
    vec![
        Target { serials: Some(Arc::new(serials)), ..rule("testers") },
        Target { macs: macs(&["00:02:9b", "00:02:9c:00:01:02"]), ..rule("lab") },
        Target {
            products: texts(&["arris-vip1113"]),
            fw_versions: texts(&["5.0", "5.1"]),
            ..rule("old-loader")
        },
        Target {
            products: texts(&["arris-vip1113"]),
            ring: ring(50, "5.1.3"),
            ..rule("first-ring")
        },
        Target { kernel_versions: texts(&["1.0"]), ..rule("stuck") },
        Target { splash_versions: texts(&["s"]), ..rule("splash") },
        Target { diagnostic_versions: texts(&["d"]), ..rule("diagnostic") },
        Target { products: texts(&["arris-vip1113", "arris-vip4302"]), ..rule("known") },
        Target { ring: ring(1000, ""), ..rule("all") },
    ]
}

#[test]
fn each_box_gets_the_first_rule_that_matches() {
    let table = [
        ("serial=17", "testers"),
        ("serial=017", "all"),
        ("serial=1931690851&product=arris-vip1113&fw_version=5.0", "testers"),
        ("mac=00:02:9b:00:01:02", "lab"),
        ("mac=00-02-9B-ff-ff-ff", "lab"),
        ("mac=00029cabcdef", "all"),
        ("mac=00:02:9c:00:01:02", "lab"),
        ("mac=00:02:9b", "all"),
        ("mac=nonsense", "all"),
        ("product=arris-vip1113&fw_version=5.1", "old-loader"),
        ("product=arris-vip1113&fw_version=5.10", "known"),
        ("product=arris-vip4302&fw_version=5.1", "known"),
        // At 913 and at 20 permille.
        ("product=arris-vip1113&serial=1931690850", "known"),
        ("product=arris-vip1113&serial=56", "first-ring"),
        ("product=arris-vip1113", "known"),
        ("kernel_version=1.0&product=arris-vip4302", "stuck"),
        ("splash_version=s", "splash"),
        ("diagnostic_version=d", "diagnostic"),
        ("product=Arris-VIP1113", "all"),
        ("", "all"),
    ];
    let rules = rules();
    for (query, expected) in table {
        let query = BootQuery::parse(query);
        assert_eq!(
            decide(&rules, &query).map(|rule| rule.name.as_str()),
            Some(expected),
            "{query}"
        );
        let verdicts = explain(&rules, &query);
        let (last, earlier) = verdicts.split_last().unwrap();
        assert!(last.matches && last.rule.name == expected);
        assert!(earlier.iter().all(|verdict| !verdict.matches));
    }
    assert_eq!(decide(&rules[..8], &BootQuery::default()), None);
    assert_eq!(explain(&rules[..8], &BootQuery::default()).len(), 8);
}

#[test]
fn who_tells_no_product_asks_for_it() {
    let product = |path, query| boot_query(path, query).map(|query| query.product);
    assert_eq!(product("/arris-vip", "serial=1"), Ok(Some("arris-vip".to_owned())));
    assert_eq!(product("/arris/vip%20x", ""), Ok(Some("arris/vip x".to_owned())));
    assert_eq!(product("/other", "product=arris-vip"), Ok(Some("arris-vip".to_owned())));
    assert_eq!(product("/", ""), Ok(None));
    for path in ["/../etc", "/images/../../etc", "/%2e%2e/etc", "/a%0ab", "/%ff"] {
        assert!(product(path, "").is_err(), "{path}");
    }
}

#[test]
fn each_rule_says_why() {
    let query = "product=arris-vip1113&serial=56&mac=00:02:9a:00:00:00&fw_version=6.3%0a";
    let query = BootQuery::parse(query);
    let told: Vec<_> = explain(&rules(), &query).into_iter().map(|verdict| verdict.why).collect();
    assert_eq!(
        told,
        [
            "serial `56` is not one of the 2 listed",
            "mac `00:02:9a:00:00:00` does not begin with `00:02:9b` or `00:02:9c:00:01:02`",
            "fw_version `6.3\\n` is not `5.0` or `5.1`",
            &format!(
                "product is `arris-vip1113`, with salt `5.1.3` the box is at {} permille, below 50",
                20
            ),
        ]
    );
    let rules = rules();
    let told = explain(&rules, &BootQuery::default());
    assert_eq!(told[0].why, "the box tells no serial");
    assert_eq!(told[1].why, "the box tells no mac");
    assert_eq!(told[8].why, "it matches every box");
    let many = [Target { products: texts(&["a", "b", "c", "d", "e"]), ..rule("many") }];
    let told = explain(&many, &BootQuery::parse("product=x"));
    assert_eq!(told[0].why, "product `x` is not `a` or `b` or `c` or 2 more");
}

#[test]
fn a_ring_is_as_large_as_it_says_stays_and_lies_within_larger_ones() {
    let rings =
        [10, 100, 500].map(|permille| [Target { ring: ring(permille, "5.1.3"), ..rule("ring") }]);
    let mut counts = [0_u32; 3];
    for serial in 0..1_000_000_u32 {
        let query = BootQuery { serial: Some(serial.to_string()), ..BootQuery::default() };
        let inside = [0, 1, 2].map(|place: usize| decide(&rings[place], &query).is_some());
        assert!(inside[0] <= inside[1] && inside[1] <= inside[2], "{serial}: {inside:?}");
        for (count, inside) in counts.iter_mut().zip(inside) {
            *count += u32::from(inside);
        }
    }
    for (count, permille) in counts.into_iter().zip([10, 100, 500]) {
        assert!(count.abs_diff(permille * 1_000) <= 1_000, "{permille} permille: {count}");
    }
}

#[test]
fn a_box_without_serial_is_in_no_ring_but_the_whole() {
    let of = |permille| [Target { ring: ring(permille, ""), ..rule("ring") }];
    assert_eq!(decide(&of(999), &BootQuery::default()), None);
    assert!(decide(&of(1_000), &BootQuery::default()).is_some());
}
