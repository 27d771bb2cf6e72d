//! `auth_hmac` of a `vrrp_instance`.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::diag::Class;
use super::super::model::{AntiReplay, AuthHmac, HmacKey, HmacMode};
use super::super::node::Node;
use super::super::place::At;
use super::instance::Maker;
use super::secret_file;

/// Lengths of keys, in octets.
const KEY_LEN: RangeInclusive<usize> = 32..=64;
/// Shortest default of `time_window`, and its longest value, in seconds.
const SHORTEST_WINDOW: u64 = 5;
const LONGEST_WINDOW: u64 = 300;

/// The remedy for a key that is not usable.
const WRITE_KEY: &str =
    "write hex: and 64 to 128 hexadecimal digits, or a word of 32 to 64 characters, or file: and a path";

impl Maker<'_, '_, '_> {
    /// The settings of all blocks; of several lines with the same keyword, the last counts.
    pub(super) fn auth_hmac(&mut self, advert_interval: Duration, strict: bool) -> Option<AuthHmac> {
        let node = self.node;
        let blocks: Vec<&Node<'_>> = node.all("auth_hmac").collect();
        let block = *blocks.last()?;
        let last = |name: &str| blocks.iter().rev().find_map(|block| block.last(name));
        let lines = blocks.iter().flat_map(|block| &block.children);
        let mut others = self.keys(lines.filter(|line| line.keyword.name == "key" && !line.bad));
        let Some((active, at)) = last("active_key").and_then(|line| Some((line.uint(0)?, line.at_arg(0)))) else {
            let text = "auth_hmac has no active_key: the block is ignored, and adverts are not authenticated";
            self.ctx.mistake(block.at(), text, "add active_key ID, with the ID of a key");
            return None;
        };
        let Some(place) = others.iter().position(|key| u64::from(key.id) == active) else {
            let text = format!("there is no key {active}: auth_hmac is ignored, and adverts are not authenticated");
            self.ctx.mistake(at, text, "write the ID of a key of this block");
            return None;
        };
        let active = others.remove(place);
        let by_default = advert_interval.as_secs().saturating_mul(3).clamp(SHORTEST_WINDOW, LONGEST_WINDOW);
        let window = last("time_window").and_then(|line| line.uint(0)).unwrap_or(by_default);
        let monotonic = last("anti_replay").and_then(|line| line.text(0)) == Some("monotonic");
        let anti_replay = if monotonic { AntiReplay::Monotonic } else { AntiReplay::Time };
        let mode = last("mode").map_or(HmacMode::Enforce, |line| self.mode(line, strict));
        Some(AuthHmac { active, others, window: Duration::from_secs(window), anti_replay, mode })
    }

    fn mode(&mut self, line: &Node<'_>, strict: bool) -> HmacMode {
        let mode = match line.text(0) {
            Some("permissive") => HmacMode::Permissive,
            Some("receive-only") => HmacMode::ReceiveOnly,
            _ => HmacMode::Enforce,
        };
        if strict && mode != HmacMode::Enforce {
            let text = "strict mode: mode enforce is used";
            self.ctx.mistake(line.at_arg(0), text, "write mode enforce, or strict_mode off");
            return HmacMode::Enforce;
        }
        mode
    }

    /// The usable keys; of several with the same ID, the first counts.
    fn keys<'n>(&mut self, lines: impl Iterator<Item = &'n Node<'n>>) -> Vec<HmacKey> {
        let mut keys: Vec<(HmacKey, At)> = Vec::new();
        for line in lines {
            let Some(id) = line.uint(0).and_then(|id| u8::try_from(id).ok()) else { continue };
            if let Some((_, first)) = keys.iter().find(|(key, _)| key.id == id) {
                let text = format!("there is a key {id} already: this one is ignored");
                let draft = self.ctx.report.fault(Class::General, line.at_arg(0), text);
                draft.also(*first, "first defined here").help("give each key its own ID");
                continue;
            }
            let Some(octets) = self.octets(line.text(1).unwrap_or_default(), line.at_arg(1)) else { continue };
            if !KEY_LEN.contains(&octets.len()) {
                let text = format!("key {id} does not have 32 to 64 octets: it is ignored");
                self.ctx.mistake(line.at_arg(1), text, WRITE_KEY);
                continue;
            }
            keys.push((HmacKey { id, octets }, line.at_arg(0)));
        }
        keys.into_iter().map(|(key, _)| key).collect()
    }

    /// The octets of a key: `hex:DIGITS`, `file:PATH`, or the word itself. A file has digits after `hex:`, or the octets.
    fn octets(&mut self, word: &str, at: At) -> Option<Vec<u8>> {
        let Some(path) = word.strip_prefix("file:") else { return self.plain(word.as_bytes(), at) };
        let octets = secret_file::read(path, at, "key", "the key is ignored", self.ctx)?;
        self.plain(&octets, at)
    }

    fn plain(&mut self, text: &[u8], at: At) -> Option<Vec<u8>> {
        let Some(digits) = text.strip_prefix(b"hex:") else { return Some(text.to_vec()) };
        let value = |digit: &u8| char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let octet = |pair: &[u8]| pair.iter().try_fold(0_u8, |octet, digit| Some(octet << 4 | value(digit)?));
        let octets: Option<Vec<u8>> = digits.chunks(2).map(octet).collect();
        if octets.is_none() {
            let text = "after hex: only hexadecimal digits are allowed: the key is ignored";
            self.ctx.mistake(at, text, WRITE_KEY);
        } else if digits.len() % 2 != 0 {
            let text = "the key has an odd number of hexadecimal digits: the last one is an octet of its own";
            self.ctx.adjusted(at, text).help("write two digits for each octet");
        }
        octets
    }
}
