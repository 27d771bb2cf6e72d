//! Records of the fakes.

use serde::{Deserialize, Serialize};

use crate::state::{Lasting, Reader, Record, Unusable, Writer};

/// Names of rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Names(pub(super) Vec<String>);

impl Record for Names {
    const NAME: &'static str = "names";
    const VERSION: u32 = 1;
}

/// Number of changes so far.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Count(pub(super) u32);

impl Lasting for Names {
    const NAME: &'static str = "names";
    const VERSION: u32 = 1;

    fn write(&self, sections: &mut Writer) {
        sections.put("names", &self.0);
    }

    fn read(sections: &mut Reader<'_>) -> Result<Names, Unusable> {
        Ok(Names(sections.take("names")?))
    }
}

impl Lasting for Count {
    const NAME: &'static str = "a count";
    const VERSION: u32 = 1;

    fn write(&self, sections: &mut Writer) {
        sections.put("count", &self.0);
    }

    fn read(sections: &mut Reader<'_>) -> Result<Count, Unusable> {
        Ok(Count(sections.take("count")?))
    }
}
