//! That an instance has yielded.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// That an instance has yielded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Yielded {
    /// Since when.
    pub since: Duration,
    /// Until when; `None`: until it is resumed.
    pub until: Option<Duration>,
}
