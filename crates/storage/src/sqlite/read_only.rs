//! A data directory that somebody else may be serving, looked at from beside it: for reports. Nothing is locked, nothing
//! written.

use std::path::Path;
use std::sync::Arc;

use causeway_protocol::ConsumerId;
use causeway_protocol::legacy::LegacyLine;

use super::open;
use super::readers::Readers;
use crate::sql::legacy;
use crate::{OpenError, Page, Stored};

/// See the module.
pub struct ReadOnly {
    readers: Arc<Readers>,
}

impl ReadOnly {
    /// Opens the database of a directory.
    ///
    /// # Errors
    /// One line: it is not there, not ours, or of another schema.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let file = open::readable(dir)?;
        Ok(Self { readers: Arc::new(Readers::new(&file, 1)) })
    }

    /// As [`crate::Store::legacy`].
    pub async fn legacy(&self, since_day: i64, page: Page<ConsumerId>) -> Stored<Vec<LegacyLine>> {
        self.readers.read(async move |db| legacy::report(db, since_day, page).await).await
    }
}
