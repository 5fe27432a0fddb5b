//! Webhooks. Their URLs, which may hold a password, their secrets, headers and formats are sealed.

use std::collections::BTreeMap;
use std::sync::Arc;

use gatehook_domain::Timestamp;
use gatehook_domain::id::{ProjectId, WebhookId};
use gatehook_domain::webhook::{CustomHeader, Format, HookOptions, PreviousSecret, Webhook, WebhookUrl};
use secrecy::{ExposeSecret, SecretString};

use crate::delivery;
use crate::error::StoreError;
use crate::params;
use crate::sql::{LIST, Sql, json, number};
use crate::tx::Tx;
use crate::value::Row;

/// What the sealing of a URL is bound to.
pub(crate) const URL: &str = "webhook.url";
/// What the sealing of a secret is bound to.
pub(crate) const SECRET: &str = "webhook.secret";
/// What the sealing of headers is bound to.
pub(crate) const HEADERS: &str = "webhook.headers";
/// What the sealing of a format is bound to: it may hold a token.
pub(crate) const FORMAT: &str = "webhook.format";
/// What the sealing of a secret that was replaced is bound to. Not the same as for the present one, so that nobody who
/// can write to the database can bring it back.
pub(crate) const PREVIOUS: &str = "webhook.previous_secret";

/// The statement that gives webhooks as [`read`] wants them; only which ones differs.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT id, project_id, name, url, secret, created_at, updated_at, paused, retries, failing_since, failures, gone,
                    filter, headers, previous_secret, previous_secret_until, standard_webhooks, skip_tls_verification, format
               FROM webhook ",
            $which
        )
    };
}

/// Keeps a new webhook.
pub fn insert(tx: &mut Tx<'_>, webhook: &Webhook) -> Result<(), StoreError> {
    let Sealed {
        url,
        secret,
        headers,
        previous_secret,
        format,
    } = sealed(tx, webhook)?;
    let options = &webhook.options;
    tx.execute(
        "INSERT INTO webhook (id, project_id, name, url, secret, created_at, updated_at, paused, retries, failing_since,
                              failures, gone, filter, headers, previous_secret, previous_secret_until,
                              standard_webhooks, skip_tls_verification, format)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
        &params![
            webhook.id,
            webhook.project,
            webhook.name,
            url,
            secret,
            webhook.created_at,
            webhook.updated_at,
            webhook.paused,
            webhook.retries,
            webhook.failing_since,
            webhook.failures,
            webhook.gone,
            filter_json(options)?,
            headers,
            previous_secret,
            valid_until(options),
            options.standard_webhooks,
            options.skip_tls_verification,
            format
        ],
    )?;
    Ok(())
}

/// The webhook of this id.
pub fn by_id(tx: &mut Tx<'_>, id: &WebhookId) -> Result<Option<Webhook>, StoreError> {
    let row = tx.query_opt(select!("WHERE id = $1"), &params![id])?;
    row.map(|row| read(tx, &row)).transpose()
}

/// The webhooks of these ids, those that there are, in no order.
pub(crate) fn by_ids<'a>(
    tx: &mut Tx<'_>,
    ids: impl IntoIterator<Item = &'a WebhookId>,
) -> Result<Vec<Arc<Webhook>>, StoreError> {
    let (mut found, missing) = tx.recall_many(|remembered| &mut remembered.webhooks, ids);
    for chunk in missing.chunks(LIST) {
        let rows = Sql::new(select!("WHERE id IN ")).list(chunk).query(tx)?;
        for row in rows {
            let webhook = Arc::new(read(tx, &row)?);
            tx.remember(|remembered| &mut remembered.webhooks, &webhook.id, &webhook);
            found.push(webhook);
        }
    }
    Ok(found)
}

/// Writes a webhook's name, URL, secret, retries, options and date of change; false when it is gone. Its scope never changes,
/// whether it is paused is changed by [`pause`] and [`resume`], and its health by what comes of its calls.
pub fn update(tx: &mut Tx<'_>, webhook: &Webhook) -> Result<bool, StoreError> {
    let Sealed {
        url,
        secret,
        headers,
        previous_secret,
        format,
    } = sealed(tx, webhook)?;
    let options = &webhook.options;
    let changed = tx.execute(
        "UPDATE webhook SET name = $2, url = $3, secret = $4, updated_at = $5, retries = $6, filter = $7, headers = $8,
                            previous_secret = $9, previous_secret_until = $10, standard_webhooks = $11,
                            skip_tls_verification = $12, format = $13
          WHERE id = $1",
        &params![
            webhook.id,
            webhook.name,
            url,
            secret,
            webhook.updated_at,
            webhook.retries,
            filter_json(options)?,
            headers,
            previous_secret,
            valid_until(options),
            options.standard_webhooks,
            options.skip_tls_verification,
            format
        ],
    )?;
    Ok(changed > 0)
}

/// Lets what is owed to a webhook wait; calls that are being made end as they would. False when there is no such
/// webhook, or it was paused already.
pub fn pause(tx: &mut Tx<'_>, id: &WebhookId) -> Result<bool, StoreError> {
    Ok(tx.execute(
        "UPDATE webhook SET paused = TRUE WHERE id = $1 AND NOT paused",
        &params![id],
    )? > 0)
}

/// Lets what is owed to a paused webhook go out again; false when there is no such webhook, or it was not paused. The
/// caller wakes the engine after the commit.
pub fn resume(tx: &mut Tx<'_>, id: &WebhookId) -> Result<bool, StoreError> {
    Ok(tx.execute(
        "UPDATE webhook SET paused = FALSE WHERE id = $1 AND paused",
        &params![id],
    )? > 0)
}

/// Forgets a webhook's failures: what is known of one URL says nothing about another.
pub fn forget_failures(tx: &mut Tx<'_>, id: &WebhookId) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE webhook SET failures = 0, failing_since = NULL, gone = FALSE, announced_at = NULL WHERE id = $1",
        &params![id],
    )?;
    Ok(())
}

/// The webhooks that are not paused and whose attempts have all been no success since a moment or longer: those that have
/// failed for longest first, at most `limit`.
pub fn failing_since(tx: &mut Tx<'_>, since: Timestamp, limit: i64) -> Result<Vec<Webhook>, StoreError> {
    let rows = tx.query(
        select!("WHERE failures > 0 AND failing_since <= $1 AND NOT paused ORDER BY failing_since, id LIMIT $2"),
        &params![since, limit],
    )?;
    rows.iter().map(|row| read(tx, row)).collect()
}

/// How many webhooks there are that [`failing_since`] would find without a limit.
pub fn count_failing_since(tx: &mut Tx<'_>, since: Timestamp) -> Result<i64, StoreError> {
    number(tx.query_opt(
        "SELECT COUNT(*) FROM webhook WHERE failures > 0 AND failing_since <= $1 AND NOT paused",
        &params![since],
    )?)
}

/// The webhooks whose receivers' certificates are taken as they are, by name, at most `limit`.
pub fn unverified(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<Webhook>, StoreError> {
    let rows = tx.query(
        select!("WHERE skip_tls_verification ORDER BY name, id LIMIT $1"),
        &params![limit],
    )?;
    rows.iter().map(|row| read(tx, row)).collect()
}

/// How many webhooks there are that [`unverified`] would find without a limit.
pub fn count_unverified(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    number(tx.query_opt("SELECT COUNT(*) FROM webhook WHERE skip_tls_verification", &[])?)
}

/// Those that [`failing_since`] finds and that nobody was told about since they last took a call.
pub fn unannounced(tx: &mut Tx<'_>, since: Timestamp, limit: i64) -> Result<Vec<Webhook>, StoreError> {
    let rows = tx.query(
        select!(
            "WHERE failures > 0 AND failing_since <= $1 AND NOT paused AND announced_at IS NULL
          ORDER BY failing_since, id LIMIT $2"
        ),
        &params![since, limit],
    )?;
    rows.iter().map(|row| read(tx, row)).collect()
}

/// The webhooks that others were told about and that take calls again.
pub fn recovered(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<Webhook>, StoreError> {
    let rows = tx.query(
        select!("WHERE announced_at IS NOT NULL AND failures = 0 ORDER BY id LIMIT $1"),
        &params![limit],
    )?;
    rows.iter().map(|row| read(tx, row)).collect()
}

/// Writes down when others were told that a webhook fails, or (without a moment) that it takes calls again; false when that
/// was written down already, perhaps by another node.
pub fn set_announced(tx: &mut Tx<'_>, id: &WebhookId, at: Option<Timestamp>) -> Result<bool, StoreError> {
    let changed = match at {
        Some(at) => tx.execute(
            "UPDATE webhook SET announced_at = $2 WHERE id = $1 AND announced_at IS NULL",
            &params![id, at],
        )?,
        None => tx.execute(
            "UPDATE webhook SET announced_at = NULL WHERE id = $1 AND announced_at IS NOT NULL",
            &params![id],
        )?,
    };
    Ok(changed > 0)
}

/// What the attempts of a while say about a webhook's health.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Health {
    /// Whether one of them was a success, which ends a row of failures.
    pub(crate) succeeded: bool,
    /// Failures after the last success.
    pub(crate) failures: i64,
    /// When the first of these failures began.
    pub(crate) failing_since: Option<Timestamp>,
    /// Whether one of these failures was the answer 410.
    pub(crate) gone: bool,
}

/// Adds what was seen of webhooks' health.
pub(crate) fn note(tx: &mut Tx<'_>, healths: &BTreeMap<&WebhookId, Health>) -> Result<(), StoreError> {
    let well: Vec<&WebhookId> = healths
        .iter()
        .filter(|(_, health)| health.succeeded)
        .map(|(id, _)| *id)
        .collect();
    for ids in well.chunks(LIST) {
        // Mostly there is nothing to change, and then nothing is written.
        let mut sql = Sql::new("UPDATE webhook SET failures = 0, failing_since = NULL, gone = FALSE");
        sql.and("(failures > 0 OR gone)").and("id IN ").list(ids).execute(tx)?;
    }
    for (id, health) in healths.iter().filter(|(_, health)| health.failures > 0) {
        tx.execute(
            "UPDATE webhook SET failures = failures + $2, failing_since = COALESCE(failing_since, $3), gone = gone OR $4
              WHERE id = $1",
            &params![id, health.failures, health.failing_since, health.gone],
        )?;
    }
    Ok(())
}

/// Deletes a webhook and its deliveries; gives how many of them had still been owed.
pub fn delete(tx: &mut Tx<'_>, id: &WebhookId) -> Result<u64, StoreError> {
    let owed = delivery::count_owed(tx, id)?;
    tx.execute("DELETE FROM webhook WHERE id = $1", &params![id])?;
    Ok(owed.unsigned_abs())
}

/// The webhooks of a project, without the global ones, ordered by name.
pub fn of_project(tx: &mut Tx<'_>, project: &ProjectId) -> Result<Vec<Webhook>, StoreError> {
    let rows = tx.query(select!("WHERE project_id = $1 ORDER BY name, id"), &params![project])?;
    rows.iter().map(|row| read(tx, row)).collect()
}

/// The global webhooks, ordered by name.
pub fn global(tx: &mut Tx<'_>) -> Result<Vec<Webhook>, StoreError> {
    let rows = tx.query(select!("WHERE project_id IS NULL ORDER BY name, id"), &[])?;
    rows.iter().map(|row| read(tx, row)).collect()
}

/// Whom an event of a project is told: the project's webhooks, then the global ones, each ordered by name.
pub fn for_event(tx: &mut Tx<'_>, project: &ProjectId) -> Result<Vec<Arc<Webhook>>, StoreError> {
    tx.remembering(
        |remembered| &mut remembered.hearers,
        project,
        |tx| {
            let mut found = of_project(tx, project)?;
            found.extend(global(tx)?);
            Ok(found.into_iter().map(Arc::new).collect())
        },
    )
}

/// How many webhooks a project has, or (without one) how many global ones there are.
pub fn count(tx: &mut Tx<'_>, project: Option<&ProjectId>) -> Result<i64, StoreError> {
    number(match project {
        Some(project) => tx.query_opt("SELECT COUNT(*) FROM webhook WHERE project_id = $1", &params![project])?,
        None => tx.query_opt("SELECT COUNT(*) FROM webhook WHERE project_id IS NULL", &[])?,
    })
}

/// The columns that are sealed.
struct Sealed {
    url: Vec<u8>,
    secret: Option<Vec<u8>>,
    headers: Option<Vec<u8>>,
    previous_secret: Option<Vec<u8>>,
    format: Option<Vec<u8>>,
}

fn sealed(tx: &mut Tx<'_>, webhook: &Webhook) -> Result<Sealed, StoreError> {
    let options = &webhook.options;
    let mut seal = |purpose, secret: Option<&str>| secret.map(|secret| tx.seal(purpose, secret)).transpose();
    let previous = options.previous_secret.as_ref();
    let headers: Vec<(&str, &str)> = options
        .headers
        .iter()
        .map(|header| (header.name(), header.expose()))
        .collect();
    let headers = match headers.as_slice() {
        [] => None,
        headers => Some(json(&headers)?),
    };
    let format = match &options.format {
        format if format.is_default() => None,
        format => Some(json(format)?),
    };
    Ok(Sealed {
        format: seal(FORMAT, format.as_deref())?,
        secret: seal(SECRET, webhook.secret.as_ref().map(ExposeSecret::expose_secret))?,
        headers: seal(HEADERS, headers.as_deref())?,
        previous_secret: seal(PREVIOUS, previous.map(|previous| previous.secret.expose_secret()))?,
        url: tx.seal(URL, webhook.url.expose())?,
    })
}

fn filter_json(options: &HookOptions) -> Result<Option<String>, StoreError> {
    if options.filter.is_everything() {
        return Ok(None);
    }
    json(&options.filter).map(Some)
}

fn valid_until(options: &HookOptions) -> Option<Timestamp> {
    options.previous_secret.as_ref().map(|previous| previous.valid_until)
}

fn read(tx: &Tx<'_>, row: &Row) -> Result<Webhook, StoreError> {
    let url = tx.vault().urls.get(row.get(3)?, |sealed| {
        let url = tx.open_sealed(URL, sealed)?;
        // The error would show the URL, so it is left out.
        WebhookUrl::parse(url.expose_secret()).map_err(|_| corrupt("the URL of a webhook"))
    })?;
    let open_secret = |sealed| {
        let secrets = &tx.vault().secrets;
        secrets.get(sealed, |sealed| tx.open_sealed(SECRET, sealed))
    };
    Ok(Webhook {
        id: row.get(0)?,
        project: row.get(1)?,
        name: row.get(2)?,
        url,
        secret: row.get::<Option<Vec<u8>>>(4)?.map(open_secret).transpose()?,
        created_at: row.get(5)?,
        updated_at: row.get(6)?,
        paused: row.get(7)?,
        retries: row.get(8)?,
        failing_since: row.get(9)?,
        failures: row.get(10)?,
        gone: row.get(11)?,
        options: read_options(tx, row)?,
    })
}

fn read_options(tx: &Tx<'_>, row: &Row) -> Result<HookOptions, StoreError> {
    let (headers, previous): (Option<Vec<u8>>, Option<Vec<u8>>) = (row.get(13)?, row.get(14)?);
    let previous_secret = match (previous, row.get(15)?) {
        (Some(sealed), Some(valid_until)) => Some(PreviousSecret {
            secret: tx.open_sealed(PREVIOUS, &sealed)?,
            valid_until,
        }),
        _ => None,
    };
    Ok(HookOptions {
        filter: row
            .parse_opt(12, |text| serde_json::from_str(text))?
            .unwrap_or_default(),
        headers: match headers {
            Some(sealed) => read_headers(&tx.open_sealed(HEADERS, &sealed)?)?,
            None => Vec::new(),
        },
        previous_secret,
        standard_webhooks: row.get(16)?,
        skip_tls_verification: row.get(17)?,
        format: match row.get::<Option<Vec<u8>>>(18)? {
            // The error is not told: it may show what it stumbled over.
            Some(sealed) => serde_json::from_str(tx.open_sealed(FORMAT, &sealed)?.expose_secret())
                .map_err(|_| corrupt("the format of a webhook"))?,
            None => Format::default(),
        },
    })
}

fn read_headers(text: &SecretString) -> Result<Vec<CustomHeader>, StoreError> {
    // Neither error is told: it may show what it stumbled over.
    let unreadable = || corrupt("the headers of a webhook");
    let pairs: Vec<(String, String)> = serde_json::from_str(text.expose_secret()).map_err(|_| unreadable())?;
    let parsed = pairs.iter().map(|(name, value)| CustomHeader::parse(name, value));
    parsed.collect::<Result<_, _>>().map_err(|_| unreadable())
}

fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt { what: what.to_owned() }
}
