//! Flags that every command takes.

use crate::contexts::Contexts;
use crate::failure::Failure;
use clap::{Args, ValueEnum};
use spec::Hash;
use std::path::{Path, PathBuf};

/// Flags every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Data directory of the ledger; `./vaultmesh-data`, if neither a service nor a context is named.
    #[arg(long, global = true, env = "VAULTMESH_DATA", help_heading = EVERYWHERE)]
    pub(crate) data: Option<PathBuf>,
    /// A service that you have signed in to with `ledger login`, in place of the current one.
    #[arg(long, global = true, value_name = "NAME", help_heading = EVERYWHERE)]
    pub(crate) context: Option<String>,
    /// Address of a running service, in place of the data directory.
    #[arg(long, global = true, env = "VAULTMESH_CC_URL", help_heading = EVERYWHERE)]
    pub(crate) url: Option<String>,
    /// API token for --url.
    #[arg(long, global = true, env = "VAULTMESH_TOKEN", hide_env_values = true, help_heading = EVERYWHERE)]
    pub(crate) token: Option<String>,
    /// How answers are written to standard output; for people, if absent.
    #[arg(short = 'o', long = "output", global = true, value_enum, help_heading = EVERYWHERE)]
    pub(crate) output: Option<Output>,
    /// How much is said on standard error.
    #[arg(long, global = true, env = "VAULTMESH_LOG", default_value = "warn", help_heading = EVERYWHERE)]
    pub(crate) log: tracing::Level,
    /// How it is said there; the environment's to choose, as it is for the agent.
    #[arg(long, global = true, env = "VAULTMESH_LOG_FORMAT", value_enum, default_value_t, hide = true)]
    pub(crate) log_format: LogFormat,
    /// The id of the context's ledger.
    #[arg(skip)]
    pub(crate) ledger: Option<Hash>,
}

/// The form of messages on standard error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// A line each, for people.
    #[default]
    Text,
    /// A JSON object each.
    Json,
}

/// Whether a person is asked before what cannot be taken back.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Sure {
    /// Do not ask first. Without a terminal nobody is asked.
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// Where help shows what every command takes.
const EVERYWHERE: &str = "Options of every command";

/// Forms of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Table,
    /// For people with room: more columns, whole ids and times.
    Wide,
    /// One JSON document, as the service says it.
    Json,
    /// One JSON document a line: of a list its items.
    Jsonl,
    /// YAML.
    Yaml,
}

impl Global {
    /// The data directory.
    pub(crate) fn data(&self) -> &Path {
        self.data.as_deref().unwrap_or(Path::new("./vaultmesh-data"))
    }

    /// Where a command goes that can go to a service: to the context that is named, else to `--url`, else to `--data`,
    /// else to the current context, else to the data directory here.
    pub(crate) fn settled(mut self) -> Result<Self, Failure> {
        if self.context.is_none() && (self.url.is_some() || self.data.is_some()) {
            return Ok(self);
        }
        let Some(contexts) = Contexts::of_user()? else { return Ok(self) };
        if let Some(context) = contexts.pick(self.context.as_deref())? {
            (self.url, self.token) = (Some(context.url.clone()), Some(context.token.clone()));
            self.ledger = Some(context.ledger);
        }
        Ok(self)
    }

    /// Whether an answer is for people; it is unless another form was asked for.
    pub(crate) fn for_people(&self) -> bool {
        matches!(self.output, None | Some(Output::Table | Output::Wide))
    }

    /// Whether people have room.
    pub(crate) fn is_wide(&self) -> bool {
        self.output == Some(Output::Wide)
    }
}
