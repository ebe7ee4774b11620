//! `ledger invoice`: what months cost, what proves it, and what was given back.

pub(crate) mod evidence;

use super::prove::write_new;
use super::verify::trust;
use crate::api::{Query, Reply, with_reads};
use crate::failure::Failure;
use crate::options::{Global, Sure};
use crate::output::{Card, Cell, Look, Table, answer, ask, column, safe, short, wide};
use clap::Subcommand;
use evidence::Proved;
use ledger::verify::Options;
use service::wire::{CreditLineRequest, CreditRequest, InvoiceIssued, InvoiceRequest};
use serving::answers::{DraftAnswer, InvoiceAnswer, InvoiceRow};
use spec::payload::InvoiceLine;
use spec::{Hash, Name};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(crate) enum Invoices {
    /// List invoices, the newest first.
    List {
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
        /// Of this tenant.
        #[arg(long)]
        tenant: Option<Name>,
        /// Of this month, such as 2026-11.
        #[arg(long)]
        month: Option<String>,
    },
    /// Show one invoice, line by line, with its corrections.
    Show {
        /// The invoice, by its event hash.
        #[arg(value_parser = super::hash)]
        invoice: Hash,
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
    },
    /// What a month comes to, as far as it has come.
    Draft {
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
        /// The tenant; what is of none, if absent.
        #[arg(long)]
        tenant: Option<Name>,
        /// The month, such as 2026-11; the present one, if absent.
        #[arg(long)]
        month: Option<String>,
    },
    /// Bill a month that is over, once.
    Issue {
        /// The month, such as 2026-11.
        month: String,
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
        /// The tenant; what is of none, if absent.
        #[arg(long)]
        tenant: Option<Name>,
        #[command(flatten)]
        sure: Sure,
    },
    /// Correct an invoice.
    Credit {
        /// The invoice, by its event hash.
        #[arg(value_parser = super::hash)]
        invoice: Hash,
        /// How much, in thousandths of a cent; below zero where money is given back.
        #[arg(long, allow_negative_numbers = true)]
        millicents: i64,
        /// Why.
        #[arg(long)]
        text: String,
        /// The line that it corrects, from 0.
        #[arg(long)]
        line: Option<u64>,
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
        #[command(flatten)]
        sure: Sure,
    },
    /// Write everything that proves an invoice to a file.
    Evidence {
        /// The invoice, by its event hash.
        #[arg(value_parser = super::hash)]
        invoice: Hash,
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
        /// File to write.
        #[arg(long)]
        out: PathBuf,
    },
    /// Recompute an invoice from such a file alone: no network, no service, no trust in whoever wrote it.
    Verify {
        /// The file.
        file: PathBuf,
        /// Ledger id, or a file with one or with a trust policy.
        #[arg(long)]
        trust: Option<String>,
    },
}

/// The invoices of an organisation.
pub(crate) const INVOICES: Table<InvoiceRow<'static>> = Table {
    columns: &[
        column("invoice", |row| Cell::from(row.id)),
        column("month", |row| Cell::of(&row.month)),
        column("tenant", |row| Cell::from(row.tenant.as_deref())),
        column("total", |row| money(row.total_cents.into(), &row.currency)),
        column("due", |row| money(row.due_cents.into(), &row.currency)),
        column("corrections", |row| Cell::of(&row.credits.len())),
        wide("lines", |row| Cell::of(&row.lines.len())),
        wide("issued", |row| Cell::from(row.at)),
    ],
    nothing: "no invoices; `ledger invoice issue MONTH` bills a month that is over",
};

/// The lines of an invoice or of a draft.
const LINES: Table<InvoiceLine> = Table {
    columns: &[
        column("what", |line| match &line.usage {
            None => Cell::of(&"base price"),
            Some(usage) => Cell::of(&usage.product),
        }),
        column("metric", |line| {
            line.usage.as_ref().map_or(Cell::Nothing, |usage| Cell::of(&usage.metric.as_str()))
        }),
        column("quantity", |line| {
            line.usage.as_ref().map_or(Cell::Nothing, |usage| Cell::from(usage.quantity))
        }),
        column("included", |line| {
            line.usage.as_ref().map_or(Cell::Nothing, |usage| Cell::from(usage.included))
        }),
        column("entries", |line| line.usage.as_ref().map_or(Cell::Nothing, |usage| Cell::from(usage.count))),
        column("cents", |line| Cell::from(line.cents)),
        wide("from", |line| Cell::from(line.from)),
        wide("to", |line| Cell::from(line.to)),
        wide("prices", |line| Cell::from(line.book)),
    ],
    nothing: "nothing is billed",
};

/// What verifying came to.
pub(crate) const PROVED: Card<Proved> = Card(&[
    column("invoice", |proved| Cell::from(proved.invoice)),
    column("ledger", |proved| Cell::from(proved.ledger)),
    column("trust", |proved| Cell::of(&proved.trust)),
    column("organisation", |proved| Cell::from(&proved.org)),
    column("tenant", |proved| Cell::from(proved.tenant.as_ref())),
    column("month", |proved| Cell::of(&proved.month)),
    column("lines", |proved| Cell::from(proved.lines)),
    column("entries of usage", |proved| Cell::from(proved.entries)),
    column("total", |proved| money(proved.total_cents.into(), &proved.currency)),
    column("due", |proved| money(proved.due_cents.into(), &proved.currency)),
]);

/// An amount as people write it: `-12.05 EUR`.
pub(crate) fn money(cents: i128, currency: &str) -> Cell {
    let sign = if cents < 0 { "-" } else { "" };
    let cents = cents.abs();
    Cell::of(&format!("{sign}{}.{:02} {currency}", cents / 100, cents % 100))
}

/// One invoice for people.
pub(crate) fn shown(answer: &InvoiceAnswer<'_>, look: &Look) -> String {
    let row = &answer.invoice;
    let amount = |cents: i128| money(cents, &row.currency).show(look, 8);
    let corrections = row.credits.iter().flat_map(|credit| credit.lines.iter());
    let corrections: Vec<String> = corrections
        .map(|line| format!("correction {}: {}\n", amount(line.cents.into()), safe(&line.text)))
        .collect();
    format!(
        "invoice {} of {}\n{}total {}\n{}due {}\n",
        short(&row.id),
        safe(&row.month),
        LINES.text(&row.lines, look),
        amount(row.total_cents.into()),
        corrections.concat(),
        amount(row.due_cents.into())
    )
}

/// A draft for people.
pub(crate) fn drafted(answer: &DraftAnswer<'_>, look: &Look) -> String {
    let Some(currency) = answer.currency.as_deref() else {
        return format!(
            "no prices were in force in {}; `ledger prices set` sets them\n",
            safe(&answer.month)
        );
    };
    let so_far = if answer.complete { "comes to" } else { "has come to" };
    let total = money(answer.total_cents.into(), currency).show(look, 8);
    format!("{}{} {so_far} {total}\n", LINES.text(&answer.lines, look), safe(&answer.month))
}

pub(crate) fn run(global: &Global, command: &Invoices) -> Result<ExitCode, Failure> {
    match command {
        Invoices::Verify { file, trust: trusted } => {
            let options = Options {
                trust: trusted.as_deref().map(trust).transpose()?.unwrap_or_default(),
                ..Options::default()
            };
            let bytes = std::fs::read(file).map_err(|e| Failure::io(format!("{}: {e}", file.display())))?;
            let proved = evidence::prove(&bytes, &options)?;
            let said = serde_json::to_value(&proved).map_err(Failure::io)?;
            answer(global, &said, || Ok(PROVED.text(&proved, &Look::here(global))))?;
        }
        Invoices::List { .. } | Invoices::Show { .. } | Invoices::Draft { .. } => read(global, command)?,
        Invoices::Issue { .. } | Invoices::Credit { .. } | Invoices::Evidence { .. } => {
            tell(global, command)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn read(global: &Global, command: &Invoices) -> Result<(), Failure> {
    with_reads(global, async |client| match command {
        Invoices::List { org, tenant, month } => {
            let query = Query::default().with("tenant", tenant.as_ref()).with("month", month.as_ref());
            client.invoices(org, query).await?.show(global, &INVOICES)
        }
        Invoices::Show { invoice, org } => client.invoice(org, invoice).await?.show(global, shown),
        Invoices::Draft { org, tenant, month } => {
            let query = Query::default().with("tenant", tenant.as_ref()).with("month", month.as_ref());
            client.estimate(org, query).await?.show(global, drafted)
        }
        _ => Ok(()),
    })
}

fn tell(global: &Global, command: &Invoices) -> Result<(), Failure> {
    with_reads(global, async |client| match command {
        Invoices::Issue { month, org, tenant, sure } => {
            ask(*sure, &format!("Bill {month} for good?"))?;
            let tenant = tenant.as_ref().map(ToString::to_string);
            let request = InvoiceRequest { month: month.clone(), tenant };
            say(global, &client.issue_invoice(org, &request).await?, "issued invoice")
        }
        Invoices::Credit { invoice, millicents, text, line, org, sure } => {
            ask(*sure, &format!("Correct invoice {} for good?", short(invoice)))?;
            let line = CreditLineRequest { line: *line, millicents: *millicents, text: text.clone() };
            let request = CreditRequest { lines: vec![line] };
            say(global, &client.credit_invoice(org, invoice, &request).await?, "recorded correction")
        }
        Invoices::Evidence { invoice, org, out } => {
            let bytes = client.invoice_evidence(org, invoice).await?;
            write_new(out, &bytes)?;
            let said = serde_json::json!({"invoice": invoice, "out": out, "bytes": bytes.len()});
            answer(global, &said, || {
                let out = out.display().to_string();
                let out = safe(&out);
                Ok(format!("wrote {out}; check it with `ledger invoice verify {out}`\n"))
            })
        }
        _ => Ok(()),
    })
}

fn say(global: &Global, made: &Reply<InvoiceIssued>, what: &str) -> Result<(), Failure> {
    made.show(global, |made, _| {
        format!("{what} {} of {} cents (entry {})\n", short(&made.invoice), made.total_cents, made.seq)
    })
}
