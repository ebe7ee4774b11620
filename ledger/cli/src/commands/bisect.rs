//! `ledger bisect`: the entry at which a predicate over a fold turned.

use crate::failure::Failure;
use crate::folding::Files;
use crate::options::Global;
use crate::output::{Card, Cell, Look, answer, column};
use crate::predicate::Predicate;
use clap::Args;
use clap::builder::PossibleValuesParser;
use projections::Projections;
use serde::Serialize;
use serde_json::{Value, json};
use spec::{Author, Kind, Name, Record, Timestamp, Uuid};
use std::ops::ControlFlow;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct Bisect {
    /// A jq filter over what the fold knows: an object with a member for each organisation.
    predicate: String,
    /// Which fold.
    #[arg(long, default_value = "attention", value_parser = PossibleValuesParser::new(Projections::NAMES))]
    projection: String,
    /// The entry after which to begin; the first, if absent.
    #[arg(long, value_name = "SEQ")]
    from: Option<u64>,
    /// The entry after which to end; the last, if absent.
    #[arg(long, value_name = "SEQ")]
    to: Option<u64>,
}

/// The entry at which a predicate turned.
#[derive(Debug, Serialize)]
pub(crate) struct Turn {
    pub(crate) projection: String,
    pub(crate) seq: u64,
    pub(crate) time: Timestamp,
    pub(crate) was: bool,
    pub(crate) is: bool,
    pub(crate) kind: Kind,
    pub(crate) org: Name,
    pub(crate) author: Author,
    pub(crate) node_id: Option<Uuid>,
    pub(crate) payload: Option<Value>,
}

/// It, for people.
pub(crate) const TURN: Card<Turn> = Card(&[
    column("entry", |turn| Cell::from(turn.seq)),
    column("recorded", |turn| Cell::from(turn.time)),
    column("predicate", |turn| Cell::Text(format!("{} before, {} after", turn.was, turn.is))),
    column("projection", |turn| Cell::from(&turn.projection)),
    column("kind", |turn| Cell::of(&turn.kind)),
    column("org", |turn| Cell::from(&turn.org)),
    column("author", |turn| Cell::from(&turn.author)),
    column("node", |turn| Cell::from(turn.node_id)),
    column("payload", |turn| turn.payload.as_ref().map_or(Cell::Nothing, Cell::of)),
]);

/// Points looked at in each round; the next is between two of them.
const POINTS: u64 = 16;

pub(crate) fn run(global: &Global, args: &Bisect) -> Result<ExitCode, Failure> {
    let predicate = Predicate::read(&args.predicate)?;
    let files = Files::open(global)?;
    let size = files.size()?;
    let to = args.to.map_or(size, |seq| seq.saturating_add(1));
    let from = args.from.map_or(1, |seq| seq.saturating_add(1));
    if to > size || from >= to {
        return Err(Failure::usage(format!("expected --from before --to, and both among {size} entries")));
    }
    let search = Search { files: &files, projection: &args.projection, predicate: &predicate };
    let Some(turn) = search.turn(from, to)? else {
        return Err(Failure::refused(format!(
            "the predicate did not turn between seq {} and seq {}; it may have turned back in between",
            from - 1,
            to - 1
        )));
    };
    let look = Look::here(global);
    answer(global, &json!(turn), || Ok(TURN.text(&turn, &look)))?;
    Ok(ExitCode::SUCCESS)
}

/// What is done at each size.
type Visit<'a> = &'a mut dyn FnMut(&Projections, &Record) -> Result<ControlFlow<()>, Failure>;

struct Search<'a> {
    files: &'a Files,
    projection: &'a str,
    predicate: &'a Predicate,
}

impl Search<'_> {
    fn holds(&self, folds: &Projections) -> Result<bool, Failure> {
        let state = super::replay::state(folds, self.projection)?;
        self.predicate.holds(state.to_string().as_bytes())
    }

    /// The entry after which the predicate is no longer what it was after `from` entries; `None` if it is the same
    /// after `to`.
    fn turn(&self, from: u64, to: u64) -> Result<Option<Turn>, Failure> {
        let mut low = Projections::default();
        self.fold(&mut low, from, &mut |_, _| Ok(ControlFlow::Continue(())))?;
        let was = self.holds(&low)?;
        let mut high = to;
        let mut found = None;
        while low.size() < high {
            let step = (high - low.size()).div_ceil(POINTS);
            let (mut folds, mut before) = (low.clone(), low);
            let mut turned = None;
            self.fold(&mut folds, high, &mut |folds, record| {
                if folds.size() < high && !folds.size().is_multiple_of(step) {
                    return Ok(ControlFlow::Continue(()));
                }
                if self.holds(folds)? != was {
                    turned = Some(record.clone());
                    return Ok(ControlFlow::Break(()));
                }
                before = folds.clone();
                Ok(ControlFlow::Continue(()))
            })?;
            let Some(record) = turned else { break };
            high = folds.size();
            low = before;
            found = Some(record);
            if low.size() + 1 == high {
                break;
            }
        }
        Ok(found.map(|record| self.describe(&record, was)))
    }

    /// Folds on to `to` entries; `look` sees each size.
    fn fold(&self, folds: &mut Projections, to: u64, look: Visit<'_>) -> Result<(), Failure> {
        self.files.each_from(folds.size(), &mut |record| {
            if folds.size() == to {
                return Ok(ControlFlow::Break(()));
            }
            folds.apply(record).map_err(Failure::refused)?;
            look(folds, record)
        })
    }

    fn describe(&self, record: &Record, was: bool) -> Turn {
        let (header, position) = (&record.entry.header, &record.entry.position);
        Turn {
            projection: self.projection.to_owned(),
            seq: position.seq,
            time: position.recorded_at,
            was,
            is: !was,
            kind: header.kind.clone(),
            org: header.org.clone(),
            author: header.author.clone(),
            node_id: header.subject_node(),
            payload: record.payload.as_ref().and_then(|p| serde_json::from_str(&p.json).ok()),
        }
    }
}
