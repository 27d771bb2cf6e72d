//! The row indices of the sessions, for a replacement of the process.

use crate::state::{self, Lasting, Reader, Unusable, Writer};

/// The row indices of the sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Indices {
    /// By name.
    pub(super) sessions: state::Indices<String>,
}

impl Lasting for Indices {
    const NAME: &'static str = "row indices of the BFD process";
    const VERSION: u32 = 2;

    fn write(&self, sections: &mut Writer) {
        sections.put("sessions", &self.sessions);
    }

    fn read(sections: &mut Reader<'_>) -> Result<Indices, Unusable> {
        Ok(Indices { sessions: sections.take("sessions")? })
    }
}
