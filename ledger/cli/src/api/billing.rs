//! The operations on usage, prices and invoices.

use super::operations::{All, Said};
use super::{Query, routes};
use crate::client::Client;
use crate::failure::Failure;
use service::wire::{CreditRequest, InvoiceIssued, InvoiceRequest, PriceBookRequest, PriceBookSet};
use serving::answers::{DraftAnswer, InvoiceAnswer, InvoiceRow, PriceBookRow, UsageRow};
use spec::{Hash, Name};

impl Client {
    pub(crate) async fn usage(&self, org: &Name, query: Query) -> All<UsageRow<'static>> {
        self.all(&routes::USAGE, &[org], query).await
    }

    pub(crate) async fn price_books(&self, org: &Name, query: Query) -> All<PriceBookRow<'static>> {
        self.all(&routes::PRICE_BOOKS, &[org], query).await
    }

    pub(crate) async fn set_prices(&self, org: &Name, request: &PriceBookRequest) -> Said<PriceBookSet> {
        self.tell(&routes::SET_PRICES, &[org], request).await
    }

    pub(crate) async fn estimate(&self, org: &Name, query: Query) -> Said<DraftAnswer<'static>> {
        self.get(&routes::ESTIMATE, &[org], query).await
    }

    pub(crate) async fn invoices(&self, org: &Name, query: Query) -> All<InvoiceRow<'static>> {
        self.all(&routes::INVOICES, &[org], query).await
    }

    pub(crate) async fn invoice(&self, org: &Name, invoice: &Hash) -> Said<InvoiceAnswer<'static>> {
        self.get(&routes::INVOICE, &[org, invoice], Query::default()).await
    }

    pub(crate) async fn issue_invoice(&self, org: &Name, request: &InvoiceRequest) -> Said<InvoiceIssued> {
        self.tell(&routes::ISSUE_INVOICE, &[org], request).await
    }

    pub(crate) async fn credit_invoice(
        &self,
        org: &Name,
        invoice: &Hash,
        request: &CreditRequest,
    ) -> Said<InvoiceIssued> {
        self.tell(&routes::CREDIT_INVOICE, &[org, invoice], request).await
    }

    pub(crate) async fn invoice_evidence(&self, org: &Name, invoice: &Hash) -> Result<Vec<u8>, Failure> {
        self.ask(&routes::INVOICE_EVIDENCE, &[org, invoice], Query::default(), None).await?.good()
    }
}
