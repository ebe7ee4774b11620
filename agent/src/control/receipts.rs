//! What the node says of a command: that it is refused, that it begins, how it ended.

use super::order::Refusal;
use super::work::Done;
use spec::Hash;
use spec::payload::{CommandReceipt, ReceiptState};

/// What the first receipt of a command says that the applied policy does not allow, when it only observes.
const OBSERVED: &str = "the applied policy does not allow it, and only observes\n";

fn receipt(command: Hash, state: ReceiptState) -> CommandReceipt {
    CommandReceipt {
        code: None,
        command,
        duration_ms: None,
        exit: None,
        output: None,
        output_bytes: None,
        output_hash: None,
        state,
    }
}

/// It is not carried out.
pub(crate) fn refused(command: Hash, refusal: Refusal) -> CommandReceipt {
    let code = refusal.code().parse().unwrap_or_else(|_| unreachable!("{} is a name", refusal.code()));
    CommandReceipt { code: Some(code), ..receipt(command, ReceiptState::Refused) }
}

/// It begins; `observed`: though the applied policy, which only observes, does not allow it.
pub(crate) fn running(command: Hash, observed: bool) -> CommandReceipt {
    CommandReceipt {
        output: observed.then(|| OBSERVED.to_owned()),
        ..receipt(command, ReceiptState::Running)
    }
}

/// It is over.
pub(crate) fn ended(command: Hash, done: &Done) -> CommandReceipt {
    let state = if done.succeeded { ReceiptState::Succeeded } else { ReceiptState::Failed };
    CommandReceipt {
        duration_ms: Some(u64::try_from(done.duration.as_millis()).unwrap_or(u64::MAX)),
        exit: done.exit.map(u64::from),
        output: Some(done.output.clone()),
        output_bytes: Some(done.output_bytes),
        output_hash: Some(done.output_hash),
        ..receipt(command, state)
    }
}
