//! A file creation mask: the keyword `umask`, and the option `-u`.

/// All permission bits.
const ALL: u32 = 0o777;
/// Names of bits.
const NAMES: [(&str, u32); 12] = [
    ("IRUSR", 0o400),
    ("IWUSR", 0o200),
    ("IXUSR", 0o100),
    ("IRWXU", 0o700),
    ("IRGRP", 0o040),
    ("IWGRP", 0o020),
    ("IXGRP", 0o010),
    ("IRWXG", 0o070),
    ("IROTH", 0o004),
    ("IWOTH", 0o002),
    ("IXOTH", 0o001),
    ("IRWXO", 0o007),
];

/// Parses a number in the notation of C (0x3f, 077, 63), or names of bits separated by `|`.
///
/// # Errors
/// A sentence about valid masks.
pub fn parse_umask(text: &str) -> Result<u32, String> {
    let number = match (text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")), text.strip_prefix('0')) {
        (Some(digits), _) => u32::from_str_radix(digits, 16).ok(),
        (None, Some(digits)) if !digits.is_empty() => u32::from_str_radix(digits, 8).ok(),
        _ => text.parse().ok(),
    };
    let bit = |name: &str| NAMES.iter().find(|(known, _)| *known == name).map(|(_, bit)| bit);
    let names = || text.split('|').try_fold(0, |mask, name| Some(mask | bit(name.trim())?));
    let mask = number.or_else(names).filter(|mask| *mask <= ALL);
    mask.ok_or_else(|| "a mask is a number from 0 to 0777, or bits such as IRWXG|IRWXO".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks() {
        for (text, mask) in [
            ("0027", 0o27),
            ("022", 0o22),
            ("0x3f", 0o77),
            ("63", 0o77),
            ("0", 0),
            ("0777", 0o777),
            ("IRWXG|IRWXO", 0o77),
        ] {
            assert_eq!(parse_umask(text), Ok(mask), "{text}");
        }
        for text in ["", "01777", "8x", "09", "-1", "+0x1", "IRWXG|FOO", "|"] {
            assert!(parse_umask(text).is_err(), "{text}");
        }
    }
}
