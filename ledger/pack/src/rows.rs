//! A row and the record that it stands for.

use crate::cell::Cell;
use crate::kinds::Typed;
use crate::schema::{self as column, COLUMNS, FIRST_TYPED};
use crate::walk::Chains;
use spec::event::Payload;
use spec::{ChainLink, Hash, Header, Name, PublicKey, Record, Signature, Timestamp, Uuid, Via};
use std::str::FromStr;

/// The columns of a row group, each with a cell for every row, or none if no row has anything in it.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) columns: Vec<Vec<Cell>>,
    pub(crate) count: usize,
}

/// What a row says, as far as it follows from its row group.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) header: Header,
    pub(crate) sig: Signature,
    pub(crate) payload: Option<Payload>,
    pub(crate) recorded_at: Timestamp,
}

/// What is wrong with a cell of a row.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", COLUMNS.get(*.column).map_or("", |column| column.name.as_str()))]
pub(crate) struct Problem {
    column: usize,
    what: String,
}

impl Rows {
    pub(crate) fn new(count: usize) -> Self {
        Self { columns: vec![Vec::new(); COLUMNS.len()], count }
    }

    pub(crate) fn cell(&self, row: usize, column: usize) -> &Cell {
        self.columns.get(column).and_then(|cells| cells.get(row)).unwrap_or(&Cell::Nothing)
    }

    /// Sets a cell; rows are filled in their order.
    pub(crate) fn set(&mut self, row: usize, column: usize, cell: Cell) {
        if let Some(cells) = self.columns.get_mut(column) {
            cells.resize(row, Cell::Nothing);
            cells.push(cell);
        }
    }

    /// The cells of a column, one for each row.
    pub(crate) fn filled(&mut self, column: usize) -> &[Cell] {
        let count = self.count;
        self.columns.get_mut(column).map_or(&[], |cells| {
            cells.resize(count, Cell::Nothing);
            cells.as_slice()
        })
    }

    fn problem(column: usize, what: &str) -> Problem {
        Problem { column, what: what.to_owned() }
    }

    pub(crate) fn bytes(&self, row: usize, column: usize) -> Option<&[u8]> {
        if let Cell::Bytes(bytes) = self.cell(row, column) { Some(bytes.data()) } else { None }
    }

    pub(crate) fn fixed<const N: usize>(&self, row: usize, column: usize) -> Option<[u8; N]> {
        self.bytes(row, column)?.try_into().ok()
    }

    pub(crate) fn hash(&self, row: usize, column: usize) -> Option<Hash> {
        self.fixed(row, column).map(Hash)
    }

    pub(crate) fn number(&self, row: usize, column: usize) -> Result<Option<u64>, Problem> {
        match self.cell(row, column) {
            Cell::Int(number) => u64::try_from(*number)
                .ok()
                .filter(|number| *number <= spec::limits::MAX_SAFE_INTEGER)
                .map(Some)
                .ok_or_else(|| Self::problem(column, "not a number of canonical JSON")),
            _ => Ok(None),
        }
    }

    pub(crate) fn is_true(&self, row: usize, column: usize) -> bool {
        *self.cell(row, column) == Cell::Bool(true)
    }

    pub(crate) fn text(&self, row: usize, column: usize) -> Result<Option<&str>, Problem> {
        let text = self.bytes(row, column).map(std::str::from_utf8).transpose();
        text.map_err(|_| Self::problem(column, "not UTF-8"))
    }

    fn typed<T: FromStr>(&self, row: usize, column: usize) -> Result<Option<T>, Problem>
    where
        T::Err: std::fmt::Display,
    {
        let parsed = self.text(row, column)?.map(T::from_str).transpose();
        parsed.map_err(|error| Self::problem(column, &error.to_string()))
    }

    fn uuid(&self, row: usize, column: usize) -> Result<Option<Uuid>, Problem> {
        let Some(bytes) = self.fixed(row, column) else { return Ok(None) };
        Uuid::from_bytes(bytes).map(Some).ok_or_else(|| Self::problem(column, "not a UUID"))
    }

    fn time(&self, row: usize, column: usize) -> Result<Timestamp, Problem> {
        const LAST: u64 = 253_402_300_799_999;
        let millis = Self::needed(column, self.number(row, column)?)?;
        if millis > LAST {
            return Err(Self::problem(column, "behind the year 9999"));
        }
        Ok(Timestamp::from_millis(millis))
    }

    fn needed<T>(column: usize, value: Option<T>) -> Result<T, Problem> {
        value.ok_or_else(|| Self::problem(column, "missing"))
    }

    /// The organisation of a row; `None` for a line that is kept as it is.
    pub(crate) fn org(&self, row: usize) -> Result<Option<Name>, Problem> {
        self.typed(row, column::ORG)
    }

    /// Reads a row. `chains` are those of the rows before; what of them it needs must be there.
    pub(crate) fn said(&self, row: usize, chains: &Chains) -> Result<Said, Problem> {
        let key = PublicKey(Self::needed(column::KEY, self.fixed(row, column::KEY))?);
        let chain = match self.fixed(row, column::CHAIN_EPOCH) {
            None => None,
            Some(epoch) => {
                let seq = Self::needed(column::CHAIN_SEQ, self.number(row, column::CHAIN_SEQ)?)?;
                let mut link = ChainLink { epoch: spec::Epoch(epoch), prev: Hash::ZERO, seq };
                let prev = self.hash(row, column::CHAIN_PREV).or_else(|| chains.prev(key, &link));
                link.prev = Self::needed(column::CHAIN_PREV, prev)?;
                Some(link)
            }
        };
        let via = match self.typed(row, column::VIA_METHOD)? {
            None => None,
            Some(method) => Some(Via { method, subject: self.typed(row, column::VIA_SUBJECT)? }),
        };
        let mut header = Header {
            author: Self::needed(column::AUTHOR, self.typed(row, column::AUTHOR)?)?,
            chain,
            id: Self::needed(column::ID, self.uuid(row, column::ID)?)?,
            key,
            kind: Self::needed(column::KIND, self.typed(row, column::KIND)?)?,
            ledger: Self::needed(column::LEDGER, self.hash(row, column::LEDGER))?,
            node_id: self.uuid(row, column::NODE_ID)?,
            org: Self::needed(column::ORG, self.org(row)?)?,
            payload_hash: Hash::ZERO,
            payload_version: Self::needed(
                column::PAYLOAD_VERSION,
                self.number(row, column::PAYLOAD_VERSION)?,
            )?,
            severity: self.typed(row, column::SEVERITY)?,
            tenant: self.typed(row, column::TENANT)?,
            ts: self.time(row, column::TS)?,
            via,
        };
        let payload = self.payload(row, &header)?;
        let hash = self.hash(row, column::PAYLOAD_HASH).or_else(|| payload.as_ref().map(Payload::hash));
        header.payload_hash = Self::needed(column::PAYLOAD_HASH, hash)?;
        let sig = Signature(Self::needed(column::SIG, self.fixed(row, column::SIG))?);
        Ok(Said { header, sig, payload, recorded_at: self.time(row, column::RECORDED_AT)? })
    }

    fn payload(&self, row: usize, header: &Header) -> Result<Option<Payload>, Problem> {
        let Some(salt) = self.hash(row, column::SALT) else { return Ok(None) };
        if let Some(json) = self.text(row, column::PAYLOAD)? {
            return Ok(Some(Payload { json: json.into(), salt }));
        }
        let typed = Typed::of(header);
        let json = typed.and_then(|(typed, first)| {
            let columns = FIRST_TYPED + first..FIRST_TYPED + first + typed.width();
            let cells: Vec<Cell> = columns.map(|column| self.cell(row, column).clone()).collect();
            let mut json = Vec::with_capacity(1024);
            typed.write(header, &cells, &mut json)?;
            String::from_utf8(json).ok()
        });
        let json = Self::needed(column::PAYLOAD, json)?;
        Ok(Some(Payload { json: json.into(), salt }))
    }

    /// Fills a row with what a record says by itself, without its place. `None` if a number is too large for a column.
    pub(crate) fn fill(&mut self, row: usize, record: &Record) -> Option<()> {
        let (header, payload) = (&record.entry.header, record.payload.as_ref());
        let mut set = |column: usize, cell: Cell| self.set(row, column, cell);
        set(column::RECORDED_AT, Cell::number(record.entry.position.recorded_at.millis())?);
        set(column::AUTHOR, Cell::from(header.author.to_string().as_str()));
        set(column::KIND, Cell::from(header.kind.as_str()));
        set(column::ORG, Cell::from(header.org.as_str()));
        set(column::TENANT, Cell::from(header.tenant.as_ref().map(Name::as_str)));
        set(column::NODE_ID, Cell::from(header.node_id.as_ref().map(Uuid::as_bytes)));
        set(column::SEVERITY, Cell::from(header.severity.map(spec::Severity::as_str)));
        set(column::TS, Cell::number(header.ts.millis())?);
        set(column::ID, Cell::from(header.id.as_bytes()));
        set(column::KEY, Cell::from(&header.key.0));
        set(column::LEDGER, Cell::from(&header.ledger.0));
        set(column::PAYLOAD_VERSION, Cell::number(header.payload_version)?);
        if let Some(link) = &header.chain {
            set(column::CHAIN_EPOCH, Cell::from(&link.epoch.0));
            set(column::CHAIN_SEQ, Cell::number(link.seq)?);
        }
        if let Some(via) = &header.via {
            set(column::VIA_METHOD, Cell::from(via.method.as_str()));
            set(column::VIA_SUBJECT, Cell::from(via.subject.as_ref().map(Name::as_str)));
        }
        set(column::SIG, Cell::from(&record.entry.sig.0));
        let Some(payload) = payload else {
            set(column::PAYLOAD_HASH, Cell::from(&header.payload_hash.0));
            return Some(());
        };
        set(column::SALT, Cell::from(&payload.salt.0));
        if payload.hash() != header.payload_hash {
            set(column::PAYLOAD_HASH, Cell::from(&header.payload_hash.0));
        }
        match Typed::of(header).and_then(|(typed, first)| Some((first, typed.take(header, &payload.json)?))) {
            Some((first, cells)) => {
                for (i, cell) in cells.into_iter().enumerate() {
                    set(FIRST_TYPED + first + i, cell);
                }
            }
            None => set(column::PAYLOAD, Cell::from(&*payload.json)),
        }
        Some(())
    }
}
