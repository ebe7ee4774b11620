//! Builds the console where npm is there, into cargo's directory alone, and lists its files for `lib.rs`.
//!
//! The sources are copied first: npm and Vite write beside what they read, and the repository is to stay as it is.
//! Without npm, or where that fails, the crate builds all the same and has no files.

#![allow(
    clippy::disallowed_methods,
    reason = "a build script writes where cargo tells it to, and nothing durable"
)]

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What the console is made of, from the root of the workspace.
const SOURCES: [&str; 9] = [
    "projections/console/src",
    "projections/console/public",
    "projections/console/index.html",
    "projections/console/package.json",
    "projections/console/package-lock.json",
    "projections/console/tsconfig.json",
    "projections/console/vite.config.ts",
    "proofs/vaultmesh-verify/src",
    "spec/openapi.json",
];

/// Set to `skip`, the console is left out though npm is there.
const SWITCH: &str = "VAULTMESH_CONSOLE";

/// Writes each built file beside itself once more, compressed: the service compresses nothing while it answers.
const COMPRESS: &str = r"
const { readdirSync, readFileSync, writeFileSync } = require('node:fs');
const { gzipSync } = require('node:zlib');
for (const entry of readdirSync('dist', { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const path = `${entry.parentPath ?? entry.path}/${entry.name}`;
  writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
}";

fn main() -> Result<()> {
    println!("cargo::rerun-if-env-changed={SWITCH}");
    println!("cargo::rerun-if-changed=build.rs");
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../..");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let files = match build(&root, &out.join("console")) {
        Ok(dist) => list(&dist)?,
        Err(problem) => {
            println!("cargo::warning=the web console is left out: {problem}");
            Vec::new()
        }
    };
    fs::write(out.join("files.rs"), table(&files)?)?;
    Ok(())
}

/// Builds the console in `work`; the folder of its files.
fn build(root: &Path, work: &Path) -> Result<PathBuf> {
    if env::var(SWITCH).is_ok_and(|value| value == "skip") {
        return Err(format!("{SWITCH}=skip").into());
    }
    for source in SOURCES {
        let to = work.join(source);
        // What was deleted from the sources must not live on.
        if to.is_dir() {
            fs::remove_dir_all(&to)?;
        }
        copy(&root.join(source), &to)?;
    }
    let console = work.join("projections/console");
    run(&console, "npm", &["ci", "--loglevel=error", "--no-audit", "--no-fund", "--ignore-scripts"])?;
    run(&console, "npm", &["run", "--silent", "build"])?;
    run(&console, "node", &["-e", COMPRESS])?;
    Ok(console.join("dist"))
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        return fs::copy(from, to).map(drop);
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

fn run(folder: &Path, program: &str, arguments: &[&str]) -> Result<()> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last =
        said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it says nothing").to_owned();
    Err(format!("{program} {}: {last}", arguments.join(" ")).into())
}

/// The built files, by their paths below `dist`.
fn list(dist: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let (mut found, mut folders) = (Vec::new(), vec![dist.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_none_or(|extension| extension != "gz") {
                let name = path.strip_prefix(dist).map_err(io::Error::other)?;
                found.push((name.to_string_lossy().into_owned(), path));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn table(files: &[(String, PathBuf)]) -> Result<String> {
    let mut text = "[\n".to_owned();
    for (name, path) in files {
        let path = path.display();
        writeln!(
            text,
            "    File {{ path: {name:?}, bytes: include_bytes!({:?}), gzip: include_bytes!({:?}) }},",
            path.to_string(),
            format!("{path}.gz"),
        )?;
    }
    text.push_str("]\n");
    Ok(text)
}
