-- One text for both engines. The words BIGINT, BOOLEAN, BLOB and STRICT are the tokens that the migration replaces:
-- SQLite's STRICT tables know INTEGER and BLOB only, PostgreSQL knows BIGINT, BOOLEAN and BYTEA and no STRICT.
-- Moments are milliseconds since 1970. Ids are made by the program and sort by the time they were made.
-- Words of closed sets are checked where the program reads them; the checks here guard what spans several columns.

-- Who may do what ---------------------------------------------------------------------------------------------------

CREATE TABLE user_account (
    id TEXT NOT NULL PRIMARY KEY,
    login TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    password_hash TEXT,
    active BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL
) STRICT;

CREATE TABLE user_group (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- The group everybody is in, also those who did not log in; it has no rows in group_member.
INSERT INTO user_group (id, name) VALUES ('anyone', 'Anyone');

CREATE TABLE group_member (
    group_id TEXT NOT NULL REFERENCES user_group (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES user_account (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, group_id),
    CHECK (group_id <> 'anyone')
) STRICT;
CREATE INDEX group_member_group ON group_member (group_id);

CREATE TABLE project (
    id TEXT NOT NULL PRIMARY KEY,
    project_key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    visibility TEXT NOT NULL CHECK (visibility IN ('public', 'private')),
    created_at BIGINT NOT NULL
) STRICT;

CREATE TABLE user_token (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES user_account (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    project_id TEXT REFERENCES project (id) ON DELETE CASCADE,
    hash TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT,
    UNIQUE (user_id, name),
    CHECK ((kind = 'PROJECT_ANALYSIS_TOKEN') = (project_id IS NOT NULL))
) STRICT;
CREATE INDEX user_token_project ON user_token (project_id) WHERE project_id IS NOT NULL;

-- Without a project a right is one over the whole system.
CREATE TABLE user_permission (
    user_id TEXT NOT NULL REFERENCES user_account (id) ON DELETE CASCADE,
    project_id TEXT REFERENCES project (id) ON DELETE CASCADE,
    permission TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX user_permission_global ON user_permission (user_id, permission) WHERE project_id IS NULL;
CREATE UNIQUE INDEX user_permission_project ON user_permission (project_id, user_id, permission) WHERE project_id IS NOT NULL;
CREATE INDEX user_permission_user ON user_permission (user_id, permission);

CREATE TABLE group_permission (
    group_id TEXT NOT NULL REFERENCES user_group (id) ON DELETE CASCADE,
    project_id TEXT REFERENCES project (id) ON DELETE CASCADE,
    permission TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX group_permission_global ON group_permission (group_id, permission) WHERE project_id IS NULL;
CREATE UNIQUE INDEX group_permission_project ON group_permission (project_id, group_id, permission) WHERE project_id IS NOT NULL;
CREATE INDEX group_permission_group ON group_permission (group_id, permission);

-- Projects and what they are made of --------------------------------------------------------------------------------

CREATE TABLE setting (
    name TEXT NOT NULL,
    project_id TEXT REFERENCES project (id) ON DELETE CASCADE,
    value TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX setting_global ON setting (name) WHERE project_id IS NULL;
CREATE UNIQUE INDEX setting_project ON setting (project_id, name) WHERE project_id IS NOT NULL;

CREATE TABLE branch (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('BRANCH', 'PULL_REQUEST')),
    name TEXT NOT NULL,
    is_main BOOLEAN NOT NULL,
    source TEXT,
    target TEXT,
    title TEXT,
    created_at BIGINT NOT NULL,
    -- No foreign key: analyses point at their branch already, and neither engine's migrations like circles.
    last_analysis_id TEXT,
    revision BIGINT NOT NULL,
    UNIQUE (project_id, kind, name),
    CHECK (NOT is_main OR kind = 'BRANCH')
) STRICT;
CREATE UNIQUE INDEX branch_main ON branch (project_id) WHERE is_main;

-- Says what new code is for a branch, for a project, or (neither given) for everything.
CREATE TABLE new_code_period (
    project_id TEXT REFERENCES project (id) ON DELETE CASCADE,
    branch_id TEXT REFERENCES branch (id) ON DELETE CASCADE,
    mode TEXT NOT NULL,
    value TEXT,
    CHECK (project_id IS NULL OR branch_id IS NULL)
) STRICT;
CREATE UNIQUE INDEX new_code_period_project ON new_code_period (project_id) WHERE project_id IS NOT NULL;
CREATE UNIQUE INDEX new_code_period_branch ON new_code_period (branch_id) WHERE branch_id IS NOT NULL;

-- The root of a branch has the branch's id and an empty path.
CREATE TABLE component (
    id TEXT NOT NULL PRIMARY KEY,
    branch_id TEXT NOT NULL REFERENCES branch (id) ON DELETE CASCADE,
    qualifier TEXT NOT NULL CHECK (qualifier IN ('TRK', 'FIL', 'UTS')),
    path TEXT NOT NULL,
    name TEXT NOT NULL,
    language TEXT,
    enabled BOOLEAN NOT NULL,
    line_hashes BLOB NOT NULL,
    UNIQUE (branch_id, path),
    CHECK ((qualifier = 'TRK') = (id = branch_id)),
    CHECK ((qualifier = 'TRK') = (path = ''))
) STRICT;

-- Rules are shared by all projects and never deleted, so issues name them without a foreign key.
CREATE TABLE rule (
    rule_key TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    kind TEXT NOT NULL,
    severity TEXT NOT NULL,
    attribute TEXT NOT NULL,
    impacts TEXT NOT NULL
) STRICT;

CREATE TABLE issue (
    id TEXT NOT NULL PRIMARY KEY,
    branch_id TEXT NOT NULL REFERENCES branch (id) ON DELETE CASCADE,
    component_id TEXT NOT NULL REFERENCES component (id) ON DELETE CASCADE,
    rule_key TEXT NOT NULL,
    kind TEXT NOT NULL,
    severity TEXT NOT NULL,
    manual_severity BOOLEAN NOT NULL,
    status TEXT NOT NULL,
    resolution TEXT,
    impact_maintainability TEXT,
    impact_reliability TEXT,
    impact_security TEXT,
    attribute TEXT NOT NULL,
    message TEXT NOT NULL,
    line BIGINT,
    end_line BIGINT,
    start_offset BIGINT,
    end_offset BIGINT,
    line_hash TEXT NOT NULL,
    effort BIGINT NOT NULL,
    flows TEXT NOT NULL,
    assignee TEXT,
    author TEXT,
    tags TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    closed_at BIGINT,
    on_changed_lines BOOLEAN NOT NULL,
    before_status TEXT,
    before_resolution TEXT,
    CHECK ((line IS NULL) = (end_line IS NULL) AND (line IS NULL) = (start_offset IS NULL) AND (line IS NULL) = (end_offset IS NULL)),
    CHECK (before_resolution IS NULL OR before_status IS NOT NULL)
) STRICT;
CREATE INDEX issue_component ON issue (component_id, status);
CREATE INDEX issue_branch ON issue (branch_id, status);
CREATE INDEX issue_assignee ON issue (assignee) WHERE assignee IS NOT NULL;

CREATE TABLE issue_change (
    issue_id TEXT NOT NULL REFERENCES issue (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    login TEXT,
    at BIGINT NOT NULL,
    diffs TEXT NOT NULL,
    PRIMARY KEY (issue_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE measure (
    component_id TEXT NOT NULL PRIMARY KEY REFERENCES component (id) ON DELETE CASCADE,
    branch_id TEXT NOT NULL REFERENCES branch (id) ON DELETE CASCADE,
    measures TEXT NOT NULL
) STRICT;
CREATE INDEX measure_branch ON measure (branch_id);

-- Counters of the issues of a file, and of the whole branch at its root; kept up to date by differences.
CREATE TABLE issue_count (
    component_id TEXT NOT NULL PRIMARY KEY REFERENCES component (id) ON DELETE CASCADE,
    branch_id TEXT NOT NULL REFERENCES branch (id) ON DELETE CASCADE,
    tally TEXT NOT NULL
) STRICT;
CREATE INDEX issue_count_branch ON issue_count (branch_id);

-- Analyses and the tasks that make them -----------------------------------------------------------------------------

CREATE TABLE analysis (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,
    branch_id TEXT NOT NULL REFERENCES branch (id) ON DELETE CASCADE,
    task_id TEXT NOT NULL,
    date BIGINT NOT NULL,
    version TEXT,
    build TEXT,
    revision TEXT,
    period_mode TEXT,
    period_date BIGINT,
    period_parameter TEXT,
    properties TEXT NOT NULL,
    measures TEXT NOT NULL,
    CHECK (period_mode IS NOT NULL OR (period_date IS NULL AND period_parameter IS NULL))
) STRICT;
CREATE INDEX analysis_branch ON analysis (branch_id, date, id);
CREATE INDEX analysis_project ON analysis (project_id);

CREATE TABLE task (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,
    branch_kind TEXT NOT NULL CHECK (branch_kind IN ('MAIN', 'BRANCH', 'PULL_REQUEST')),
    branch_name TEXT,
    status TEXT NOT NULL CHECK (status IN ('PENDING', 'IN_PROGRESS', 'SUCCESS', 'FAILED', 'CANCELED')),
    submitted_at BIGINT NOT NULL,
    submitter TEXT,
    started_at BIGINT,
    executed_at BIGINT,
    attempts BIGINT NOT NULL,
    error TEXT,
    error_type TEXT,
    warnings TEXT NOT NULL,
    analysis_id TEXT,
    owner TEXT,
    lease_until BIGINT,
    CHECK ((branch_kind = 'MAIN') = (branch_name IS NULL)),
    CHECK ((status = 'IN_PROGRESS') = (owner IS NOT NULL)),
    CHECK ((status = 'IN_PROGRESS') = (lease_until IS NOT NULL)),
    CHECK ((status IN ('SUCCESS', 'FAILED', 'CANCELED')) = (executed_at IS NOT NULL))
) STRICT;
CREATE INDEX task_queue ON task (submitted_at, id) WHERE status IN ('PENDING', 'IN_PROGRESS');
CREATE UNIQUE INDEX task_running ON task (project_id) WHERE status = 'IN_PROGRESS';
CREATE INDEX task_project ON task (project_id, submitted_at);
CREATE INDEX task_submitted ON task (submitted_at, id);

CREATE TABLE task_report (
    task_id TEXT NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    seq BIGINT NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (task_id, seq)
) STRICT;

-- Quality gates -----------------------------------------------------------------------------------------------------

CREATE TABLE gate (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    built_in BOOLEAN NOT NULL,
    is_default BOOLEAN NOT NULL
) STRICT;
CREATE UNIQUE INDEX gate_default ON gate (is_default) WHERE is_default;

CREATE TABLE gate_condition (
    id TEXT NOT NULL PRIMARY KEY,
    gate_id TEXT NOT NULL REFERENCES gate (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    metric TEXT NOT NULL,
    operator TEXT NOT NULL,
    threshold TEXT NOT NULL,
    UNIQUE (gate_id, metric)
) STRICT;

CREATE TABLE gate_project (
    project_id TEXT NOT NULL PRIMARY KEY REFERENCES project (id) ON DELETE CASCADE,
    gate_id TEXT NOT NULL REFERENCES gate (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX gate_project_gate ON gate_project (gate_id);

-- Webhooks and what is owed to them ---------------------------------------------------------------------------------

-- The URL may hold a password, so it is sealed like the secret.
CREATE TABLE webhook (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT REFERENCES project (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    url BLOB NOT NULL,
    secret BLOB,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- What is owed to a paused webhook waits.
    paused BOOLEAN NOT NULL,
    -- Whether failed calls are tried again; NULL is: as the setting says.
    retries BOOLEAN,
    -- Attempts in a row that were no success, since when, and whether the receiver said that it is gone for good.
    failures BIGINT NOT NULL,
    failing_since BIGINT,
    gone BOOLEAN NOT NULL,
    -- When others were told that its calls fail; NULL is: not since they last arrived.
    announced_at BIGINT,
    -- Which events it is told, as JSON; NULL is: those SonarQube's webhooks are told.
    filter TEXT,
    -- Headers that are added to its calls, sealed JSON.
    headers BLOB,
    -- The secret before this one, sealed, and until when receivers may still check with it.
    previous_secret BLOB,
    previous_secret_until BIGINT,
    standard_webhooks BOOLEAN NOT NULL,
    skip_tls_verification BOOLEAN NOT NULL,
    -- What its calls look like, sealed JSON, because it may hold a token; NULL is: SonarQube's payload.
    format BLOB,
    CHECK ((failures = 0) = (failing_since IS NULL)),
    CHECK ((previous_secret IS NULL) = (previous_secret_until IS NULL))
) STRICT;
CREATE INDEX webhook_project ON webhook (project_id, name);

CREATE INDEX webhook_failing ON webhook (id) WHERE failures > 0;

CREATE TABLE webhook_event (
    id TEXT NOT NULL PRIMARY KEY,
    -- NULL when it is about a global webhook.
    project_id TEXT REFERENCES project (id) ON DELETE CASCADE,
    project_key TEXT,
    branch_id TEXT,
    kind TEXT NOT NULL,
    task_id TEXT,
    analysis_id TEXT,
    payload BLOB NOT NULL,
    created_at BIGINT NOT NULL
) STRICT;
CREATE INDEX webhook_event_project ON webhook_event (project_id);
CREATE INDEX webhook_event_created ON webhook_event (created_at, id);

CREATE TABLE delivery (
    id TEXT NOT NULL PRIMARY KEY,
    event_id TEXT NOT NULL REFERENCES webhook_event (id) ON DELETE CASCADE,
    webhook_id TEXT NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    project_id TEXT REFERENCES project (id) ON DELETE CASCADE,
    task_id TEXT,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('PENDING', 'DELIVERED', 'FAILED')),
    due_at BIGINT,
    attempts BIGINT NOT NULL,
    -- The number of the last attempt that ended; attempts counts those that were begun.
    last_attempt BIGINT,
    -- Attempts that were begun before the delivery was last sent again by hand; its retries are counted from there.
    earlier_attempts BIGINT NOT NULL DEFAULT 0,
    -- What is sent in the place of the event's payload, and what is added to the path of the webhook's URL; NULL is: that
    -- payload, and nothing. An empty body: nothing could be made of the event, and nothing is sent.
    body BLOB,
    path TEXT,
    created_at BIGINT NOT NULL,
    owner TEXT,
    lease_until BIGINT,
    CHECK ((status = 'PENDING') = (due_at IS NOT NULL)),
    CHECK ((owner IS NULL) = (lease_until IS NULL)),
    CHECK (owner IS NULL OR status = 'PENDING'),
    CHECK (last_attempt IS NULL OR last_attempt <= attempts),
    CHECK (path IS NULL OR body IS NOT NULL)
) STRICT, WITHOUT ROWID;
-- First attempts are due at once; when the next of the others is due is looked for.
CREATE INDEX delivery_later ON delivery (due_at)
    WHERE status = 'PENDING' AND owner IS NULL AND last_attempt IS NOT NULL;
-- A claim goes from webhook to webhook, so that what is owed to one is never in the way of another.
CREATE INDEX delivery_fresh ON delivery (webhook_id, due_at, id)
    WHERE status = 'PENDING' AND owner IS NULL AND last_attempt IS NULL;
CREATE INDEX delivery_again ON delivery (webhook_id, due_at, id)
    WHERE status = 'PENDING' AND owner IS NULL AND last_attempt IS NOT NULL;
CREATE INDEX delivery_leased ON delivery (lease_until) WHERE owner IS NOT NULL;
CREATE INDEX delivery_event ON delivery (event_id);
CREATE INDEX delivery_webhook ON delivery (webhook_id, created_at, id);
CREATE INDEX delivery_project ON delivery (project_id, created_at, id);
CREATE INDEX delivery_task ON delivery (task_id, created_at) WHERE task_id IS NOT NULL;
CREATE INDEX delivery_created ON delivery (created_at, id);

CREATE TABLE delivery_attempt (
    delivery_id TEXT NOT NULL REFERENCES delivery (id) ON DELETE CASCADE,
    number BIGINT NOT NULL CHECK (number >= 1),
    at BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    http_status BIGINT,
    error TEXT,
    PRIMARY KEY (delivery_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE node (
    id TEXT NOT NULL PRIMARY KEY,
    started_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
) STRICT;

-- One row: a known text, sealed with the key that all secrets are sealed with, so that another key is noticed at once.
CREATE TABLE key_probe (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    sealed BLOB NOT NULL
) STRICT;
