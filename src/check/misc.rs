//! MISC_CHECK: evaluation of the result of its script.

use super::event::ScriptEnd;

/// Returns the weight that a dynamic script requests (`None`: the configured weight), or the reason of the failure.
///
/// Without `misc_dynamic`, only status 0 is a success. With `misc_dynamic`, status 0 is a success with the configured
/// weight, 1 is a failure, and 2 to 255 is a success with the weight status - 2.
pub fn evaluate(end: &ScriptEnd, dynamic: bool) -> Result<Option<u32>, String> {
    match end {
        ScriptEnd::Exited(0) => Ok(None),
        ScriptEnd::Exited(status @ 2..=255) if dynamic => Ok(u32::try_from(status - 2).ok()),
        ScriptEnd::Exited(status) => Err(format!("script exited with status {status}")),
        ScriptEnd::Signalled(signal) => Err(format!("script was killed by signal {signal}")),
        ScriptEnd::TimedOut => Err("script timed out".into()),
        ScriptEnd::NotStarted(why) => Err(format!("script could not be started: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_by_result_of_the_script() {
        use ScriptEnd::{Exited, NotStarted, Signalled, TimedOut};
        let cases = [
            (Exited(0), Some(None), Some(None)),
            (Exited(1), None, None),
            (Exited(2), None, Some(Some(0))),
            (Exited(3), None, Some(Some(1))),
            (Exited(255), None, Some(Some(253))),
            (Exited(256), None, None),
            (Exited(-1), None, None),
            (Signalled(9), None, None),
            (TimedOut, None, None),
            (NotStarted("no such file".into()), None, None),
        ];
        for (end, fixed, dynamic) in cases {
            assert_eq!(evaluate(&end, false).ok(), fixed, "{end:?}");
            assert_eq!(evaluate(&end, true).ok(), dynamic, "{end:?} with misc_dynamic");
        }
    }
}
