//! `cargo run --release -p stbcast-sim`: the table of completion, row by row, beside its bars.

use std::process::ExitCode;

use clap::Parser;
use clap::builder::PossibleValuesParser;

use stbcast_sim::air::{Air, AirError};
use stbcast_sim::crowd;
use stbcast_sim::power::life::World;
use stbcast_sim::power::seeds;
use stbcast_sim::report::{self, Row};
use stbcast_sim::scenario::{ALL, Scenario};

/// Simulates boxes behind lines that lose datagrams, on a virtual clock.
///
/// The exit code is 1 when a bar is missed.
#[derive(Debug, Parser)]
#[command(name = "stbcast-sim")]
struct Arguments {
    /// Boxes of each scenario with repair. The plain carousel, shown for comparison only, is ten
    /// times the work and gets a tenth of them, at least 1,000.
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    boxes: u64,
    /// Decides every loss and every moment of joining: the same seed replays the run.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Only this scenario; may be given several times.
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(ALL.map(|row| row.name)))]
    scenario: Vec<String>,
    /// Only this box of the scenarios, by its number.
    #[arg(long = "box", value_name = "NUMBER")]
    number: Option<u64>,
    /// Size of the image; the bars are those of 64.
    #[arg(long, value_name = "MIB", default_value_t = 64)]
    image_mib: u64,
    /// Results as JSON, one object a row.
    #[arg(long)]
    json: bool,
    /// Boxes that fall back on a server instead: an image of 1 MB, a server of 1 Gbit/s for
    /// 100,000 boxes (or as much less as there are fewer), and the window that `stbcast check` wants.
    #[arg(long, conflicts_with_all = ["scenario", "number"])]
    fallback: bool,
    /// Boxes whose power is cut while they install a release: at every change of the flash, then
    /// one to three times each in as many boxes as there are seeds.
    #[arg(long, conflicts_with_all = ["scenario", "number", "fallback"])]
    power: bool,
    /// Boxes of --power, each with a seed of its own, from --seed on.
    #[arg(long, value_name = "N", default_value_t = 10_000, requires = "power")]
    seeds: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.fallback {
        return fallback(&arguments);
    }
    if arguments.power {
        return power(&arguments);
    }
    let wanted = |row: &&Scenario| {
        arguments.scenario.is_empty() || arguments.scenario.iter().any(|name| name == row.name)
    };
    let mut rows = Vec::new();
    for scenario in ALL.iter().filter(wanted) {
        match run(scenario, &arguments) {
            Ok(row) => rows.push(row),
            Err(error) => {
                eprintln!("error: {}: {error}", scenario.name);
                return ExitCode::from(2);
            }
        }
    }
    if arguments.json {
        println!("{}", report::json(&rows, arguments.seed));
    } else {
        println!("{}", report::text(&rows, arguments.image_mib, arguments.seed));
    }
    let missed = rows.iter().any(|row| row.is_met() == Some(false));
    if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn fallback(arguments: &Arguments) -> ExitCode {
    let rows = match report::fallback(arguments.boxes, arguments.seed) {
        Ok(rows) => rows,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    if arguments.json {
        println!("{}", report::fallback_json(&rows, arguments.seed));
    } else {
        println!("{}", report::fallback_text(&rows, arguments.seed));
    }
    let missed = rows.iter().any(|row| !row.is_met());
    if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn power(arguments: &Arguments) -> ExitCode {
    let tally =
        match World::new().and_then(|world| seeds::all(&world, arguments.seed, arguments.seeds)) {
            Ok(tally) => tally,
            Err(error) => {
                eprintln!("error: {error}");
                return ExitCode::from(2);
            }
        };
    if arguments.json {
        println!("{}", report::power_json(&tally, arguments.seed));
    } else {
        println!("{}", report::power_text(&tally, arguments.seed));
    }
    if tally.is_met() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(scenario: &Scenario, arguments: &Arguments) -> Result<Row, AirError> {
    let air = Air::of(&scenario.programme(arguments.image_mib << 20))?;
    let boxes = match scenario.repair {
        Some(_) => arguments.boxes,
        None => (arguments.boxes / 10).max(1_000).min(arguments.boxes),
    };
    let outcomes = match arguments.number {
        Some(number) => vec![crowd::one(&air, scenario.loss, arguments.seed, number)],
        None => crowd::run(&air, scenario.loss, boxes, arguments.seed),
    };
    Ok(Row::new(*scenario, &outcomes))
}
