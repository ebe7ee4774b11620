//! The routes of prices, estimates and invoices.

use super::{fold, list};
use crate::answers::billing::{self, DaemonDraft, DraftAnswer, InvoiceAnswer, InvoiceRow, PriceBookRow};
use crate::reads::Reads;
use spec::{Hash, Name};
use web::Route;

pub(super) fn routes() -> Vec<Route<Reads>> {
    vec![
        list::<PriceBookRow<'static>, _>(
            "/api/orgs/{org}/billing/price-books",
            billing::books,
            "listPriceBooks",
            "Billing",
            "Price books of an organisation, the newest first.",
        )
        .takes::<Name>("org", "The organisation.")
        .takes::<Name>("tenant", "For this tenant alone."),
        fold::<DraftAnswer<'static>, _>(
            "/api/orgs/{org}/billing/estimate",
            billing::estimate,
            "getEstimate",
            "Billing",
            "What a month comes to, as far as it has come.",
        )
        .takes::<Name>("org", "The organisation.")
        .takes::<String>("month", "The month in UTC, such as `2026-11`; the present one, if absent.")
        .takes::<Name>("tenant", "The tenant; what is of none, if absent.")
        .refuses(&[409]),
        list::<InvoiceRow<'static>, _>(
            "/api/orgs/{org}/invoices",
            billing::invoices,
            "listInvoices",
            "Billing",
            "Invoices of an organisation, the newest first.",
        )
        .takes::<Name>("org", "The organisation.")
        .takes::<String>("month", "Of this month.")
        .takes::<Name>("tenant", "Of this tenant."),
        fold::<InvoiceAnswer<'static>, _>(
            "/api/orgs/{org}/invoices/{id}",
            billing::invoice,
            "getInvoice",
            "Billing",
            "One invoice.",
        )
        .takes::<Name>("org", "The organisation.")
        .takes::<Hash>("id", "The invoice, by its event hash."),
        fold::<DaemonDraft, _>(
            "/invoice-draft",
            billing::daemon_draft,
            "getInvoiceDraft",
            "Billing",
            "What a month comes to, in the form of `billing_daemon`.",
        )
        .takes::<Name>("org", "The organisation; that of the caller, if absent.")
        .takes::<u64>(
            "period_idx",
            "The month in which this period of thirty days since 1970 begins; the present one, if absent.",
        )
        .takes::<Name>("tenant_id", "The tenant; what is of none, if absent.")
        .refuses(&[409]),
    ]
}
