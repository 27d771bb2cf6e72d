//! Common interface of the rows of all kinds of trackers.

use super::reading::Reading;
use crate::config::model::TrackerKind;

/// A row of one kind of tracker.
pub trait Row {
    /// The configuration block of this kind.
    type Config;
    /// The kind.
    const KIND: TrackerKind;

    /// The name of a block.
    fn name_of(config: &Self::Config) -> &str;
    /// Creates a row without a reading.
    fn new(config: Self::Config) -> Self;
    /// Applies the block of a new configuration.
    fn reconfigure(&mut self, config: Self::Config);
    /// The block.
    fn config(&self) -> &Self::Config;
    /// The present reading.
    fn reading(&self) -> Reading;
}
