//! Makes text safe for a line of mail.

/// The text on one line, with spaces for control characters, cut to at most `limit` octets.
pub(super) fn line(text: &str, limit: usize) -> String {
    let mut line = String::new();
    for c in text.chars() {
        let c = if c.is_control() { ' ' } else { c };
        if line.len() + c.len_utf8() > limit {
            break;
        }
        line.push(c);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_and_ends_between_characters() {
        assert_eq!(line("a\r\nRCPT TO:<x>\u{1b}[2J", 255), "a  RCPT TO:<x> [2J");
        assert_eq!(line("aßb", 2), "a");
        assert_eq!(line("aßb", 3), "aß");
    }
}
