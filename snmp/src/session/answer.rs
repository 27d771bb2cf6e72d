//! Answers to Get, GetNext and GetBulk (RFC 2741 section 7.2.3).

use super::known::Known;
use crate::mib::Mib;
use crate::pdu::encode::Response;
use crate::pdu::{Head, SearchRange, error, index};
use crate::value::{Value, VarBind};

/// Longest answer, in octets. An SNMP message over UDP is no longer than this.
const MAX_ANSWER: usize = 64 * 1024;

/// Most bindings in the answer to one GetBulk, which may have fewer than requested.
const MAX_BULK_BINDS: usize = 1024;

/// Answers a Get; returns the number of bindings.
pub(super) fn get<T: 'static>(
    mib: &Mib<T>,
    data: &T,
    known: &Known,
    head: &Head,
    ranges: &[SearchRange],
    out: &mut Vec<u8>,
) -> usize {
    each(head, ranges, out, |range, answer| {
        let value = mib.get(data, &range.start);
        bind(answer, range.start.as_slice(), &known.on_wire(&value))
    })
}

/// Answers a GetNext; returns the number of bindings.
pub(super) fn get_next<T: 'static>(
    mib: &Mib<T>,
    data: &T,
    known: &Known,
    head: &Head,
    ranges: &[SearchRange],
    out: &mut Vec<u8>,
) -> usize {
    each(head, ranges, out, |range, answer| {
        let found = mib.next(data, &range.start, range.include, &range.end);
        bind(answer, found.name.as_slice(), &known.on_wire(&found.value))
    })
}

/// Answers a GetBulk; returns the number of bindings. The answer ends early, after a whole repetition,
/// when it would get too long or when no range has a further instance.
pub(super) fn get_bulk<T: 'static>(
    mib: &Mib<T>,
    data: &T,
    known: &Known,
    head: &Head,
    (non_repeaters, max_repetitions): (u16, u16),
    ranges: Vec<SearchRange>,
    out: &mut Vec<u8>,
) -> usize {
    let mut answer = Response::to(head, out);
    let mut ranges = ranges.into_iter();
    let mut count = 0;
    for range in ranges.by_ref().take(non_repeaters.into()) {
        let found = mib.next(data, &range.start, range.include, &range.end);
        if let Err(error) = bind(&mut answer, found.name.as_slice(), &known.on_wire(&found.value)) {
            answer.fail(error, index(count));
            return 0;
        }
        count += 1;
    }
    let mut repeaters: Vec<SearchRange> = ranges.collect();
    for repetition in 0..max_repetitions {
        let (length, before) = (answer.length(), count);
        let mut more = false;
        for range in &mut repeaters {
            let VarBind { name, value } = mib.next(data, &range.start, range.include, &range.end);
            if let Err(error) = bind(&mut answer, name.as_slice(), &known.on_wire(&value)) {
                if repetition == 0 {
                    answer.fail(error, index(count));
                    return 0;
                }
                answer.truncate(length);
                answer.finish();
                return before;
            }
            count += 1;
            more |= value != Value::EndOfMibView;
            (range.start, range.include) = (name, false);
        }
        if !more || count + repeaters.len() > MAX_BULK_BINDS {
            break;
        }
    }
    answer.finish();
    count
}

fn each(
    head: &Head,
    ranges: &[SearchRange],
    out: &mut Vec<u8>,
    mut one: impl FnMut(&SearchRange, &mut Response<'_>) -> Result<(), u16>,
) -> usize {
    let mut answer = Response::to(head, out);
    for (at, range) in ranges.iter().enumerate() {
        if let Err(error) = one(range, &mut answer) {
            answer.fail(error, index(at));
            return 0;
        }
    }
    answer.finish();
    ranges.len()
}

fn bind(answer: &mut Response<'_>, name: &[u32], value: &Value) -> Result<(), u16> {
    answer.bind(name, value).map_err(|_| error::GEN_ERR)?;
    if answer.length() > MAX_ANSWER {
        return Err(error::TOO_BIG);
    }
    Ok(())
}
