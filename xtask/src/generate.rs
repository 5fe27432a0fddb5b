//! The parts of the documentation that the program itself knows best.

use anyhow::{Context, Result, bail};

use crate::run::Cmd;

/// What `gatehook reference <word>` prints, and where it is kept.
const GENERATED: [(&str, &str); 4] = [
    ("cli", "docs/reference/cli.md"),
    ("configuration", "docs/reference/configuration.md"),
    ("web-api", "docs/reference/web-api.md"),
    ("openapi", "docs/reference/openapi.json"),
];

/// Writes the generated files, or, with `check`, fails when one is not what would be written.
pub(crate) fn generate(check: bool) -> Result<()> {
    let mut stale = Vec::new();
    for (word, path) in GENERATED {
        let text = Cmd::cargo(["run", "--quiet", "--locked", "-p", "gatehook", "--", "reference", word]).output()?;
        if check {
            if std::fs::read_to_string(path).ok().as_deref() != Some(text.as_str()) {
                stale.push(path);
            }
        } else {
            if let Some(folder) = std::path::Path::new(path).parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::write(path, text).with_context(|| format!("cannot write {path}"))?;
        }
    }
    if !stale.is_empty() {
        bail!(
            "not up to date: {}; run `cargo xtask generate` and commit what changed",
            stale.join(", ")
        );
    }
    Ok(())
}
