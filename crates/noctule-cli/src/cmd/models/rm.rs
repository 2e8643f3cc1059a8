//! `noctule models rm`.

use super::{name, print, print_json};
use crate::args::NameArgs;
use crate::failure::Failure;
use crate::store::Store;
use crate::store::space::size;
use crate::terminal;
use serde::Serialize;

#[derive(Debug, Serialize)]
struct Removed {
    name: String,
    /// Bytes that are free again; `null` when there was nothing.
    freed_bytes: Option<u64>,
}

/// Removes; a name that is not there is a failure.
pub fn run(args: &NameArgs) -> Result<bool, Failure> {
    let store = Store::open()?;
    let names = args.names.iter().map(|word| name(word)).collect::<Result<Vec<_>, _>>()?;
    let mut all = true;
    for name in names {
        let removed = if store.root().is_dir() {
            let lock =
                store.lock(&name, || terminal::notice(false, &format!("{name}: waiting for another process")))?;
            store.remove(&lock, &name)?
        } else {
            None
        };
        all &= removed.is_some();
        match removed {
            _ if args.json => print_json(&Removed { name, freed_bytes: removed })?,
            Some(freed) => print(&format!("{name}: removed, {} are free again\n", size(freed)))?,
            None => {
                terminal::error(&format!("{name} is not installed; 'noctule models list --installed' shows what is"))
            }
        }
    }
    Ok(all)
}
