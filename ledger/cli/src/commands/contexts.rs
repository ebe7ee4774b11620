//! `ledger login`, `ledger logout` and `ledger contexts`: the services that commands go to.

use crate::client::{Client, block_on};
use crate::contexts::{Context, Contexts};
use crate::failure::Failure;
use crate::options::Global;
use crate::output::{Cell, Look, Table, answer, ask_secret, column, short};
use axum::http::Method;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use spec::Hash;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Longest token that is read: an API token is below a hundred characters, one of a provider below eight thousand.
const MAX_TOKEN_BYTES: u64 = 16 * 1024;

#[derive(Debug, Args)]
pub(crate) struct Login {
    /// Address of the service.
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// What to call it; its host, if absent.
    #[arg(long)]
    name: Option<String>,
    /// File with the token, `-` for standard input; asked for, if absent and not in `VAULTMESH_TOKEN`.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Logout {
    /// Which; the current one, if absent.
    name: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the services you have signed in to.
    List,
    /// Have commands go to this one.
    Use {
        /// Its name.
        name: String,
    },
}

/// A context, and whether it is the current one.
pub(crate) type Row = (String, Context, bool);

/// The services that somebody has signed in to.
pub(crate) const CONTEXTS: Table<Row> = Table {
    columns: &[
        column("current", |(_, _, current)| Cell::yes(*current)),
        column("name", |(name, ..)| Cell::of(name)),
        column("address", |(_, context, _)| Cell::of(&context.url)),
        column("ledger", |(_, context, _)| Cell::Id(context.ledger.to_hex())),
    ],
    nothing: "you have signed in nowhere; `ledger login ADDRESS` does it",
};

pub(crate) fn run(global: &Global, command: &Command) -> Result<ExitCode, Failure> {
    let mut contexts = of_user()?;
    match command {
        Command::List => {
            let rows: Vec<Row> = contexts
                .all()
                .map(|(name, context, current)| (name.to_owned(), context.clone(), current))
                .collect();
            let items: Vec<Value> = rows.iter().map(said).collect();
            answer(global, &json!({"items": items}), || Ok(CONTEXTS.text(&rows, &Look::here(global))))?;
        }
        Command::Use { name } => {
            contexts.make_current(name)?;
            answer(global, &json!({"current": name}), || Ok(format!("commands go to {name} now\n")))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A row without the token, which nobody has to read again.
fn said((name, context, current): &Row) -> Value {
    json!({"current": current, "ledger": context.ledger, "name": name, "url": context.url})
}

pub(crate) fn logout(global: &Global, args: &Logout) -> Result<ExitCode, Failure> {
    let name = of_user()?.forget(args.name.as_deref())?;
    answer(global, &json!({"forgotten": name}), || {
        Ok(format!("forgot {name}; its token is good until `ledger tokens revoke` ends it\n"))
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn login(global: &Global, args: &Login) -> Result<ExitCode, Failure> {
    let mut contexts = of_user()?;
    let url = args.address.trim_end_matches('/').to_owned();
    let name = match &args.name {
        Some(name) => name.clone(),
        None => host(&url)?,
    };
    // Before the token is asked for: an address that does not answer needs none.
    let ledger = block_on(async { Client::http(&url, None)?.ledger().await?.read() })?.ledger;
    if let Some(before) = contexts.get(&name).filter(|before| before.ledger != ledger) {
        return Err(other_ledger(&name, &before.ledger, &ledger));
    }
    let token = token(global, args.token_file.as_deref())?;
    block_on(check(Client::http(&url, Some(token.clone()))?))?;
    contexts.set(&name, Context { ledger, token, url })?;
    answer(global, &json!({"ledger": ledger, "name": name}), || {
        Ok(format!(
            "signed in to {name}, whose ledger is {ledger}\nCompare this id with what its operator says; `ledger verify` \
             trusts no other from now on.\n"
        ))
    })?;
    Ok(ExitCode::SUCCESS)
}

fn other_ledger(name: &str, before: &Hash, now: &Hash) -> Failure {
    Failure::refused(format!(
        "{name} has another ledger than at the first login: {} then, {} now. If its operator says that it is so, `ledger \
         logout {name}` and sign in again",
        short(before),
        short(now)
    ))
}

fn of_user() -> Result<Contexts, Failure> {
    Contexts::of_user()?.ok_or_else(|| {
        Failure::usage("neither XDG_CONFIG_HOME nor HOME is set: there is nowhere to keep contexts")
    })
}

/// The host of an address, with its port if that is written.
fn host(url: &str) -> Result<String, Failure> {
    let after = url.split_once("://").map(|(_, after)| after);
    let host = after.and_then(|after| after.split('/').next()).filter(|host| !host.is_empty());
    host.map(|host| host.replace(['[', ']'], ""))
        .ok_or_else(|| Failure::usage(format!("{url} is not an http(s) address")))
}

/// The token: from a file, from the environment, or from whoever sits there.
fn token(global: &Global, file: Option<&Path>) -> Result<String, Failure> {
    let named = |path: &Path, e: std::io::Error| Failure::io(format!("{}: {e}", path.display()));
    let mut text = String::new();
    match (file, &global.token) {
        (Some(path), _) if path == Path::new("-") => {
            std::io::stdin().lock().take(MAX_TOKEN_BYTES).read_to_string(&mut text).map_err(Failure::io)?;
        }
        (Some(path), _) => {
            let file = std::fs::File::open(path).map_err(|e| named(path, e))?;
            file.take(MAX_TOKEN_BYTES).read_to_string(&mut text).map_err(|e| named(path, e))?;
        }
        (None, Some(token)) => text.clone_from(token),
        (None, None) => text = ask_secret("Token")?,
    }
    let token = text.trim();
    if token.is_empty() || !token.chars().all(|c| c.is_ascii_graphic()) {
        return Err(Failure::usage("that is no token: one is a line of letters, digits and signs"));
    }
    Ok(token.to_owned())
}

/// Whether the service takes the token: whatever role it has, it is known.
async fn check(client: Client) -> Result<(), Failure> {
    let asked = client.send(Method::GET, "/api/nodes?limit=1", None).await?;
    if asked.status == 403 { Ok(()) } else { asked.good().map(|_| ()) }
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn a_context_is_called_as_its_host() {
        assert_eq!(host("https://vault.example.org/x").unwrap(), "vault.example.org");
        assert_eq!(host("http://[::1]:8088").unwrap(), "::1:8088");
        assert!(host("vault.example.org").is_err() && host("http:///x").is_err());
    }
}
