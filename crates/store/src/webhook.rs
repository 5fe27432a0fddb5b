//! Webhooks. Their URLs, which may hold a password, and their secrets are sealed.

use gatehook_domain::id::{ProjectId, WebhookId};
use gatehook_domain::webhook::{Webhook, WebhookUrl};
use secrecy::ExposeSecret;

use crate::error::StoreError;
use crate::params;
use crate::sql::{LIST, Sql, number};
use crate::tx::Tx;
use crate::value::Row;

/// What the sealing of a URL is bound to.
const URL: &str = "webhook.url";
/// What the sealing of a secret is bound to.
const SECRET: &str = "webhook.secret";

/// Keeps a new webhook.
pub fn insert(tx: &mut Tx<'_>, webhook: &Webhook) -> Result<(), StoreError> {
    let (url, secret) = sealed(tx, webhook)?;
    tx.execute(
        "INSERT INTO webhook (id, project_id, name, url, secret, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &params![
            webhook.id,
            webhook.project,
            webhook.name,
            url,
            secret,
            webhook.created_at,
            webhook.updated_at
        ],
    )?;
    Ok(())
}

/// The webhook of this id.
pub fn by_id(tx: &mut Tx<'_>, id: &WebhookId) -> Result<Option<Webhook>, StoreError> {
    let row = tx.query_opt(
        "SELECT id, project_id, name, url, secret, created_at, updated_at FROM webhook WHERE id = $1",
        &params![id],
    )?;
    row.map(|row| read(tx, &row)).transpose()
}

/// The webhooks of these ids, those that there are, in no order.
pub(crate) fn by_ids<'a>(
    tx: &mut Tx<'_>,
    ids: impl IntoIterator<Item = &'a WebhookId>,
) -> Result<Vec<Webhook>, StoreError> {
    let ids: Vec<&WebhookId> = ids.into_iter().collect();
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(LIST) {
        let rows =
            Sql::new("SELECT id, project_id, name, url, secret, created_at, updated_at FROM webhook WHERE id IN ")
                .list(chunk)
                .query(tx)?;
        for row in rows {
            found.push(read(tx, &row)?);
        }
    }
    Ok(found)
}

/// Writes a webhook's name, URL, secret and date of change; false when it is gone. Its scope never changes.
pub fn update(tx: &mut Tx<'_>, webhook: &Webhook) -> Result<bool, StoreError> {
    let (url, secret) = sealed(tx, webhook)?;
    let changed = tx.execute(
        "UPDATE webhook SET name = $2, url = $3, secret = $4, updated_at = $5 WHERE id = $1",
        &params![webhook.id, webhook.name, url, secret, webhook.updated_at],
    )?;
    Ok(changed > 0)
}

/// Deletes a webhook and its deliveries; gives how many of them had still been owed.
pub fn delete(tx: &mut Tx<'_>, id: &WebhookId) -> Result<u64, StoreError> {
    let owed = number(tx.query_opt(
        "SELECT COUNT(*) FROM delivery WHERE webhook_id = $1 AND status = 'PENDING'",
        &params![id],
    )?)?;
    tx.execute("DELETE FROM webhook WHERE id = $1", &params![id])?;
    Ok(owed.unsigned_abs())
}

/// The webhooks of a project, without the global ones, ordered by name.
pub fn of_project(tx: &mut Tx<'_>, project: &ProjectId) -> Result<Vec<Webhook>, StoreError> {
    let rows = tx.query(
        "SELECT id, project_id, name, url, secret, created_at, updated_at
           FROM webhook WHERE project_id = $1 ORDER BY name, id",
        &params![project],
    )?;
    rows.iter().map(|row| read(tx, row)).collect()
}

/// The global webhooks, ordered by name.
pub fn global(tx: &mut Tx<'_>) -> Result<Vec<Webhook>, StoreError> {
    let rows = tx.query(
        "SELECT id, project_id, name, url, secret, created_at, updated_at
           FROM webhook WHERE project_id IS NULL ORDER BY name, id",
        &[],
    )?;
    rows.iter().map(|row| read(tx, row)).collect()
}

/// Whom an event of a project is told: the project's webhooks, then the global ones, each ordered by name.
pub fn for_event(tx: &mut Tx<'_>, project: &ProjectId) -> Result<Vec<Webhook>, StoreError> {
    let mut found = of_project(tx, project)?;
    found.extend(global(tx)?);
    Ok(found)
}

/// How many webhooks a project has, or (without one) how many global ones there are.
pub fn count(tx: &mut Tx<'_>, project: Option<&ProjectId>) -> Result<i64, StoreError> {
    number(match project {
        Some(project) => tx.query_opt("SELECT COUNT(*) FROM webhook WHERE project_id = $1", &params![project])?,
        None => tx.query_opt("SELECT COUNT(*) FROM webhook WHERE project_id IS NULL", &[])?,
    })
}

fn sealed(tx: &mut Tx<'_>, webhook: &Webhook) -> Result<(Vec<u8>, Option<Vec<u8>>), StoreError> {
    let url = tx.seal(URL, webhook.url.expose())?;
    let secret = webhook
        .secret
        .as_ref()
        .map(|secret| tx.seal(SECRET, secret.expose_secret()))
        .transpose()?;
    Ok((url, secret))
}

fn read(tx: &Tx<'_>, row: &Row) -> Result<Webhook, StoreError> {
    let url = tx.open_sealed(URL, &row.get::<Vec<u8>>(3)?)?;
    let secret = row.get::<Option<Vec<u8>>>(4)?;
    Ok(Webhook {
        id: row.get(0)?,
        project: row.get(1)?,
        name: row.get(2)?,
        // The error would show the URL, so it is left out.
        url: WebhookUrl::parse(url.expose_secret()).map_err(|_| StoreError::Corrupt {
            what: "the URL of a webhook".to_owned(),
        })?,
        secret: secret.map(|sealed| tx.open_sealed(SECRET, &sealed)).transpose()?,
        created_at: row.get(5)?,
        updated_at: row.get(6)?,
    })
}
