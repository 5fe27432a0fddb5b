//! Sealing everything anew with another key.

use crate::error::StoreError;
use crate::params;
use crate::secret::SecretKey;
use crate::tx::Tx;
use crate::value::Row;
use crate::{key_probe, webhook};

/// How many webhooks are read at once.
const PAGE: i64 = 200;

/// Opens every secret with the key that the store has and seals it with `new`, in the caller's transaction; gives how many
/// webhooks that were. After the commit only a store with the new key can open the database: this one is to be closed.
pub fn rekey(tx: &mut Tx<'_>, new: &SecretKey) -> Result<u64, StoreError> {
    let (mut after, mut count) = (String::new(), 0);
    loop {
        let rows = tx.query(
            "SELECT id, url, secret, headers, previous_secret, format FROM webhook WHERE id > $1 ORDER BY id LIMIT $2",
            &params![after, PAGE],
        )?;
        for row in &rows {
            after = row.get(0)?;
            let mut anew = |at, purpose| resealed(tx, new, row, at, purpose);
            let (url, secret) = (anew(1, webhook::URL)?, anew(2, webhook::SECRET)?);
            let (headers, previous) = (anew(3, webhook::HEADERS)?, anew(4, webhook::PREVIOUS)?);
            let format = anew(5, webhook::FORMAT)?;
            tx.execute(
                "UPDATE webhook SET url = $2, secret = $3, headers = $4, previous_secret = $5, format = $6 WHERE id = $1",
                &params![after, url, secret, headers, previous, format],
            )?;
            count += 1;
        }
        if (rows.len() as i64) < PAGE {
            break;
        }
    }
    key_probe::replace(tx, new)?;
    Ok(count)
}

fn resealed(
    tx: &mut Tx<'_>,
    new: &SecretKey,
    row: &Row,
    at: usize,
    purpose: &str,
) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(sealed) = row.get::<Option<Vec<u8>>>(at)? else {
        return Ok(None);
    };
    let secret = tx.open_sealed(purpose, &sealed)?;
    tx.seal_with(new, purpose, &secret).map(Some)
}
