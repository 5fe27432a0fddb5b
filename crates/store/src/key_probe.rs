//! Whether the key is the one that the database's secrets were sealed with. Without the check a server with another key
//! would start, and fail only when it needs a secret: at its first delivery.

use secrecy::SecretString;

use crate::error::StoreError;
use crate::params;
use crate::secret::SecretKey;
use crate::tx::Tx;

const PURPOSE: &str = "key_probe";
const KNOWN: &str = "gatehook";

/// Compares the key with the database; the first one that opens the database decides. False for another key.
pub(crate) fn check(tx: &mut Tx<'_>) -> Result<bool, StoreError> {
    let sealed = tx.seal(PURPOSE, KNOWN)?;
    tx.execute(
        "INSERT INTO key_probe (id, sealed) VALUES (1, $1) ON CONFLICT (id) DO NOTHING",
        &params![sealed],
    )?;
    let row = tx.query_opt("SELECT sealed FROM key_probe WHERE id = 1", &params![])?;
    let kept: Vec<u8> = match row {
        Some(row) => row.get(0)?,
        None => return Ok(false),
    };
    Ok(tx.open_sealed(PURPOSE, &kept).is_ok())
}

/// Makes `new` the key that the database is compared with.
pub(crate) fn replace(tx: &mut Tx<'_>, new: &SecretKey) -> Result<(), StoreError> {
    let sealed = tx.seal_with(new, PURPOSE, &SecretString::from(KNOWN))?;
    tx.execute("UPDATE key_probe SET sealed = $1 WHERE id = 1", &params![sealed])?;
    Ok(())
}
