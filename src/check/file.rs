//! FILE_CHECK: evaluation of the number in its file.

/// Returns the contribution to the weight of the server, or the reason of the failure.
///
/// With weight 0, any number other than 0 is a failure. Otherwise the contribution is the number times the weight, with
/// inverted sign for `reverse`; a product of -2^31 or less is a failure.
pub fn evaluate(value: i64, weight: i32, reverse: bool) -> Result<i64, String> {
    if weight == 0 {
        return if value == 0 { Ok(0) } else { Err(format!("the file contains {value}")) };
    }
    let product = value.saturating_mul(weight.into());
    let product = if reverse { product.saturating_neg() } else { product };
    if product <= i32::MIN.into() { Err(format!("the file contains {value}")) } else { Ok(product) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_by_number_and_weight() {
        let cases = [
            (0, 0, false, Some(0)),
            (1, 0, false, None),
            (-1, 0, false, None),
            (5, 2, false, Some(10)),
            (5, 2, true, Some(-10)),
            (5, -2, false, Some(-10)),
            (-2_147_483_647, 1, false, Some(-2_147_483_647)),
            (-2_147_483_648, 1, false, None),
            (2_147_483_648, 1, true, None),
            (i64::MAX, i32::MIN, false, None),
            (i64::MIN, i32::MIN, false, Some(i64::MAX)),
            (i64::MIN, 1, true, Some(i64::MAX)),
        ];
        for (value, weight, reverse, expected) in cases {
            assert_eq!(evaluate(value, weight, reverse).ok(), expected, "{value} x {weight}, reverse {reverse}");
        }
    }
}
