//! Small files, whole or not at all.

use crate::error::Error;
use std::io::{self, Write};
use std::path::Path;

/// Writes `bytes` aside, forces them to the disk and gives the file its name.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let aside = |folder: &Path| -> io::Result<()> {
        let mut builder = tempfile::Builder::new();
        // As other files of the user: what the umask leaves of this.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.prefix(".noctule-").tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    aside(folder).map_err(|error| Error::file(path, error))
}
