//! `ledger replay`: a fold as it was at any point, folded here from the entries alone.

use crate::failure::Failure;
use crate::folding::Files;
use crate::options::Global;
use crate::output::document;
use crate::times::Point;
use clap::Args;
use clap::builder::PossibleValuesParser;
use projections::Projections;
use serde_json::{Map, Value, json};
use spec::Timestamp;
use std::ops::ControlFlow;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// Which fold.
    #[arg(long, default_value = "fleet", value_parser = PossibleValuesParser::new(Projections::NAMES))]
    projection: String,
    /// After the entry with this number, at a time of RFC 3339, or so long ago; the end of the log, if absent.
    #[arg(long, value_name = "SEQ|TIME|SPAN")]
    at: Option<Point>,
}

pub(crate) fn run(global: &Global, args: &Replay) -> Result<ExitCode, Failure> {
    let files = Files::open(global)?;
    let (folds, now) = fold_to(&files, args.at)?;
    let state = state(&folds, &args.projection)?;
    let digests = folds.digests();
    let digest = digests.get(&args.projection);
    let answer = json!({
        "projection": args.projection,
        "version": digest.map(|digest| digest.version),
        "at_seq": folds.size() - 1,
        "at_time": now,
        "checkpoint": files.document("ROOT.txt")?,
        "digest": digest.map(|digest| digest.digest),
        "state": state,
    });
    document(global, &answer)?;
    Ok(ExitCode::SUCCESS)
}

/// The folds at a point, or at the end of the log, and the time they are looked at.
pub(crate) fn fold_to(files: &Files, point: Option<Point>) -> Result<(Projections, Timestamp), Failure> {
    let mut folds = Projections::default();
    let mut passed = false;
    files.each(&mut |record| {
        let position = &record.entry.position;
        let beyond = match point {
            None => false,
            Some(Point::Seq(seq)) => position.seq > seq,
            Some(Point::Time(time)) => position.recorded_at > time,
        };
        if beyond {
            passed = true;
            return Ok(ControlFlow::Break(()));
        }
        folds.apply(record).map_err(Failure::refused)?;
        Ok(ControlFlow::Continue(()))
    })?;
    let last = folds.last_recorded();
    match point {
        Some(Point::Seq(seq)) if folds.size() != seq + 1 => {
            Err(Failure::usage(format!("--at {seq}: the log has {} entries", folds.size())))
        }
        Some(Point::Time(time)) if folds.size() == 0 => {
            Err(Failure::usage(format!("--at {time}: the log begins later")))
        }
        // Nothing in the log says that this time has come.
        Some(Point::Time(time)) if !passed && time > last => {
            Err(Failure::usage(format!("--at {time}: the last entry is of {last}")))
        }
        _ if folds.size() == 0 => Err(Failure::refused("the log has no entries")),
        Some(Point::Time(time)) => Ok((folds, time)),
        _ => Ok((folds, last)),
    }
}

/// What a fold knows, by organisation.
pub(crate) fn state(folds: &Projections, projection: &str) -> Result<Value, Failure> {
    let parts = folds.parts(projection).ok_or_else(|| {
        let known = Projections::NAMES.join(", ");
        Failure::usage(format!("there is no projection {projection}; there are {known}"))
    })?;
    let mut state = Map::new();
    for part in parts {
        state.insert(part.org.to_string(), serde_json::from_slice(&part.json).map_err(Failure::io)?);
    }
    Ok(Value::Object(state))
}
