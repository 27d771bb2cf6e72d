//! The number at the start of a file, parsed like `strtol(3)`.

/// Parses a decimal, octal or hexadecimal number after optional white space, ignoring the rest. 0 without a number, `None`
/// when it does not fit 32 bits.
pub(super) fn number(text: &[u8]) -> Option<i32> {
    let text = text.trim_ascii_start();
    let (negative, text) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let (radix, digits) = match text {
        [b'0', b'x' | b'X', rest @ ..] if rest.first().is_some_and(u8::is_ascii_hexdigit) => (16, rest),
        [b'0', ..] => (8, text),
        _ => (10, text),
    };
    let mut value: i64 = 0;
    for digit in digits.iter().map_while(|octet| char::from(*octet).to_digit(radix)) {
        value = value.saturating_mul(radix.into()).saturating_add(digit.into());
    }
    i32::try_from(if negative { value.saturating_neg() } else { value }).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::number;

    #[test]
    fn numbers_are_parsed_like_strtol() {
        for (text, wanted) in [
            ("", Some(0)),
            ("5", Some(5)),
            (" -7\n", Some(-7)),
            ("  7\n8\n", Some(7)),
            ("+3 rest", Some(3)),
            ("12abc", Some(12)),
            ("abc", Some(0)),
            ("-", Some(0)),
            ("0x10", Some(16)),
            ("-0X1f", Some(-31)),
            ("0xg", Some(0)),
            ("010", Some(8)),
            ("08", Some(0)),
            ("0", Some(0)),
            ("2147483647", Some(i32::MAX)),
            ("-2147483648", Some(i32::MIN)),
            ("2147483648", None),
            ("99999999999", None),
            ("-99999999999999999999999", None),
        ] {
            assert_eq!(number(text.as_bytes()), wanted, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = number(&bytes);
        }

        #[test]
        fn every_number_is_parsed(wanted: i32) {
            prop_assert_eq!(number(format!("{wanted}\n").as_bytes()), Some(wanted));
            prop_assert_eq!(number(format!("{wanted:#x}").as_bytes()), i32::try_from(i64::from(wanted as u32)).ok());
        }
    }
}
