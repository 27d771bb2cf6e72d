//! The process settings (niceness, umask, limits) that the daemon was started with. Programs are started with them.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getpriority_process, getrlimit, setpriority_process, setrlimit, umask};
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id, thread_schedule_policy,
};

/// The resource limits that the daemon may change for itself.
const LIMITS: [(&str, Resource); 5] = [
    ("core", Resource::Core),
    ("memlock", Resource::Memlock),
    ("nofile", Resource::Nofile),
    ("rtprio", Resource::Rtprio),
    ("rttime", Resource::Rttime),
];

/// Niceness, file creation mask and resource limits of a process. As text: `nice=0,umask=18,nofile=1024:524288`, and so
/// on; `-` is no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    nice: i32,
    umask: u32,
    limits: Vec<(&'static str, Rlimit)>,
}

static ORIGIN: OnceLock<Origin> = OnceLock::new();

impl Origin {
    /// The current settings of this process. No other thread may create files meanwhile: reading the umask changes it.
    pub fn of_this_process() -> Origin {
        let mask = umask(Mode::empty());
        umask(mask);
        Origin {
            nice: getpriority_process(None).unwrap_or(0),
            umask: mask.bits(),
            limits: LIMITS.map(|(name, resource)| (name, getrlimit(resource))).to_vec(),
        }
    }

    /// The same with another file creation mask.
    #[must_use]
    pub fn with_umask(self, umask: u32) -> Origin {
        Origin { umask, ..self }
    }

    /// The settings that the daemon was started with: those of [`set`](Origin::set), else those of this process at the
    /// first call. A process calls this before it changes any of them.
    pub fn of_the_daemon() -> &'static Origin {
        ORIGIN.get_or_init(Origin::of_this_process)
    }

    /// Sets the result of [`of_the_daemon`](Origin::of_the_daemon) to the settings of another process of the daemon. Has
    /// no effect after the first call of `of_the_daemon`.
    pub fn set(self) {
        let _ = ORIGIN.set(self);
    }

    /// Applies the settings, and the normal scheduling policy, to this process. Settings that it has no permission to
    /// change are left alone: a program with a lower limit is better than none.
    pub(super) fn restore(&self) {
        let normal = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
        if thread_schedule_policy().is_ok_and(|policy| policy != normal)
            && let Ok(middle) = ThreadPriorityValue::try_from(50)
        {
            let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Crossplatform(middle), normal);
        }
        let _ = setpriority_process(None, self.nice);
        umask(Mode::from_bits_truncate(self.umask));
        for (name, limit) in &self.limits {
            let resource = LIMITS.iter().find(|(known, _)| known == name).map(|(_, resource)| *resource);
            if let Some(resource) = resource
                && getrlimit(resource) != *limit
            {
                let _ = setrlimit(resource, *limit);
            }
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nice={},umask={}", self.nice, self.umask)?;
        let number = |limit: Option<u64>| limit.map_or_else(|| "-".to_owned(), |limit| limit.to_string());
        self.limits
            .iter()
            .try_for_each(|(name, limit)| write!(f, ",{name}={}:{}", number(limit.current), number(limit.maximum)))
    }
}

/// The text is not that of an [`Origin`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' are not process settings")]
pub struct ParseOriginError(String);

impl FromStr for Origin {
    type Err = ParseOriginError;

    fn from_str(text: &str) -> Result<Origin, ParseOriginError> {
        let mut origin = Origin { nice: 0, umask: 0o022, limits: Vec::new() };
        let bad = || ParseOriginError(text.to_owned());
        let limit = |text: &str| if text == "-" { Ok(None) } else { text.parse().map(Some).map_err(|_| bad()) };
        for word in text.split(',') {
            let (name, value) = word.split_once('=').ok_or_else(bad)?;
            match name {
                "nice" => origin.nice = value.parse().map_err(|_| bad())?,
                "umask" => origin.umask = value.parse().map_err(|_| bad())?,
                _ => {
                    let (name, _) = LIMITS.iter().find(|(known, _)| *known == name).ok_or_else(bad)?;
                    let (current, maximum) = value.split_once(':').ok_or_else(bad)?;
                    origin.limits.push((name, Rlimit { current: limit(current)?, maximum: limit(maximum)? }));
                }
            }
        }
        Ok(origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_settings_are_printed_and_parsed() {
        let limit = |current, maximum| Rlimit { current, maximum };
        let limits = vec![("core", limit(Some(0), None)), ("nofile", limit(Some(1024), Some(4096)))];
        let origin = Origin { nice: -5, umask: 0o27, limits };
        assert_eq!(origin.to_string(), "nice=-5,umask=23,core=0:-,nofile=1024:4096");
        assert_eq!(origin.to_string().parse(), Ok(origin));
        let here = Origin::of_this_process();
        assert_eq!(here.to_string().parse(), Ok(here));
        for bad in ["", "nice", "nice=x", "nofile=5", "files=1:2", "core=1:x"] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }
}
