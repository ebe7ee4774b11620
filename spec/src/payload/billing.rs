//! What usage costs, and what a month of it did cost.

use super::report::Metric;
use super::{PayloadError, Schema, filled, present, rule, within};
use crate::hash::Hash;
use crate::ids::Name;
use crate::limits::MAX_SAFE_INTEGER;
use crate::money::cents;
use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most cents of a base price: ten thousand million of the currency.
const MAX_BASE_CENTS: u64 = 1_000_000_000_000;

/// Most thousandths of a cent that a unit costs.
const MAX_MILLICENTS: u64 = 1_000_000_000_000;

/// Rates of a price book: more than there are products with five metrics each.
const MAX_RATES: u64 = 256;

const MAX_TIERS: u64 = 16;
const MAX_LINES: u64 = 4096;
const MAX_CREDIT_LINES: u64 = 64;
const MAX_TEXT_BYTES: usize = 1024;

/// A plan that tenants subscribe to. In alphabetical order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PricePlan {
    /// For everyone.
    Community,
    /// As it was agreed.
    Custom,
    /// For companies.
    Enterprise,
    /// For those who run everything themselves.
    Sovereign,
    /// For teams.
    Team,
}

impl PricePlan {
    /// The word as it stands in a payload.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Community => "community",
            Self::Custom => "custom",
            Self::Enterprise => "enterprise",
            Self::Sovereign => "sovereign",
            Self::Team => "team",
        }
    }
}

/// Payload of `price-book`: what the tenant of the header, or every one without a book of its own, pays from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PriceBookPayload")]
#[serde(deny_unknown_fields)]
pub struct PriceBook {
    /// What a calendar month costs whatever is used, in cents; at most 10^12.
    pub base_cents: u64,
    /// Three capital letters, such as `EUR`; a cent is a hundredth of it.
    pub currency: String,
    /// The plan.
    pub plan: PricePlan,
    /// What usage costs, at most 256, sorted by product and metric; what has no rate costs nothing.
    pub rates: Vec<PriceRate>,
}

/// The price of a product's usage by one metric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceRate {
    /// How much of it a month has for nothing.
    pub included: u64,
    /// The metric.
    pub metric: Metric,
    /// The product.
    pub product: Name,
    /// What the rest costs, 1 to 16 tiers; the last has no end.
    pub tiers: Vec<PriceTier>,
    /// How much a price is for: a unit that is begun is paid for. At least 1.
    pub unit: u64,
}

/// A part of what goes beyond what is included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceTier {
    /// What a unit costs, in thousandths of a cent; at most 10^12.
    pub millicents: u64,
    /// Up to how much beyond what is included; more than the tier before.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub up_to: Option<u64>,
}

impl Schema for PriceBook {
    fn validate(&self) -> Result<(), PayloadError> {
        within("base_cents", self.base_cents, 0..=MAX_BASE_CENTS)?;
        currency(&self.currency)?;
        within("rates", self.rates.len(), 0..=MAX_RATES)?;
        let sorted = self.rates.is_sorted_by(|a, b| (&a.product, a.metric) < (&b.product, b.metric));
        rule(sorted, "rates must be sorted by product and metric, each once")?;
        self.rates.iter().try_for_each(|rate| {
            within("unit", rate.unit, 1..=MAX_SAFE_INTEGER)?;
            within("tiers", rate.tiers.len(), 1..=MAX_TIERS)?;
            let ends = |tier: &PriceTier| tier.up_to.unwrap_or(u64::MAX);
            let rising = rate.tiers.is_sorted_by(|a, b| ends(a) < ends(b));
            let open = rate.tiers.last().is_some_and(|last| last.up_to.is_none());
            rule(rising && open, "up_to must rise from tier to tier, and the last tier has none")?;
            rule(rate.tiers.iter().all(|tier| tier.up_to != Some(0)), "up_to must be above 0")?;
            rate.tiers.iter().try_for_each(|tier| within("millicents", tier.millicents, 0..=MAX_MILLICENTS))
        })
    }
}

/// Payload of `invoice`: what a month did cost the tenant of the header, or what is given back of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "InvoicePayload")]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
pub enum Invoice {
    /// A month is billed.
    Issue {
        /// The currency, as its price books have it.
        currency: String,
        /// At most 4,096.
        lines: Vec<InvoiceLine>,
        /// The calendar month in UTC, such as `2026-11`.
        month: String,
        /// The sum of the lines.
        total_cents: u64,
    },
    /// An invoice is corrected.
    Credit {
        /// The invoice, by its event hash.
        corrects: Hash,
        /// 1 to 64.
        lines: Vec<CreditLine>,
        /// The sum of the lines; below zero where money is given back.
        total_cents: i64,
    },
}

/// A line of an invoice: a base price, or the usage of a product by one metric, under one price book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InvoiceLine {
    /// The price book, by its event hash.
    pub book: Hash,
    /// What it comes to.
    pub cents: u64,
    /// From when on the book counted within the month.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    /// What was used; absent: the base price.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub usage: Option<BilledUsage>,
}

/// Usage that is billed, and the entries that say so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BilledUsage {
    /// How many entries there are.
    pub count: u64,
    /// Seq of the first.
    pub first: u64,
    /// How much of it costs nothing.
    pub included: u64,
    /// Seq of the last.
    pub last: u64,
    /// The metric.
    pub metric: Metric,
    /// The product.
    pub product: Name,
    /// How much: the sum of the entries, or of `storage_bytes` the greatest.
    pub quantity: u64,
    /// Root of the sum tree over the entries.
    pub root: Hash,
}

/// A line of a correction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreditLine {
    /// What it comes to: `millicents`, rounded.
    pub cents: i64,
    /// The line of the invoice that it corrects, from 0.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The exact amount in thousandths of a cent, within ±10^15; below zero where money is given back.
    pub millicents: i64,
    /// Why, 1 to 1,024 bytes.
    pub text: String,
}

/// Most thousandths of a cent of a credit line, either way.
const MAX_CREDIT_MILLICENTS: u64 = 1_000_000_000_000_000;

impl Schema for Invoice {
    fn validate(&self) -> Result<(), PayloadError> {
        match self {
            Self::Issue { currency: text, lines, month, total_cents } => {
                currency(text)?;
                within("lines", lines.len(), 0..=MAX_LINES)?;
                rule(is_month(month), "month must be such as 2026-11")?;
                let sum = lines.iter().map(|line| u128::from(line.cents)).sum::<u128>();
                rule(sum == u128::from(*total_cents), "total_cents must be the sum of the lines")?;
                lines.iter().try_for_each(|line| {
                    rule(line.from <= line.to, "from must not be after to")?;
                    let Some(usage) = &line.usage else { return Ok(()) };
                    rule(usage.count > 0 && usage.first <= usage.last, "a line rests on at least one entry")
                })
            }
            Self::Credit { lines, total_cents, .. } => {
                within("lines", lines.len(), 1..=MAX_CREDIT_LINES)?;
                let sum = lines.iter().map(|line| i128::from(line.cents)).sum::<i128>();
                rule(sum == i128::from(*total_cents), "total_cents must be the sum of the lines")?;
                lines.iter().try_for_each(|line| {
                    filled("text", &line.text, MAX_TEXT_BYTES)?;
                    within("millicents", line.millicents.unsigned_abs(), 0..=MAX_CREDIT_MILLICENTS)?;
                    let rounded = cents(line.millicents.into(), 1000);
                    rule(
                        rounded == line.cents.into(),
                        "cents must be millicents, rounded half away from zero",
                    )
                })
            }
        }
    }
}

fn currency(text: &str) -> Result<(), PayloadError> {
    let holds = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    rule(holds, "currency must be three capital letters")
}

/// Whether a text is a calendar month, such as `2026-11`.
pub fn is_month(text: &str) -> bool {
    text.len() == 7 && Timestamp::parse(&format!("{text}-01T00:00:00.000Z")).is_ok()
}
