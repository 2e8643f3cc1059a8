//! What several tests need to know.

/// Whether only the small set is wanted, as on emulated processors, where whole windows and days of sound take minutes; says so
/// on stderr.
pub(crate) fn too_much() -> bool {
    let small = std::env::var("NOCTULE_TEST_SET").is_ok_and(|set| set == "small");
    if small {
        eprintln!("skipped: not in the small set");
    }
    small
}
