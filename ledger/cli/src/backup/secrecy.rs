//! Encryption with age, for X25519 recipients (`age1…`).

use crate::failure::Failure;
use age::x25519::{Identity, Recipient};
use std::io::{Read as _, Write as _};
use std::path::Path;

/// Whom objects are encrypted for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sealing(Vec<String>);

/// The keys that open objects.
#[derive(Default)]
pub(crate) struct Opening(Vec<Identity>);

/// The reason why an object stays closed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Closed {
    #[error("it is encrypted; give the key with --identity")]
    NoKey,
    #[error(transparent)]
    Age(#[from] age::DecryptError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl std::fmt::Debug for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Opening({} keys)", self.0.len())
    }
}

fn recipient(text: &str) -> Result<Recipient, Failure> {
    let refused = |why: &str| {
        Failure::usage(format!("{text} is no recipient of age ({why}); `age-keygen -y KEY_FILE` says it"))
    };
    text.parse().map_err(refused)
}

impl Sealing {
    /// For these recipients; none is no encryption.
    pub(crate) fn of(recipients: &[String]) -> Result<Self, Failure> {
        let mut texts = Vec::new();
        for text in recipients {
            texts.push(recipient(text)?.to_string());
        }
        texts.sort_unstable();
        texts.dedup();
        Ok(Self(texts))
    }

    pub(crate) fn recipients(&self) -> &[String] {
        &self.0
    }

    /// What is stored for these bytes.
    pub(super) fn seal(&self, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
        if self.0.is_empty() {
            return Ok(bytes.to_vec());
        }
        let recipients = self.0.iter().map(|text| recipient(text)).collect::<Result<Vec<_>, _>>()?;
        let recipients = recipients.iter().map(|recipient| -> &dyn age::Recipient { recipient });
        let encryptor = age::Encryptor::with_recipients(recipients).map_err(Failure::io)?;
        let mut sealed = Vec::with_capacity(bytes.len() + 1024);
        let mut writer = encryptor.wrap_output(&mut sealed)?;
        writer.write_all(bytes)?;
        writer.finish()?;
        Ok(sealed)
    }
}

impl Opening {
    /// The keys of a file as `age-keygen` writes it.
    pub(crate) fn of(file: Option<&Path>) -> Result<Self, Failure> {
        let Some(file) = file else { return Ok(Self::default()) };
        let named = |why: &dyn std::fmt::Display| format!("--identity {}: {why}", file.display());
        let text = std::fs::read_to_string(file).map_err(|error| Failure::io(named(&error)))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys = lines.map(str::parse::<Identity>).collect::<Result<Vec<_>, _>>();
        let keys = keys.map_err(|_| Failure::usage(named(&"a line is no AGE-SECRET-KEY-1…")))?;
        if keys.is_empty() {
            return Err(Failure::usage(named(&"there is no key in it")));
        }
        Ok(Self(keys))
    }

    /// What an object holds.
    pub(super) fn open(&self, sealed: &[u8]) -> Result<Vec<u8>, Closed> {
        if self.0.is_empty() {
            return Err(Closed::NoKey);
        }
        let keys = self.0.iter().map(|key| -> &dyn age::Identity { key });
        let decryptor = age::Decryptor::new_buffered(sealed)?;
        let mut reader = decryptor.decrypt(keys)?;
        let mut bytes = Vec::with_capacity(sealed.len());
        reader.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}
