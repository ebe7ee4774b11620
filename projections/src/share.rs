//! What of a total is taken.

/// How many of `parts` equal parts of a total are taken, rounded down, if so much of it is available; all is free if more
/// is available than there is, and nothing is said of a total of 0.
pub fn used(total: u64, available: u64, parts: u64) -> Option<u64> {
    let taken = u128::from(total.saturating_sub(available)) * u128::from(parts);
    u64::try_from(taken.checked_div(u128::from(total))?).ok()
}

#[cfg(test)]
mod tests {
    use super::used;

    #[test]
    fn a_share_is_rounded_down_and_never_more_than_all() {
        assert_eq!((used(3, 1, 100), used(3, 1, 1000)), (Some(66), Some(666)));
        assert_eq!((used(10, 0, 100), used(10, 11, 100), used(0, 0, 100)), (Some(100), Some(0), None));
        assert_eq!(used(u64::MAX, 0, 1000), Some(1000));
    }
}
