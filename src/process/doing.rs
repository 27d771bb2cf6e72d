//! Errors that end a process say what it was doing.

use std::io;

/// Adds to an error what failed.
pub(super) trait Doing<T> {
    /// `what` completes "cannot".
    fn doing(self, what: &str) -> io::Result<T>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: &str) -> io::Result<T> {
        self.map_err(|error| io::Error::new(error.kind(), format!("cannot {what}: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_its_kind_and_says_what_failed() {
        let error =
            io::Result::<()>::Err(io::ErrorKind::PermissionDenied.into()).doing("watch interfaces").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(error.to_string(), "cannot watch interfaces: permission denied");
    }
}
