//! `cargo demo`: one headend, seven boxes of two models that start at different moments, three of them on
//! a bad line, one that asks over HTTP, one that trusts the operator alone while a stranger sends, too, real multicast on 127.0.0.1 with TTL 0, live progress, and a table of what each box
//! has now.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;

mod boxes;
mod loss;
mod operator;
mod site;
mod stranger;
mod table;

/// Streams images to seven boxes on this machine and compares what they stored.
#[derive(Debug, Parser)]
#[command(name = "cargo demo")]
struct Arguments {
    /// A real boot image for the first model, instead of 24 MiB made up here.
    #[arg(long, value_name = "FILE")]
    image: Option<std::path::PathBuf>,
    /// Bit rate of each image channel in kbit/s of IP.
    #[arg(long, value_name = "N", default_value_t = 60_000)]
    bit_rate_kbps: u32,
    /// A short form for checks: images of 2 MiB, and boxes that start closer together.
    #[arg(long)]
    short: bool,
}

fn main() -> ExitCode {
    match demo(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs it all; whether every box has exactly what was sent.
fn demo(arguments: &Arguments) -> Result<bool, Box<dyn Error>> {
    let site =
        site::Site::new(arguments.image.as_deref(), arguments.bit_rate_kbps, arguments.short)?;
    println!("{}", site.introduction());
    let stop = Arc::new(AtomicBool::new(false));
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let options = site.serve_options();
    let boxes_stop = Arc::clone(&stop);
    let headend = std::thread::spawn(move || {
        let until = async { drop(ended.await) };
        let served = stbcast::serve::serve_until(options, until);
        // Without a headend, whether it failed or was interrupted, the boxes wait in vain.
        boxes_stop.store(true, Ordering::Relaxed);
        served
    });
    let bad_line = loss::BadLine::of(&site.far_groups)?;
    let stranger = stranger::Stranger::on(site.announce_address, &site.statements)?;
    let outcomes = boxes::run(&site, &stop);
    drop((bad_line, stranger));
    drop(end);
    match headend.join() {
        Ok(served) => served?,
        Err(_) => return Err("the headend thread panicked".into()),
    }
    let outcomes = outcomes?;
    println!("{}", table::render(&outcomes));
    println!("{}", table::refusals(&outcomes));
    Ok(outcomes.iter().all(|outcome| outcome.is_equal))
}
