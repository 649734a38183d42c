//! `stbcast check`: the plan, and everything an operator is told before anything goes on air.

use super::harness::{Site, headend, noise, run};

fn site() -> Site {
    let mut site = Site::new();
    site.channel("metadata", 64, 256);
    site.object("model", "{ kind = \"bootcast\", image = \"boot\", splash = \"splash\" }", "");
    site.object("list", "list.xml", "precoding = \"crc16\"");
    site.channel("images", 8_000, 1_400);
    site.object("boot", "boot.img", "version = \"4.6\"");
    site.object("splash", "splash.bmp", "");
    site.file("list.xml", &[b'x'; 60_000]);
    site.file("boot.img", &[1; 3_000_000]);
    site.file("splash.bmp", &[2; 10_000]);
    site
}

fn check(site: &Site, more: &[&str]) -> (i32, String, String) {
    let output = run(headend().arg("check").arg(site.write()).args(more));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn json(site: &Site) -> serde_json::Value {
    let (_, stdout, _) = check(site, &["--json"]);
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error} in {stdout}"))
}

#[test]
fn the_plan_says_rates_cycles_and_how_often_each_object_passes() {
    let plan = json(&site());
    assert_eq!(plan["bit_rate_kbps_total"], 8_064.0);
    let metadata = &plan["channels"][0];
    assert_eq!(metadata["name"], "metadata");
    let [model, list] = [&metadata["objects"][0], &metadata["objects"][1]];
    assert_eq!(model["type"], "bootcastinfo");
    assert!(model["passes_in_10_s"].as_f64().unwrap() >= 3.0, "small beside a long one: {model}");
    assert_eq!(list["slices"], 235);
    assert_eq!(list["passes"], 1);
    let datagrams = model["passes"].as_u64().unwrap() + 235;
    assert_eq!(metadata["datagrams"], datagrams);
    let ip_bytes = 60_000
        + 235 * (44 + 2 + 28)
        + model["passes"].as_u64().unwrap() * (model["bytes"].as_u64().unwrap() + 72);
    assert_eq!(metadata["ip_bytes"], ip_bytes);
    let cycle = metadata["cycle_seconds"].as_f64().unwrap();
    assert!((cycle - ip_bytes as f64 * 8.0 / 64_000.0).abs() < 1e-3);
    let boot = &plan["channels"][1]["objects"][0];
    assert_eq!(
        (boot["type"].as_str(), boot["bytes"].as_u64()),
        (Some("bootcastfile"), Some(3_000_000))
    );
    assert_eq!(plan["errors"], serde_json::json!([]));
}

#[test]
fn the_text_names_every_channel_and_the_exit_code_is_zero() {
    let (code, stdout, stderr) = check(&site(), &[]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    for part in [
        "channel metadata on 239.255.",
        "64 kbit/s of IP",
        "slices of 1400 bytes",
        "made from the line-up",
        "2 channels, 8064 kbit/s",
    ] {
        assert!(stdout.contains(part), "{part} is not in\n{stdout}");
    }
}

#[test]
fn a_missing_source_is_an_error_and_exit_code_one() {
    let site = site();
    std::fs::remove_file(site.path("boot.img")).unwrap();
    let (code, _, stderr) = check(&site, &[]);
    assert_eq!(code, 1);
    assert!(
        stderr.contains("error: ")
            && stderr.contains("object `boot`: ")
            && stderr.contains("boot.img: No such file"),
        "{stderr}"
    );
    let plan = json(&site);
    assert_eq!(plan["errors"].as_array().unwrap().len(), 1);
}

#[test]
fn a_line_up_that_cannot_be_read_says_where() {
    let mut site = site();
    site.replace("slice_bytes = 256", "slice_byte = 256");
    let (code, stdout, stderr) = check(&site, &[]);
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert!(
        stderr.contains("line 6, column 1: unknown key `slice_byte`, did you mean `slice_bytes`?"),
        "{stderr}"
    );
    let missing = run(headend().args(["check", "/nowhere/lineup.toml"]));
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("cannot read /nowhere/lineup.toml"));
}

#[test]
fn wrong_arguments_are_exit_code_two() {
    for arguments in [
        &["check"][..],
        &["chek", "x"],
        &["serve", "x", "--cycles", "0"],
        &["serve", "x", "--ttl", "256"],
        &[],
    ] {
        assert_eq!(run(headend().args(arguments)).status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(run(headend().arg("--version")).status.code(), Some(0));
}

#[test]
fn a_control_object_slower_than_a_box_waits_is_warned_about() {
    let mut site = site();
    site.replace("source = { kind", "delay_ms = 11_000\nsource = { kind");
    let (code, _, stderr) = check(&site, &[]);
    assert_eq!(code, 0);
    assert!(stderr.contains("control object `model` passes every"), "{stderr}");
    assert!(stderr.contains("a box waits 10 s"), "{stderr}");
}

#[test]
fn a_control_object_somebody_wrote_is_held_against_the_line_up() {
    let mut site = site();
    site.replace(
        "{ kind = \"bootcast\", image = \"boot\", splash = \"splash\" }",
        "\"info.txt\"\ntype = \"bootcastinfo\"",
    );
    site.file(
        "info.txt",
        b"bc_kernel_addr 239.255.9.9:22222\nbc_kernel_name boot\nbc_kernel_version 1\n",
    );
    let (code, _, stderr) = check(&site, &[]);
    assert_eq!(code, 0);
    assert!(
        stderr
            .contains("names the kernel `boot` on 239.255.9.9:22222, which is not in this line-up"),
        "{stderr}"
    );
    assert!(stderr.contains("names no splash"), "{stderr}");
    site.file("info.txt", b"bc_kernel_addr=239.255.9.9\n");
    let (_, _, stderr) = check(&site, &[]);
    assert!(stderr.contains("boxes cannot use it: line 1"), "{stderr}");
}

#[test]
fn every_line_up_that_comes_with_us_is_fit_once_its_sources_are_there() {
    let lineups = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("carousels/lineups");
    for name in [
        "one-model.toml",
        "two-models.toml",
        "repair.toml",
        "night.toml",
        "stbconfig.toml",
        "ipv6.toml",
        "mag.toml",
        "lists.toml",
        "vendor/infocastconfig.xml",
        "vendor/mcsend.ini",
    ] {
        let site = Site::new();
        let text = std::fs::read(lineups.join(name)).unwrap();
        let line_up = site.file(name.rsplit('/').next().unwrap(), &text);
        for folder in ["images", "config"] {
            std::fs::create_dir(site.path(folder)).unwrap();
        }
        for source in [
            "images/vip1113.img",
            "images/vip4302.img",
            "images/diagnostic.img",
            "images/splash.bmp",
            "config/starturl.txt",
            "images/Bootstrap",
            "Bootstrap",
            "imageupdate",
            "vip1113.img",
            "splash.bmp",
            "starturl.txt",
        ] {
            site.file(source, &[7; 5_000]);
        }
        let header = "STB Model:MAG254\nDate:Fri Nov 10 20:05:35 EET 2017\nImage Version:219\n\
                      Image Description:2.19.02\nKernel size:4737\nStart data...\n";
        let image = [header.as_bytes(), &noise(7, 5_000)].concat();
        for image_update in ["images/mag254.imageupdate", "images/imageupdate"] {
            site.file(image_update, &image);
        }
        std::fs::copy(lineups.join("vendor/bootcast_1113"), site.path("bootcast_1113")).unwrap();
        let output = run(headend().args(["check", "--json"]).arg(line_up));
        let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{name}: {}", plan["errors"]);
        let warnings = plan["warnings"].as_array().unwrap().len();
        let told = match name {
            "vendor/infocastconfig.xml" => 4,
            "vendor/mcsend.ini" => 1,
            _ => 0,
        };
        assert_eq!(warnings, told, "{name}: {}", plan["warnings"]);
    }
}

#[test]
fn the_signed_line_up_that_comes_with_us_is_fit_once_its_commands_were_followed() {
    let site = Site::new();
    let lineups = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("carousels/lineups");
    let text = std::fs::read_to_string(lineups.join("signed.toml")).unwrap();
    let line_up = site.file("signed.toml", text.as_bytes());
    std::fs::create_dir(site.path("images")).unwrap();
    site.file("images/vip1113.img", &[7; 5_000]);
    site.file("images/splash.bmp", &[8; 5_000]);
    let plain = text.replace("\\\n#", "");
    let commands: Vec<_> =
        plain.lines().filter_map(|line| line.strip_prefix("#   stbcast ")).collect();
    assert!(commands.len() >= 5, "{commands:?}");
    for command in commands {
        let arguments = command.split_ascii_whitespace();
        let output = run(headend().args(arguments).current_dir(site.path("")));
        assert!(output.status.success(), "{command}: {output:?}");
    }
    let output = run(headend().args(["check", "--json"]).arg(line_up));
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", plan["errors"]);
    assert_eq!(plan["warnings"], serde_json::json!([]));
    assert_eq!(plan["announce"]["statements"], 2);
}

#[test]
fn what_serve_would_refuse_on_a_flute_channel_check_refuses_too() {
    let site = Site::new();
    site.file("boot.img", &noise(40, 5_000));
    for (name, kbps, repair, says) in [
        ("boot%2fimg", 5_000, "", "could be taken for a path"),
        ("boot", 5, "", "to describe its objects each second"),
        ("boot", 5_000, "repair = { senders = 16, sender_index = 15 }", "16 senders need one each"),
    ] {
        let text = format!(
            "[[channel]]\ncarousel = \"flute\"\ngroup = \"239.255.7.1\"\nbit_rate_kbps = {kbps}\n\
             slice_bytes = 1000\n{repair}\n[[channel.object]]\nname = \"{name}\"\nsource = \"boot.img\"\n"
        );
        let path = site.file("flute.toml", text.as_bytes());
        let output = run(headend().arg("check").arg(&path));
        let warned = String::from_utf8(output.stderr).unwrap();
        assert!(warned.contains(says), "{warned}");
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn check_says_the_rates_of_repair_and_announcement_and_what_cannot_be_announced() {
    let mut site = Site::new();
    let announce = site.announce();
    site.channel("images", 4_000, 1_000);
    site.repair("ratio = 0.1");
    site.object("boot", "boot.img", "");
    site.object("boot%2f", "boot.img", "");
    site.file("boot.img", &noise(41, 500_000));
    let output = run(headend().arg("check").arg("--json").arg(site.write()));
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(plan["announce"]["group"], announce);
    assert_eq!(plan["announce"]["objects"], 1);
    let rate = |of: &serde_json::Value| of["bit_rate_kbps"].as_f64().unwrap();
    let parts = [&plan["channels"][0], &plan["channels"][0]["repair"], &plan["announce"]].map(rate);
    assert!(parts.iter().all(|rate| *rate > 1.0), "{parts:?}");
    let sum = plan["bit_rate_kbps_total"].as_f64().unwrap();
    assert!((sum - parts.iter().sum::<f64>()).abs() < 1e-6);
    let warning = plan["warnings"][0]["message"].as_str().unwrap();
    assert!(warning.contains("object `boot%2f` cannot be announced"), "{warning}");
}

#[test]
fn what_a_push_can_cost_over_unicast_is_said_and_a_window_that_is_too_short() {
    let mut site = site();
    site.announce();
    site.add(
        "[unicast]\nurl = \"http://192.0.2.10:8080/images/{sha256}\"\nwindow_s = 600\n\
         boxes = 1_000_000\ncapacity_mbps = 100\n",
    );
    let plan = json(&site);
    let needs = &plan["channels"][1]["unicast"];
    assert_eq!(
        (needs["object"].as_str(), needs["bytes"].as_u64()),
        (Some("boot"), Some(3_000_000))
    );
    let at_five = &needs["costs"][2];
    assert_eq!(at_five["loss_percent"], 5.0);
    let bytes = at_five["legacy"]["bytes_per_box"].as_f64().unwrap();
    assert!((bytes - 7_500.0).abs() < 1.0, "{at_five}");
    // One box of a hundred asks for all: 30,000 bytes a box, at 70 % of 100 Mbit/s.
    let wanted = plan["unicast"]["window_s_wanted"].as_f64().unwrap();
    assert!((3_429.0..3_500.0).contains(&wanted), "{wanted}");
    let (code, stdout, stderr) = check(&site, &[]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("the window of unicast repair is too short"), "{stderr}");
    assert!(stderr.contains(&format!("window_s = {:.0}", wanted.ceil())), "{stderr}");
    for part in
        ["asked of servers for `boot`", "hears nothing", "after 2 cycles, spread over 600 s"]
    {
        assert!(stdout.contains(part), "{part} is not in\n{stdout}");
    }
}
