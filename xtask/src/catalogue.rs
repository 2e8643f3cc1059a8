//! Compares the catalogue of published models with the network.

use anyhow::{Result, ensure};

/// Asks for every file and prints what differs; `endpoint` replaces the hub.
pub fn check(endpoint: Option<&str>) -> Result<()> {
    let results = noctule_cli::check_catalogue(endpoint).map_err(anyhow::Error::msg)?;
    let mut wrong = 0;
    for (name, result) in &results {
        match result {
            Ok(found) => println!("{name}: {found}"),
            Err(problem) => {
                wrong += 1;
                println!("{name}: WRONG: {problem}");
            }
        }
    }
    ensure!(wrong == 0, "{wrong} of {} entries differ", results.len());
    println!("all {} entries agree", results.len());
    Ok(())
}
