//! Line-ups that are a directory.

use rustix::process::Signal;

use super::harness::{Site, free_group, headend, hear, join, noise, run};

fn channel(name: &str, group: &str) -> String {
    format!(
        "[[channel]]\nname = \"{name}\"\ncarousel = \"infocast\"\ngroup = \"{group}\"\n\
         bit_rate_kbps = 2000\nslice_bytes = 1000\n[[channel.object]]\nname = \"{name}\"\n\
         source = \"../{name}.img\"\n"
    )
}

#[test]
fn a_directory_is_served_and_one_bad_drop_in_refuses_all_of_a_reload() {
    let site = Site::new();
    std::fs::create_dir(site.path("lineup.d")).unwrap();
    let groups = ["a", "b", "c"].map(|name| (name, free_group()));
    for (place, (name, group)) in groups.iter().enumerate() {
        site.file(&format!("{name}.img"), &noise(place as u64, 20_000));
        if *name != "c" {
            site.file(&format!("lineup.d/{place}0-{name}.toml"), channel(name, group).as_bytes());
        }
    }
    let [a, b, c] = groups.each_ref().map(|(_, group)| join(group));
    let mut program = site.serve_file(&site.path("lineup.d"), &[]);
    hear(&a, 3);
    hear(&b, 3);
    // What is right beside it does not go on air either.
    site.file("lineup.d/20-c.toml", channel("c", &groups[2].1).as_bytes());
    let bad = channel("b", &groups[1].1).replace("slice_bytes", "slice_byte");
    let path = site.file("lineup.d/10-b.toml", bad.as_bytes());
    program.signal(Signal::HUP);
    let told = program.wait_for("10-b.toml: line ");
    assert!(told.contains("did you mean `slice_bytes`?"), "{told}");
    program.wait_for("the old line-up stays on air");
    hear(&b, 50);
    assert!(!program.log.iter().any(|line| line.contains("channel c: on air")));
    std::fs::write(&path, channel("b", &groups[1].1)).unwrap();
    program.signal(Signal::HUP);
    program.wait_for("+ channel c: ");
    program.wait_for("line-up 2 is on air");
    hear(&c, 3);
    hear(&a, 3);
}

#[test]
fn check_names_the_drop_in_that_is_wrong_and_tells_what_changes() {
    let site = Site::new();
    for directory in ["old.d", "new.d"] {
        std::fs::create_dir(site.path(directory)).unwrap();
    }
    for name in ["a", "b"] {
        site.file(&format!("{name}.img"), &noise(7, 20_000));
    }
    let [a, b] = [free_group(), free_group()];
    site.file("old.d/a.toml", channel("a", &a).as_bytes());
    site.file("new.d/a.toml", channel("a", &a).replace("= 2000", "= 3000").as_bytes());
    let path = site.file("new.d/b.toml", channel("b", &b).replace("b.img", "no.img").as_bytes());
    let check = |more: &[&str]| {
        let output = run(headend().arg("check").arg(site.path("new.d")).args(more));
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let (code, _, told) = check(&[]);
    assert!(code == 1 && told.contains("no.img"), "{told}");
    std::fs::write(&path, channel("b", &b)).unwrap();
    let old = site.path("old.d");
    let (code, told, _) = check(&["--against", old.to_str().unwrap()]);
    assert_eq!(code, 0);
    assert!(told.contains("~ channel a: bit rate 2000 kbit/s -> 3000 kbit/s"), "{told}");
    assert!(told.contains("+ channel b: "), "{told}");
    let (_, json, _) = check(&["--json", "--against", old.to_str().unwrap()]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["difference"]["changes"][0]["fields"][0]["new"], "3000 kbit/s");
    assert_eq!(json["channels"].as_array().unwrap().len(), 2, "the plan stands beside it");
}
