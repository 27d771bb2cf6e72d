//! Expressions: the steps of a rule. They load data of a packet into registers, compare them, and give a verdict.

use super::super::attributes::Attributes;
use super::wire::{GOTO, NF_ACCEPT, NF_DROP, RETURN, put_number};

const LIST_ELEM: u16 = 1;
const NAME: u16 = 1;
const DATA: u16 = 2;
/// `NFTA_DATA_VALUE`.
const VALUE: u16 = 1;
/// `NFTA_DATA_VERDICT`.
const VERDICT: u16 = 2;
/// `NFT_REG_VERDICT`.
const VERDICT_REGISTER: u32 = 0;

/// A register of 16 octets; a longer key continues in the next one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Register {
    First = 1,
    Second = 2,
    /// The second four octets of the first register.
    SecondWord = 9,
}

/// A property of a packet (`NFT_META_*`).
#[derive(Clone, Copy, Debug)]
pub(super) enum Meta {
    Mark = 3,
    Iif = 4,
    Oif = 5,
    OifName = 7,
    L4Protocol = 16,
    OifKind = 27,
}

/// The header that an offset is in (`NFT_PAYLOAD_*`).
#[derive(Clone, Copy, Debug)]
pub(super) enum Base {
    Network = 1,
    Transport = 2,
}

/// The last step of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accept,
    Drop,
    Goto(&'static str),
    /// The chain ends.
    Return,
}

/// The expressions of a rule.
#[derive(Clone, Debug, Default)]
pub(super) struct Expressions {
    list: Attributes,
}

impl Expressions {
    fn push(mut self, name: &str, data: impl FnOnce(&mut Attributes)) -> Expressions {
        self.list.nest(LIST_ELEM, |expression| {
            expression.put_text(NAME, name);
            expression.nest(DATA, data);
        });
        self
    }

    /// Loads octets of a header.
    pub(super) fn load(self, base: Base, offset: u32, length: u32) -> Expressions {
        self.load_to(Register::First, base, offset, length)
    }

    /// Loads octets of a header to a register.
    pub(super) fn load_to(self, to: Register, base: Base, offset: u32, length: u32) -> Expressions {
        self.push("payload", |data| {
            put_number(data, 1, to as u32);
            put_number(data, 2, base as u32);
            put_number(data, 3, offset);
            put_number(data, 4, length);
        })
    }

    /// Loads a property.
    pub(super) fn meta(self, key: Meta, to: Register) -> Expressions {
        self.push("meta", |data| {
            put_number(data, 2, key as u32);
            put_number(data, 1, to as u32);
        })
    }

    /// Ends the rule unless the first register has a value.
    pub(super) fn equals(self, value: &[u8]) -> Expressions {
        self.push("cmp", |data| {
            put_number(data, 1, Register::First as u32);
            put_number(data, 2, 0);
            data.nest(3, |data| data.put_octets(VALUE, value));
        })
    }

    /// Clears bits of the first register.
    pub(super) fn mask(self, mask: [u8; 16]) -> Expressions {
        self.push("bitwise", |data| {
            put_number(data, 1, Register::First as u32);
            put_number(data, 2, Register::First as u32);
            put_number(data, 3, 16);
            data.nest(4, |data| data.put(VALUE, mask));
            data.nest(5, |data| data.put(VALUE, [0; 16]));
        })
    }

    /// Ends the rule unless a set has the value of the first register.
    pub(super) fn in_set(self, set: &str) -> Expressions {
        self.push("lookup", |data| {
            put_number(data, 2, Register::First as u32);
            data.put_text(1, set);
        })
    }

    /// Replaces the second register by its value in a map; ends the rule if it has none.
    pub(super) fn map(self, map: &str) -> Expressions {
        self.push("lookup", |data| {
            put_number(data, 2, Register::Second as u32);
            put_number(data, 3, Register::Second as u32);
            data.put_text(1, map);
        })
    }

    /// Replaces the first register by the value of its key in a map; ends the rule if there is none.
    pub(super) fn look_up(self, map: &str) -> Expressions {
        self.push("lookup", |data| {
            put_number(data, 2, Register::First as u32);
            put_number(data, 3, Register::First as u32);
            data.put_text(1, map);
        })
    }

    /// Sets a property from the first register.
    pub(super) fn set_meta(self, key: Meta) -> Expressions {
        self.push("meta", |data| {
            put_number(data, 2, key as u32);
            put_number(data, 3, Register::First as u32);
        })
    }

    /// Sends a copy to the address in the first register, through the interface in the second.
    pub(super) fn duplicate(self) -> Expressions {
        self.push("dup", |data| {
            put_number(data, 1, Register::First as u32);
            put_number(data, 2, Register::Second as u32);
        })
    }

    /// Ends the expressions with a verdict.
    pub(super) fn verdict(self, verdict: Verdict, counts: bool) -> Attributes {
        let counted = if counts { self.push("counter", |_| {}) } else { self };
        let (code, chain) = match verdict {
            Verdict::Accept => (NF_ACCEPT, None),
            Verdict::Drop => (NF_DROP, None),
            Verdict::Goto(chain) => (GOTO, Some(chain)),
            Verdict::Return => (RETURN, None),
        };
        let whole = counted.push("immediate", |data| {
            put_number(data, 1, VERDICT_REGISTER);
            data.nest(2, |data| {
                data.nest(VERDICT, |data| {
                    data.put(1, code.to_be_bytes());
                    if let Some(chain) = chain {
                        data.put_text(2, chain);
                    }
                });
            });
        });
        whole.list
    }
}
