//! `$NAME=VALUE` lines, and the names of parameters.

/// Whether a name may have this character.
pub(crate) fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Whether a name starts as one: with a letter or `_`.
pub(crate) fn starts_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// Splits `$NAME=VALUE`: the name and the byte offset of the value.
pub(crate) fn definition(text: &str) -> Option<(&str, usize)> {
    let rest = text.strip_prefix('$')?;
    let (name, _) = rest.split_once('=')?;
    let valid = starts_name(name) && name.chars().all(is_name);
    valid.then(|| (name, name.len().saturating_add(2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions() {
        assert_eq!(definition("$A=b c"), Some(("A", 3)));
        assert_eq!(definition("$_a1="), Some(("_a1", 5)));
        for text in ["$A =b", "$ A=b", "$1=b", "A=b", "$=b"] {
            assert_eq!(definition(text), None, "{text}");
        }
    }
}
