//! The service as the command line asks it: a method for each operation, typed by what the service's handlers take and
//! answer with.

mod billing;
mod names;
mod operations;
mod people;
mod pick;
mod reply;
mod routes;

pub(crate) use names::Names;
pub(crate) use operations::About;
pub(crate) use pick::{Ref, nearest};
pub(crate) use reply::{Listed, Reply, look, names, read};

use crate::client::{Answer, Client, block_on};
use crate::failure::Failure;
use crate::options::Global;
use routes::Route;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt::Display;

/// Items that are asked for at once: as many as the service gives.
const PAGE_ITEMS: usize = 500;

/// The parameters of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(Vec<(&'static str, String)>);

impl Query {
    /// A parameter, if it has a value.
    pub(crate) fn with(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.0.extend(value.map(|value| (name, value.to_string())));
        self
    }

    fn on(&self, path: &str) -> String {
        if self.0.is_empty() {
            return path.to_owned();
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.0);
        format!("{path}?{}", query.finish())
    }
}

impl Client {
    async fn get<T: DeserializeOwned>(
        &self,
        route: &Route,
        parts: &[&dyn Display],
        query: Query,
    ) -> Result<Reply<T>, Failure> {
        self.ask(route, parts, query, None).await?.json().map(Reply::of)
    }

    async fn tell<T: DeserializeOwned>(
        &self,
        route: &Route,
        parts: &[&dyn Display],
        body: &impl Serialize,
    ) -> Result<Reply<T>, Failure> {
        let body = serde_json::to_vec(body).map_err(Failure::io)?;
        let body = Some(("application/json", body));
        self.ask(route, parts, Query::default(), body).await?.json().map(Reply::of)
    }

    async fn end(&self, route: &Route, parts: &[&dyn Display], query: Query) -> Result<(), Failure> {
        self.ask(route, parts, query, None).await?.good().map(|_| ())
    }

    async fn ask(
        &self,
        route: &Route,
        parts: &[&dyn Display],
        query: Query,
        body: Option<(&str, Vec<u8>)>,
    ) -> Result<Answer, Failure> {
        self.send(route.method.clone(), &query.on(&route.path(parts)), body).await
    }

    /// Every page of a list.
    async fn all<T: DeserializeOwned>(
        &self,
        route: &Route,
        parts: &[&dyn Display],
        query: Query,
    ) -> Result<Listed<T>, Failure> {
        let mut all = Vec::new();
        let query = query.with("limit", Some(PAGE_ITEMS));
        let beside = self
            .pages(route, parts, query, &mut |item| {
                all.push(item);
                Ok(true)
            })
            .await?;
        Ok(Listed::of(beside, all))
    }

    /// Hands the items of a list to `take`, page by page, until it has enough; what the last page said beside them.
    async fn pages(
        &self,
        route: &Route,
        parts: &[&dyn Display],
        query: Query,
        take: &mut dyn FnMut(Value) -> Result<bool, Failure>,
    ) -> Result<serde_json::Map<String, Value>, Failure> {
        let mut cursor = None::<String>;
        loop {
            let query = query.clone().with("cursor", cursor.take());
            let page = self.ask(route, parts, query, None).await?.json()?;
            let Value::Object(mut page) = page else {
                return Err(Failure::io("the answer is no object"));
            };
            let items = page.remove("items");
            for item in items
                .and_then(|items| if let Value::Array(items) = items { Some(items) } else { None })
                .into_iter()
                .flatten()
            {
                if !take(item)? {
                    return Ok(page);
                }
            }
            match page.get("next_cursor").and_then(Value::as_str) {
                Some(next) => cursor = Some(next.to_owned()),
                None => return Ok(page),
            }
        }
    }
}

/// Connects, runs one exchange, and closes.
pub(crate) fn with_client<T>(
    global: &Global,
    exchange: impl AsyncFnOnce(&Client) -> Result<T, Failure>,
) -> Result<T, Failure> {
    block_on(async {
        let client = Client::connect(global).await?;
        let result = exchange(&client).await;
        client.close().await;
        result
    })
}

/// The same with the routes that read the folds.
pub(crate) fn with_reads<T>(
    global: &Global,
    exchange: impl AsyncFnOnce(&Client) -> Result<T, Failure>,
) -> Result<T, Failure> {
    block_on(async {
        let client = Client::connect_to_read(global).await?;
        let result = exchange(&client).await;
        client.close().await;
        result
    })
}
