//! The settings the server knows: what they are when nobody set them, and what they can be set to.

use gatehook_domain::id::ProjectId;
use gatehook_domain::setting;
use gatehook_domain::webhook::{AllowedTargets, RetrySchedule};
use gatehook_store::{StoreError, Tx, setting as kept};
use gatehook_webhooks::purge::MAX_KEPT_DAYS;

/// What values a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Bool,
    Text,
    /// An absolute `http` or `https` URL.
    Url,
    /// A number that is not negative.
    Number,
    /// A whole number within these bounds.
    Whole(i64, i64),
    /// Four ascending numbers, separated by commas.
    Grid,
    /// Pauses between attempts.
    Schedule,
    /// Addresses, networks and hosts.
    Targets,
    /// One of these.
    OneOf(&'static [&'static str]),
}

/// Where clients list a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Category {
    General,
    Security,
}

impl Category {
    /// SonarQube's word for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::General => "general",
            Self::Security => "security",
        }
    }
}

/// A setting that is known.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) key: &'static str,
    pub(crate) name: &'static str,
    pub(crate) category: Category,
    pub(crate) description: &'static str,
    pub(crate) form: Form,
    pub(crate) default: Option<&'static str>,
}

pub(crate) static DEFINITIONS: &[Definition] = &[
    Definition {
        key: setting::SERVER_BASE_URL,
        name: "Server base URL",
        category: Category::General,
        description: "The address under which people and payloads know this server.",
        form: Form::Url,
        default: None,
    },
    Definition {
        key: setting::VALIDATE_WEBHOOKS,
        name: "Enable local webhooks validation",
        category: Category::Security,
        description: "Whether webhooks to private and local addresses are refused.",
        form: Form::Bool,
        default: Some("true"),
    },
    Definition {
        key: setting::WEBHOOK_ALLOWED_TARGETS,
        name: "Allowed webhook targets",
        category: Category::Security,
        description: "Private and local addresses, networks and hosts that webhooks may call while they are guarded: \
                      10.1.2.3, 10.1.0.0/16, ci.corp.example, *.corp.example. Metadata addresses of clouds only when they \
                      are written themselves.",
        form: Form::Targets,
        default: None,
    },
    Definition {
        key: setting::FORCE_AUTHENTICATION,
        name: "Force authentication",
        category: Category::Security,
        description: "Whether nobody may look without logging in.",
        form: Form::Bool,
        default: Some("true"),
    },
    Definition {
        key: setting::IGNORE_SMALL_CHANGES,
        name: "Ignore small changes",
        category: Category::General,
        description: "Whether coverage and duplication are not judged under 20 new lines.",
        form: Form::Bool,
        default: Some("true"),
    },
    Definition {
        key: setting::RATING_GRID,
        name: "Maintainability rating grid",
        category: Category::General,
        description: "The upper bounds of the ratings A to D, as shares of the development cost.",
        form: Form::Grid,
        default: Some("0.05,0.1,0.2,0.5"),
    },
    Definition {
        key: setting::DEVELOPMENT_COST,
        name: "Development cost",
        category: Category::General,
        description: "Minutes that one line of code costs.",
        form: Form::Number,
        default: Some("30"),
    },
    Definition {
        key: setting::MAIN_BRANCH_NAME,
        name: "Main branch name",
        category: Category::General,
        description: "The name of a new project's main branch.",
        form: Form::Text,
        default: Some("main"),
    },
    Definition {
        key: setting::DEFAULT_VISIBILITY,
        name: "Default visibility",
        category: Category::General,
        description: "The visibility of a new project.",
        form: Form::OneOf(&["public", "private"]),
        default: Some("public"),
    },
    Definition {
        key: setting::MULTI_QUALITY_MODE,
        name: "Multi-quality mode",
        category: Category::General,
        description: "Whether clients show software qualities instead of types.",
        form: Form::Bool,
        default: Some("true"),
    },
    Definition {
        key: setting::WEBHOOK_RETRIES,
        name: "Retries of webhook calls",
        category: Category::General,
        description: "Whether webhook calls that failed are tried again, unless their webhook says otherwise.",
        form: Form::Bool,
        default: Some("true"),
    },
    Definition {
        key: setting::WEBHOOK_RETRY_SCHEDULE,
        name: "Pauses between retries",
        category: Category::General,
        description: "The pauses after the first attempt of a webhook call, the second, and so on; after the last one \
                      follows one more attempt.",
        form: Form::Schedule,
        default: Some(RetrySchedule::DEFAULT),
    },
    Definition {
        key: setting::WEBHOOK_RATE,
        name: "Webhook calls in a second",
        category: Category::General,
        description: "How many calls to one webhook begin in a second at most; the others wait. 0 is no limit.",
        form: Form::Whole(0, 10_000),
        default: Some("0"),
    },
    Definition {
        key: setting::WEBHOOKS_PER_PROJECT,
        name: "Webhooks of a project",
        category: Category::General,
        description: "How many webhooks a project has at most. Those that are there stay.",
        form: Form::Whole(1, 1000),
        default: Some("10"),
    },
    Definition {
        key: setting::WEBHOOKS_GLOBAL,
        name: "Global webhooks",
        category: Category::General,
        description: "How many global webhooks there are at most. Those that are there stay.",
        form: Form::Whole(1, 1000),
        default: Some("10"),
    },
    Definition {
        key: setting::WEBHOOK_PURGE_DAYS,
        name: "Days that webhook calls are kept",
        category: Category::General,
        description: "After how many days the records of webhook calls that have ended are deleted.",
        form: Form::Whole(1, MAX_KEPT_DAYS as i64),
        default: Some("30"),
    },
];

/// The definition of a key.
pub(crate) fn definition(key: &str) -> Option<&'static Definition> {
    DEFINITIONS.iter().find(|definition| definition.key == key)
}

/// The value that holds: the project's, else the system's, else the default.
pub(crate) fn text(tx: &mut Tx<'_>, key: &str, project: Option<&ProjectId>) -> Result<Option<String>, StoreError> {
    let set = kept::effective(tx, key, project)?;
    Ok(set.or_else(|| {
        definition(key)
            .and_then(|definition| definition.default)
            .map(str::to_owned)
    }))
}

/// The truth value that holds.
pub(crate) fn flag(tx: &mut Tx<'_>, key: &str, project: Option<&ProjectId>) -> Result<bool, StoreError> {
    Ok(text(tx, key, project)?.as_deref() == Some("true"))
}

/// The whole number that holds; `default` when somebody wrote something else past the check.
pub(crate) fn whole(tx: &mut Tx<'_>, key: &str, default: i64) -> Result<i64, StoreError> {
    Ok(text(tx, key, None)?
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(default))
}

/// True for a setting that is never given out.
pub(crate) fn is_secret(key: &str) -> bool {
    key.ends_with(".secured")
}

/// Why a value does not fit its setting, in words for people.
pub(crate) fn misfit(key: &str, value: &str) -> Option<String> {
    let form = definition(key).map_or(Form::Text, |definition| definition.form);
    match form {
        Form::Text => None,
        Form::Bool => (!matches!(value, "true" | "false")).then(|| {
            format!("Error when validating setting with key '{key}' and value [{value}]: must be 'true' or 'false'")
        }),
        Form::Url => {
            let fits = url::Url::parse(value).is_ok_and(|url| {
                matches!(url.scheme(), "http" | "https")
                    && url.host_str().is_some()
                    && url.query().is_none()
                    && url.fragment().is_none()
                    && url.username().is_empty()
                    && url.password().is_none()
            });
            (!fits).then(|| format!("'{value}' is not an absolute http or https URL without credentials"))
        }
        Form::Number => (!value
            .parse::<f64>()
            .is_ok_and(|number| number.is_finite() && number >= 0.0))
        .then(|| format!("'{value}' is not a number of at least 0")),
        Form::Whole(least, most) => (!value
            .parse::<i64>()
            .is_ok_and(|number| (least..=most).contains(&number)))
        .then(|| format!("'{value}' is not a whole number from {least} to {most}")),
        Form::Grid => gatehook_domain::tally::RatingGrid::parse(value)
            .err()
            .map(|error| error.to_string()),
        Form::Schedule => RetrySchedule::parse(value)
            .err()
            .map(|error| format!("'{value}' is no list of pauses: {error}")),
        Form::Targets => AllowedTargets::parse(value)
            .err()
            .map(|error| format!("'{value}' is no list of targets: {error}")),
        Form::OneOf(words) => {
            (!words.contains(&value)).then(|| format!("'{value}' must be one of: [{}]", words.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use gatehook_domain::webhook::MAX_WEBHOOKS;
    use gatehook_webhooks::purge::KEPT_DAYS;

    use super::*;

    #[test]
    fn what_is_shown_as_a_default_is_what_holds_without_the_setting() {
        for (key, holds) in [
            (setting::WEBHOOK_PURGE_DAYS, KEPT_DAYS.to_string()),
            (setting::WEBHOOKS_PER_PROJECT, MAX_WEBHOOKS.to_string()),
            (setting::WEBHOOKS_GLOBAL, MAX_WEBHOOKS.to_string()),
        ] {
            assert_eq!(
                definition(key).and_then(|known| known.default),
                Some(holds.as_str()),
                "{key}"
            );
        }
    }
}
