//! `gatehook rotate-key`: the secrets in the database are sealed with another key.
//!
//! The database changes in one transaction. A new key that replaces the key file is written beside it first, under
//! another name, and takes its place after the commit. Whatever interrupts this, one of the two files opens the database,
//! and the command, run again, ends what it began.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use gatehook_store::{OpenError, SecretKey, Store, StoreConfig, rekey};

use crate::config::Settings;
use crate::serve::{KEY_FILE, database_url, make_private_folder, secret_key, write_private};

/// The variable with the new key. It is no flag, because others on the machine can read command lines.
const NEW_KEY: &str = "GATEHOOK_NEW_SECRET_KEY";

/// Changes the key, or ends a change that was interrupted.
pub(crate) async fn rotate(settings: &Settings) -> Result<()> {
    let ambient = crate::ambient::system();
    let data_dir = settings.data_dir();
    make_private_folder(&data_dir)?;
    let (file, coming) = (data_dir.join(KEY_FILE), coming_file(&data_dir));
    let is_file = settings.secret("secret-key").is_none();
    let old = secret_key(settings, &data_dir, &ambient)?;
    let url = database_url(settings, &data_dir)?;
    let open = |key| Store::open(StoreConfig::new(url.clone(), key), ambient.clone());
    let store = match open(old).await {
        Ok(store) => store,
        Err(OpenError::WrongKey) if is_file && coming.exists() => {
            let store = open(read(&coming)?).await;
            store.context("cannot open the database")?.close().await;
            replace(&coming, &file)?;
            return say("A change of the key that had been interrupted is complete.");
        }
        Err(error) => return Err(error).context("cannot open the database"),
    };
    let new = match std::env::var(NEW_KEY) {
        Ok(text) => text,
        Err(_) if is_file => {
            let mut bytes = [0_u8; 32];
            ambient.fill(&mut bytes);
            base64::engine::general_purpose::STANDARD.encode(bytes)
        }
        Err(_) => bail!("the key is given in GATEHOOK_SECRET_KEY; give the new one in {NEW_KEY}"),
    };
    let key = SecretKey::from_base64(&new).context(NEW_KEY)?;
    if is_file {
        write_private(&coming, &new)?;
    }
    let changed = store.write(move |tx| rekey(tx, &key)).await;
    store.close().await;
    let changed = changed.context("the secrets could not be sealed with the new key; nothing was changed")?;
    if is_file {
        replace(&coming, &file)?;
        say(&format!(
            "The secrets of {changed} webhooks are sealed with the new key in {}.",
            file.display()
        ))
    } else {
        say(&format!(
            "The secrets of {changed} webhooks are sealed with the new key. Start the servers with it in GATEHOOK_SECRET_KEY."
        ))
    }
}

/// Where the new key is until it takes the old one's place.
fn coming_file(data_dir: &Path) -> PathBuf {
    data_dir.join(format!("{KEY_FILE}.new"))
}

fn read(path: &Path) -> Result<SecretKey> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the key file {}", path.display()))?;
    SecretKey::from_base64(text.trim()).with_context(|| format!("the key file {} is damaged", path.display()))
}

fn replace(coming: &Path, file: &Path) -> Result<()> {
    std::fs::rename(coming, file).with_context(|| {
        format!(
            "the database has the new key, but {} cannot be renamed to {}; do that by hand",
            coming.display(),
            file.display()
        )
    })
}

fn say(text: &str) -> Result<()> {
    writeln!(anstream::stdout(), "{text}")?;
    Ok(())
}
