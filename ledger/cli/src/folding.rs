//! Folding a log from its first entry, wherever its files are.

use crate::data::DataDir;
use crate::failure::Failure;
use crate::options::Global;
use crate::output::{advance, bytes_bar};
use crate::remote::Remote;
use ledger::durable::RealDisk;
use ledger::segment::{Next, next_group};
use ledger::storage::segment_name;
use ledger::verify::{DiskSource, Source};
use spec::Record;
use std::ops::ControlFlow;

/// Where entries are read from: the service named with `--url`, else the data directory, beside whoever has it
/// open.
pub(crate) enum Files {
    Disk(RealDisk),
    Service(Box<Remote>),
}

impl Files {
    pub(crate) fn open(global: &Global) -> Result<Self, Failure> {
        if let Some(url) = &global.url {
            let remote = Remote::connect(url, global.token.clone())?;
            if remote.segments.is_none() {
                return Err(Failure::refused("entries need a token; give one with --token"));
            }
            return Ok(Self::Service(Box::new(remote)));
        }
        let dir = DataDir::new(global.data());
        if !dir.has_ledger() {
            let path = dir.path().display();
            return Err(Failure::io(format!("no ledger in {path}; name another with --data or --url")));
        }
        Ok(Self::Disk(dir.disk()))
    }

    /// A document beside the log.
    pub(crate) fn document(&self, name: &str) -> Result<Option<String>, Failure> {
        let bytes = self.with(|source| source.document(name)).map_err(Failure::io)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// What verifies and proves works on a source of files.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&dyn Source) -> T) -> T {
        match self {
            Self::Disk(disk) => work(&DiskSource(disk)),
            Self::Service(remote) => work(&**remote),
        }
    }

    /// Hands the entries to `take`, in their order, until it breaks off or the log ends.
    pub(crate) fn each(
        &self,
        take: &mut dyn FnMut(&Record) -> Result<ControlFlow<()>, Failure>,
    ) -> Result<(), Failure> {
        self.each_from(0, take)
    }

    /// The same, from the entry with the seq `from` on.
    pub(crate) fn each_from(
        &self,
        from: u64,
        take: &mut dyn FnMut(&Record) -> Result<ControlFlow<()>, Failure>,
    ) -> Result<(), Failure> {
        self.with(|source| each(source, from, take))
    }

    /// How many entries there are.
    pub(crate) fn size(&self) -> Result<u64, Failure> {
        self.with(|source| {
            let Some((first, _)) = source.segments().map_err(Failure::io)?.pop() else { return Ok(0) };
            let bytes = source.segment(first).map_err(Failure::io)?;
            let (mut size, mut at) = (first, 0);
            while let Next::Group(group) = next_group(&bytes, at, 0) {
                size = group.commit.size;
                at = usize::try_from(group.end).unwrap_or(usize::MAX);
            }
            Ok(size)
        })
    }
}

fn each(
    source: &dyn Source,
    from: u64,
    take: &mut dyn FnMut(&Record) -> Result<ControlFlow<()>, Failure>,
) -> Result<(), Failure> {
    let mut segments = source.segments().map_err(Failure::io)?;
    let before = segments.iter().filter(|(first, _)| *first <= from).count().saturating_sub(1);
    segments.drain(..before);
    let bar = bytes_bar(segments.iter().map(|(_, bytes)| bytes).sum(), "folding");
    for (first, _) in segments {
        let bytes = source.segment(first).map_err(Failure::io)?;
        let mut at = 0;
        while let Next::Group(group) = next_group(&bytes, at, 0) {
            let wanted = group.commit.size > from;
            for (offset, line) in group.lines().filter(|_| wanted) {
                let record = Record::parse(&String::from_utf8_lossy(line)).map_err(|e| {
                    Failure::refused(format!(
                        "{} byte {offset}: {e}; run `ledger verify`",
                        segment_name(first)
                    ))
                })?;
                if record.entry.position.seq >= from && take(&record)?.is_break() {
                    bar.finish_and_clear();
                    return Ok(());
                }
            }
            advance(&bar, group.end - at as u64);
            at = usize::try_from(group.end).unwrap_or(usize::MAX);
        }
    }
    bar.finish_and_clear();
    Ok(())
}
