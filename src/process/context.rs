//! Errors that say which operation failed.

use std::io;

use crate::text::reason;

/// Adds the failed operation to an error.
pub(super) trait Context<T> {
    /// Prefixes the error with "Cannot `operation`: "; its kind stays.
    fn context(self, operation: &str) -> io::Result<T>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, operation: &str) -> io::Result<T> {
        self.map_err(|error| io::Error::new(error.kind(), format!("Cannot {operation}: {}", reason(&error))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_its_kind_and_names_the_failed_operation() {
        let error =
            io::Result::<()>::Err(io::ErrorKind::PermissionDenied.into()).context("watch interfaces").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(error.to_string(), "Cannot watch interfaces: Permission denied");
    }
}
