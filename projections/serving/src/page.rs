//! The plain page: the fleet as a table, and below it what is told to nodes and who vouches for the ledger; rendered
//! here, kept fresh by the live stream.
//!
//! It needs nothing from any other host, and runs no script and no style but its own.

mod policies;
mod rollouts;
mod schedules;
mod witnesses;

use crate::reads::Reads;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use maud::{DOCTYPE, html};
use projections::Projections;
use projections::attention::{AttentionReason, AttentionStanding, Band, Level, Phase};
use projections::fleet::Node;
use projections::incidents::IncidentState;
use spec::payload::Reading;
use spec::{Name, Timestamp, Uuid};
use std::cmp::Reverse;
use web::{Call, Principal, Problem};

pub use maud::Markup;

/// Most rows of the table; whoever has more nodes filters them over the API.
pub const MAX_ROWS: usize = 500;

const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// What the page may load: its own style, script and stream.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// `GET /`: the page.
pub(crate) async fn whole_page(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let table = content(&reads, &call.principal).await?;
    Ok(document(StatusCode::OK, &whole(&reads, &table)))
}

/// In place of the page, for whoever is not signed in: the form to do so.
pub(crate) fn not_signed_in(problem: Problem) -> Response<Body> {
    if problem.status().is_server_error() {
        return problem.into_response();
    }
    document(problem.status(), &sign_in(None))
}

/// What is kept fresh: the fleet, and what there is of the rest. A node sees itself alone.
async fn content(reads: &Reads, viewer: &Principal) -> Result<Markup, Problem> {
    let everything = viewer.node().is_none();
    let (fleet, mut sections, now) = reads
        .at_head(|view| {
            let (folds, now) = (view.folds, view.now);
            let sections = everything.then(|| {
                vec![
                    ("Roll-outs", rollouts::section(folds, viewer, now)),
                    ("Schedules", schedules::section(folds, viewer, now)),
                    ("Policies", policies::section(folds, viewer)),
                ]
            });
            (fleet(folds, viewer, now), sections.unwrap_or_default(), now)
        })
        .await?;
    if everything {
        sections.push(("Witnesses", witnesses::section(&reads.ledger, now)));
    }
    sections.retain(|(_, section)| !section.0.is_empty());
    Ok(html! {
        @if !sections.is_empty() {
            // A fleet is long: what stands below it is to be found all the same.
            nav.parts { @for (name, _) in &sections { a href={ "#" (name) } { (name) } } }
        }
        (fleet)
        @for (name, section) in &sections { section #(name) { h2 { (name) } (section) } }
    })
}

/// `GET /fleet`: what is kept fresh, alone.
pub(crate) async fn table(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let content = content(&reads, &call.principal).await?;
    Ok(document(StatusCode::OK, &content))
}

/// `GET /assets/page.css`: the page's own style.
pub(crate) async fn style(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    Ok(asset("text/css; charset=utf-8", STYLE))
}

/// `GET /assets/page.js`: the page's own script.
pub(crate) async fn script(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    Ok(asset("text/javascript; charset=utf-8", SCRIPT))
}

fn asset(media: &'static str, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

/// An answer in HTML that nobody may keep or put in a frame.
pub fn document(status: StatusCode, markup: &Markup) -> Response<Body> {
    let mut response = Response::new(Body::from(markup.0.clone()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The form to sign in with; `problem` says why the last try failed.
pub fn sign_in(problem: Option<&str>) -> Markup {
    frame(&html! {
        main.sign-in {
            h1 { "VaultMesh" }
            form method="post" action="/session" {
                label for="token" { "API token" }
                input #token name="token" type="password" autocomplete="current-password" required autofocus
                    aria-describedby="hint";
                @if let Some(problem) = problem { p.problem role="alert" { (problem) } }
                button { "Sign in" }
                p #hint.hint {
                    "The owner's token is in " code { "owner.token" } " in the ledger's directory. Make others with "
                    code { "ledger tokens create" } "."
                }
            }
        }
    })
}

/// Why nobody was let in at a provider, and the way back to the console.
pub fn not_let_in(why: &str) -> Markup {
    frame(&html! {
        main.sign-in {
            h1 { "VaultMesh" }
            p.problem role="alert" { "You are not signed in: " (why) "." }
            p { a href="/console/" { "Back to the console" } }
        }
    })
}

pub(crate) fn frame(body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "VaultMesh" }
                link rel="stylesheet" href="/assets/page.css";
                link rel="icon" href="data:,";
            }
            body { (body) }
        }
    }
}

fn whole(reads: &Reads, table: &Markup) -> Markup {
    frame(&html! {
        header {
            h1 { "VaultMesh" }
            p.ledger title=(reads.ledger.origin()) { code { (reads.ledger.id().to_hex().get(..16).unwrap_or_default()) "…" } }
            p #link.link data-state="waiting" { "connecting" }
            form method="post" action="/session" { button.plain { "Sign out" } }
        }
        main #fleet { (table) }
        script src="/assets/page.js" defer {}
    })
}

struct Row<'a> {
    org: &'a Name,
    id: Uuid,
    node: &'a Node,
    standing: AttentionStanding,
}

/// The table: those who need attention first.
fn fleet(folds: &Projections, viewer: &Principal, now: Timestamp) -> Markup {
    let fleet = folds.fleet();
    let mut rows: Vec<Row<'_>> = fleet
        .orgs()
        .filter(|org| viewer.bound_to().is_none_or(|own| own == *org))
        .flat_map(|org| fleet.nodes(org).map(move |(id, node)| (org, id, node)))
        .filter(|(_, id, _)| viewer.node().is_none_or(|own| own == *id))
        .filter_map(|(org, id, node)| {
            Some(Row { org, id, node, standing: folds.attention().standing(org, id, now)? })
        })
        .collect();
    rows.sort_by_key(|row| {
        (Reverse(row.standing.band), Reverse(row.standing.score), row.org.clone(), row.id)
    });
    let count = |band| rows.iter().filter(|row| row.standing.band == band).count();
    html! {
        ul.counts {
            @for (band, name) in BANDS {
                li.band.(class(band)) { b { (count(band)) } " " (name) }
            }
            li { b { (open_incidents(folds, viewer, now)) } " open incidents" }
            li { b { (folds.size()) } " entries" }
        }
        @if rows.is_empty() {
            p.empty {
                "No node has enrolled yet. Make a token with " code { "ledger enroll token --org …" }
                " and give it to " code { "vaultmesh-agent enroll" } "."
            }
        } @else {
            table.fleet {
                thead {
                    tr {
                        @for name in ["Node", "Attention", "Why", "Heard", "System", "Memory", "Disk"] {
                            th scope="col" { (name) }
                        }
                    }
                }
                tbody { @for row in rows.iter().take(MAX_ROWS) { (row.markup(now)) } }
            }
            @if rows.len() > MAX_ROWS {
                p.empty { (rows.len() - MAX_ROWS) " more nodes; " code { "/api/nodes" } " has them all." }
            }
        }
    }
}

/// How many incidents that the viewer may see nobody looks after.
fn open_incidents(folds: &Projections, viewer: &Principal, now: Timestamp) -> usize {
    let orgs = folds.incidents().iter();
    let seen = orgs.filter(|(org, _)| viewer.bound_to().is_none_or(|own| own == *org));
    let incidents = seen.flat_map(|(_, all)| all.iter());
    let own =
        incidents.filter(|incident| viewer.node().is_none_or(|own| incident.matter.node_id == Some(own)));
    own.filter(|incident| incident.state(now) == IncidentState::Open).count()
}

const BANDS: [(Band, &str); 3] = [(Band::Crit, "CRIT"), (Band::Attn, "ATTN"), (Band::Ok, "OK")];

fn class(band: Band) -> &'static str {
    match band {
        Band::Crit => "crit",
        Band::Attn => "attn",
        Band::Ok => "ok",
    }
}

impl Row<'_> {
    fn markup(&self, now: Timestamp) -> Markup {
        let said = self.node.heartbeat.as_ref();
        let name = BANDS.iter().find(|(band, _)| *band == self.standing.band).map_or("", |(_, name)| name);
        html! {
            tr data-node=(self.id) {
                th scope="row" {
                    (said.map_or("—", |said| said.hostname.as_str()))
                    small { (self.org) " · " (self.id.to_string().get(..8).unwrap_or_default()) }
                }
                td { span.band.(class(self.standing.band)) { (name) } " " (self.standing.score) }
                td {
                    @if self.standing.silence == Level::Late { span.reason { "late" } }
                    @if self.standing.silence == Level::Planned { span.reason.recovering { "away as planned" } }
                    @if self.standing.flapping { span.reason { "flapping" } }
                    @for active in &self.standing.reasons { (reason(active)) }
                    @if self.standing.reasons.is_empty() && self.standing.band != Band::Ok {
                        span.reason.recovering { "over; shown for five minutes" }
                    }
                }
                td {
                    @match self.node.heard {
                        Some(heard) => time datetime=(heard.recorded_at) { (ago(now, heard.recorded_at)) " ago" },
                        None => "never",
                    }
                }
                td {
                    (said.map_or("", |said| said.os_profile.as_str()))
                    small { (said.and_then(|said| said.agent_version.as_deref()).unwrap_or_default()) }
                }
                td { (meter(said.and_then(|said| used(said.memory_total_bytes.as_ref(), said.memory_available_bytes.as_ref())))) }
                td { (meter(said.and_then(|said| used(said.disk_total_bytes.as_ref(), said.disk_available_bytes.as_ref())))) }
            }
        }
    }
}

fn reason(active: &AttentionReason) -> Markup {
    let recovering = active.phase == Phase::Recovering;
    html! {
        span.reason.recovering[recovering] title={ "weight " (active.weight) ", since " (active.since) } {
            (active.reason.as_str())
            @if !active.subject.is_empty() { " " (active.subject) }
            @if recovering { " (recovering)" }
        }
    }
}

/// A share in percent, as a bar with its number.
fn meter(percent: Option<u64>) -> Markup {
    html! {
        @if let Some(percent) = percent {
            meter min="0" max="100" high="90" optimum="0" value=(percent) {} " " (percent) " %"
        } @else { "unknown" }
    }
}

fn used(total: Option<&Reading<u64>>, available: Option<&Reading<u64>>) -> Option<u64> {
    projections::share::used(total?.known()?, available?.known()?, 100)
}

/// How something stands, in a word.
fn state(class: &str, word: &str) -> Markup {
    html! { span.state.(class) { (word) } }
}

/// How long it is until then.
fn ahead(now: Timestamp, then: Timestamp) -> String {
    ago(then, now)
}

/// A length of time in one unit.
fn ago(now: Timestamp, then: Timestamp) -> String {
    match now.millis().saturating_sub(then.millis()) / 1000 {
        secs @ ..120 => format!("{secs} s"),
        secs @ ..7200 => format!("{} min", secs / 60),
        secs @ ..172_800 => format!("{} h", secs / 3600),
        secs => format!("{} d", secs / 86_400),
    }
}
