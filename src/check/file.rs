//! FILE_CHECK: what the number in its file means.

/// What is added to the weight of the server, or why the check failed.
///
/// With weight 0 any number but zero is a failure. Else the product of number and weight is added, its sign turned by
/// `reverse`; a product of -2^31 or less is a failure.
pub fn judge(value: i64, weight: i32, reverse: bool) -> Result<i64, String> {
    if weight == 0 {
        return if value == 0 { Ok(0) } else { Err(format!("file says {value}")) };
    }
    let product = value.saturating_mul(weight.into());
    let product = if reverse { product.saturating_neg() } else { product };
    if product <= i32::MIN.into() { Err(format!("file says {value}")) } else { Ok(product) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_weights() {
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
            assert_eq!(judge(value, weight, reverse).ok(), expected, "{value} x {weight}, reverse {reverse}");
        }
    }
}
