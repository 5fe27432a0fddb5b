//! Settings that people change while the system runs.

/// `sonar.core.serverBaseURL`: the address under which people and payloads know this server.
pub const SERVER_BASE_URL: &str = "sonar.core.serverBaseURL";
/// `sonar.validateWebhooks`: whether webhooks to private and local addresses are refused; `true` unless set.
pub const VALIDATE_WEBHOOKS: &str = "sonar.validateWebhooks";
/// `sonar.forceAuthentication`: whether nobody may look without logging in; `true` unless set.
pub const FORCE_AUTHENTICATION: &str = "sonar.forceAuthentication";
/// `sonar.qualitygate.ignoreSmallChanges`: whether coverage and duplication are not judged under 20 new lines.
pub const IGNORE_SMALL_CHANGES: &str = "sonar.qualitygate.ignoreSmallChanges";
/// `sonar.technicalDebt.ratingGrid`: the upper bounds of the ratings A to D.
pub const RATING_GRID: &str = "sonar.technicalDebt.ratingGrid";
/// `sonar.technicalDebt.developmentCost`: minutes that one line of code costs.
pub const DEVELOPMENT_COST: &str = "sonar.technicalDebt.developmentCost";
/// `sonar.projectCreation.mainBranchName`: the name of a new project's main branch.
pub const MAIN_BRANCH_NAME: &str = "sonar.projectCreation.mainBranchName";
/// `projects.default.visibility`: the visibility of a new project.
pub const DEFAULT_VISIBILITY: &str = "projects.default.visibility";
/// `sonar.multi-quality-mode.enabled`: whether clients show software qualities instead of types.
pub const MULTI_QUALITY_MODE: &str = "sonar.multi-quality-mode.enabled";
/// `gatehook.webhooks.retries`: whether webhook calls that failed are tried again; `true` unless set.
pub const WEBHOOK_RETRIES: &str = "gatehook.webhooks.retries";
/// `gatehook.webhooks.retrySchedule`: the pauses after the first attempt of a webhook call, the second, and so on.
pub const WEBHOOK_RETRY_SCHEDULE: &str = "gatehook.webhooks.retrySchedule";
/// `gatehook.webhooks.maxPerSecond`: how many calls to one webhook begin in a second at most; 0 is no limit.
pub const WEBHOOK_RATE: &str = "gatehook.webhooks.maxPerSecond";
/// `gatehook.webhooks.maxPerProject`: how many webhooks a project has at most; 10 unless set.
pub const WEBHOOKS_PER_PROJECT: &str = "gatehook.webhooks.maxPerProject";
/// `gatehook.webhooks.maxGlobal`: how many global webhooks there are at most; 10 unless set.
pub const WEBHOOKS_GLOBAL: &str = "gatehook.webhooks.maxGlobal";
/// `gatehook.webhooks.purgeAfterDays`: after how many days the records of calls are deleted; 30 unless set.
pub const WEBHOOK_PURGE_DAYS: &str = "gatehook.webhooks.purgeAfterDays";
/// `gatehook.webhooks.allowedTargets`: inner addresses, networks and hosts that webhooks may call while the guard is on.
pub const WEBHOOK_ALLOWED_TARGETS: &str = "gatehook.webhooks.allowedTargets";
