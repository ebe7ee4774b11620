//! Money: whole cents, and the one rule by which an exact amount becomes them.
//!
//! An amount is a fraction of integers until a line is made of it. Then it is rounded once, to the nearest cent, and from
//! exactly between two cents away from zero: 12.5 become 13, −12.5 become −13.

/// The cents of an amount of `numerator / denominator` cents. The denominator is above zero, and the numerator within
/// ±2^125.
///
/// ```
/// use spec::money::cents;
/// assert_eq!((cents(25, 2), cents(-25, 2)), (13, -13));
/// assert_eq!((cents(12_499, 1000), cents(-12_499, 1000)), (12, -12));
/// ```
pub fn cents(numerator: i128, denominator: i128) -> i128 {
    let away = (2 * numerator.abs() + denominator) / (2 * denominator);
    if numerator < 0 { -away } else { away }
}

#[cfg(test)]
mod tests {
    use super::cents;

    #[test]
    fn half_a_cent_goes_away_from_zero() {
        // In thousandths of a cent: 0.125, 0.135 and 1.005 of the currency, and what lies right beside them.
        for (millicents, expected) in [
            (12_500, 13),
            (12_499, 12),
            (12_501, 13),
            (13_500, 14),
            (100_500, 101),
            (100_499, 100),
            (500, 1),
            (499, 0),
            (0, 0),
            (1_000, 1),
        ] {
            assert_eq!(cents(millicents, 1000), expected, "{millicents}");
            assert_eq!(cents(-millicents, 1000), -expected, "-{millicents}");
        }
        assert_eq!((cents(1, 3), cents(2, 3), cents(-2, 3)), (0, 1, -1));
        assert_eq!(cents(1_i128 << 124, 1), 1 << 124);
    }
}
