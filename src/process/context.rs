//! Errors that say which operation failed, and what to do if the system lacks something.

use std::io;

use nix::errno::Errno;

use crate::text::reason;

/// Adds the failed operation to an error.
pub(super) trait Context<T> {
    /// Prefixes the error with "Cannot `operation`: "; its kind stays.
    fn context(self, operation: &str) -> io::Result<T>;

    /// As [`Context::context`], for a step of the operation that the message names: "cannot `step`: ".
    fn step(self, step: &str) -> io::Result<T>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, operation: &str) -> io::Result<T> {
        self.map_err(|error| io::Error::new(error.kind(), format!("Cannot {operation}: {}", because(&error))))
    }

    fn step(self, step: &str) -> io::Result<T> {
        self.map_err(|error| io::Error::new(error.kind(), format!("cannot {step}: {}", because(&error))))
    }
}

/// The text of an error, with the remedy for a shortage.
pub(super) fn because(error: &io::Error) -> String {
    let remedy = match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EMFILE) => "; raise LimitNOFILE of the unit, or 'ulimit -n'",
        Some(Errno::ENFILE) => "; raise the sysctl fs.file-max",
        Some(Errno::ENOMEM) => "; the host or the cgroup of the unit has no memory left",
        _ => "",
    };
    reason(error) + remedy
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

    #[test]
    fn the_remedy_for_a_shortage_is_named_once() {
        let lacks = || io::Result::<()>::Err(Errno::EMFILE.into());
        let expected = "cannot make a socket pair: Too many open files; raise LimitNOFILE of the unit, or 'ulimit -n'";
        assert_eq!(lacks().step("make a socket pair").unwrap_err().to_string(), expected);
        let outer = lacks().step("make a socket pair").context("start it").unwrap_err().to_string();
        assert_eq!(outer, format!("Cannot start it: {expected}"));
    }
}
