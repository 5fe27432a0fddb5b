//! The parameters an action takes: what is declared, and what a request gave.

use std::collections::BTreeMap;
use std::time::Duration;

use gatehook_domain::Timestamp;

use crate::error::ApiError;

/// What a parameter holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A text.
    Text,
    /// `true`, `false`, `yes` or `no`.
    Bool,
    /// A whole number.
    Int,
    /// Texts, separated by commas.
    List,
    /// A text that may be given several times.
    Repeated,
    /// A file.
    File,
}

/// A parameter as an action declares it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Param {
    /// Its name.
    pub(crate) key: &'static str,
    /// Its former name, which still works and wins.
    pub(crate) alias: Option<&'static str>,
    /// What it holds.
    pub(crate) kind: Kind,
    /// Whether a request without it is refused.
    pub(crate) required: bool,
    /// The most characters.
    pub(crate) max_length: Option<usize>,
    /// The fewest characters.
    pub(crate) min_length: Option<usize>,
    /// The greatest number.
    pub(crate) max_int: Option<i64>,
    /// The most values of a list.
    pub(crate) max_values: Option<usize>,
    /// What holds when it is not given.
    pub(crate) default: Option<&'static str>,
    /// The only values it can have; all when empty.
    pub(crate) possible: &'static [&'static str],
    /// What it is for.
    pub(crate) description: &'static str,
}

impl Param {
    const fn new(key: &'static str, kind: Kind, description: &'static str) -> Self {
        Self {
            key,
            alias: None,
            kind,
            required: false,
            max_length: None,
            min_length: None,
            max_int: None,
            max_values: None,
            default: None,
            possible: &[],
            description,
        }
    }

    pub(crate) const fn text(key: &'static str, description: &'static str) -> Self {
        Self::new(key, Kind::Text, description)
    }

    pub(crate) const fn flag(key: &'static str, description: &'static str) -> Self {
        Self::new(key, Kind::Bool, description).possible(&["true", "false", "yes", "no"])
    }

    pub(crate) const fn int(key: &'static str, description: &'static str) -> Self {
        Self::new(key, Kind::Int, description)
    }

    pub(crate) const fn list(key: &'static str, description: &'static str) -> Self {
        Self::new(key, Kind::List, description)
    }

    pub(crate) const fn repeated(key: &'static str, description: &'static str) -> Self {
        Self::new(key, Kind::Repeated, description)
    }

    pub(crate) const fn file(key: &'static str, description: &'static str) -> Self {
        Self::new(key, Kind::File, description)
    }

    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(crate) const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }

    pub(crate) const fn max_length(mut self, characters: usize) -> Self {
        self.max_length = Some(characters);
        self
    }

    pub(crate) const fn min_length(mut self, characters: usize) -> Self {
        self.min_length = Some(characters);
        self
    }

    pub(crate) const fn max_int(mut self, most: i64) -> Self {
        self.max_int = Some(most);
        self
    }

    pub(crate) const fn max_values(mut self, most: usize) -> Self {
        self.max_values = Some(most);
        self
    }

    pub(crate) const fn default(mut self, value: &'static str) -> Self {
        self.default = Some(value);
        self
    }

    pub(crate) const fn possible(mut self, values: &'static [&'static str]) -> Self {
        self.possible = values;
        self
    }

    /// `p`, the page, counted from 1.
    pub(crate) const fn page() -> Self {
        Self::int("p", "The page, counted from 1").default("1")
    }

    /// `ps`, how much stands on a page.
    pub(crate) const fn page_size(default: &'static str, most: i64) -> Self {
        Self::int("ps", "How much stands on a page")
            .default(default)
            .max_int(most)
    }
}

/// What a request gave, as it was written: names and values in the order in which they came.
pub(crate) type Raw = Vec<(String, String)>;

/// The parameters of a request, checked against what the action declares. What it does not declare is left out.
#[derive(Debug, Default)]
pub(crate) struct Params {
    values: BTreeMap<&'static str, Vec<String>>,
}

impl Params {
    /// Checks what was given. `file` says whether a file came.
    pub(crate) fn check(declared: &'static [Param], raw: &Raw, file: bool) -> Result<Self, ApiError> {
        let mut values = BTreeMap::new();
        for param in declared {
            let named = |key: &str| -> Vec<&str> {
                raw.iter()
                    .filter(|(name, _)| name == key)
                    .map(|(_, value)| value.as_str())
                    .collect()
            };
            let mut given = param.alias.map(named).unwrap_or_default();
            if given.is_empty() {
                given = named(param.key);
            }
            if param.kind == Kind::File {
                if param.required && !file {
                    return Err(missing(param.key));
                }
                continue;
            }
            if param.kind != Kind::Repeated {
                given.truncate(1);
            }
            for value in &given {
                check_value(param, value)?;
            }
            let mut kept: Vec<String> = given.iter().map(|value| value.trim().to_owned()).collect();
            if kept.iter().all(String::is_empty) {
                if param.required {
                    return Err(missing(param.key));
                }
                if let Some(default) = param.default {
                    kept = vec![default.to_owned()];
                }
            }
            if !kept.is_empty() {
                values.insert(param.key, kept);
            }
        }
        Ok(Self { values })
    }

    /// True when the request has the parameter at all, also when it is blank.
    pub(crate) fn given(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// The text, if one was given that is not blank.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.values
            .get(key)?
            .first()
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }

    /// The text of a parameter that is declared as required.
    pub(crate) fn required(&self, key: &str) -> Result<&str, ApiError> {
        self.text(key).ok_or_else(|| missing(key))
    }

    /// The truth value, if one was given.
    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        self.text(key).map(|text| matches!(text, "true" | "yes"))
    }

    /// The number, if one was given.
    pub(crate) fn int(&self, key: &str) -> Option<i64> {
        self.text(key).and_then(|text| text.parse().ok())
    }

    /// The values of a list, empty ones dropped; `None` when nothing was given.
    pub(crate) fn list(&self, key: &str) -> Option<Vec<String>> {
        self.text(key).map(|text| split(text).map(str::to_owned).collect())
    }

    /// The values of a list as one of the domain's closed sets; what is not in the set was refused before.
    pub(crate) fn words<T, E>(&self, key: &str, parse: impl Fn(&str) -> Result<T, E>) -> Vec<T> {
        self.text(key)
            .map(|text| split(text).filter_map(|word| parse(word).ok()).collect())
            .unwrap_or_default()
    }

    /// All values of a parameter that can be repeated.
    pub(crate) fn repeated(&self, key: &str) -> &[String] {
        self.values.get(key).map_or(&[], Vec::as_slice)
    }

    /// The date, if one was given.
    pub(crate) fn date(&self, key: &str) -> Result<Option<Timestamp>, ApiError> {
        self.text(key)
            .map(|text| {
                Timestamp::parse(text)
                    .map_err(|_| ApiError::bad(format!("Date '{text}' cannot be parsed as either a date or date+time")))
            })
            .transpose()
    }

    /// The last moment of a period that ends with the date, if one was given: a day without a time means all of it.
    pub(crate) fn date_through(&self, key: &str) -> Result<Option<Timestamp>, ApiError> {
        /// The length of `yyyy-MM-dd`.
        const DAY_LENGTH: usize = 10;
        const REST_OF_DAY: Duration = Duration::from_millis(24 * 60 * 60 * 1000 - 1);
        let is_day = self.text(key).is_some_and(|text| text.len() == DAY_LENGTH);
        let date = self.date(key)?;
        Ok(date.map(|date| if is_day { date.plus(REST_OF_DAY) } else { date }))
    }

    /// The moment before which a period ends, if a date was given: a day without a time means all of it.
    pub(crate) fn date_before(&self, key: &str) -> Result<Option<Timestamp>, ApiError> {
        const MOMENT: Duration = Duration::from_millis(1);
        let date = self.date(key)?;
        let through = self.date_through(key)?;
        // The end of a day is its last moment, and the period ends behind it.
        Ok(through.map(|through| {
            if date == Some(through) {
                through
            } else {
                through.plus(MOMENT)
            }
        }))
    }

    /// The page and its size.
    pub(crate) fn paging(&self) -> Result<(u32, u32), ApiError> {
        let page = self.int("p").unwrap_or(1);
        let size = self.int("ps").unwrap_or(100);
        if page < 1 {
            return Err(ApiError::bad("page index must be >= 1"));
        }
        if size < 1 {
            return Err(ApiError::bad("page size must be >= 1"));
        }
        Ok((
            u32::try_from(page).unwrap_or(u32::MAX),
            u32::try_from(size).unwrap_or(u32::MAX),
        ))
    }
}

/// The parts of a comma list.
pub(crate) fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// A required parameter that was not given.
pub(crate) fn missing(key: &str) -> ApiError {
    ApiError::bad(format!("The '{key}' parameter is missing"))
}

fn check_value(param: &Param, raw: &str) -> Result<(), ApiError> {
    let key = param.key;
    // The limits are about what was written, blanks included.
    let length = raw.chars().count();
    if let Some(most) = param.max_length
        && length > most
    {
        return Err(ApiError::bad(format!(
            "'{key}' length ({length}) is longer than the maximum authorized ({most})"
        )));
    }
    let value = raw.trim();
    if value.is_empty() {
        return Ok(());
    }
    if let Some(fewest) = param.min_length
        && length < fewest
    {
        return Err(ApiError::bad(format!(
            "'{key}' length ({length}) is shorter than the minimum authorized ({fewest})"
        )));
    }
    let one_of = |value: &str| -> Result<(), ApiError> {
        if param.possible.is_empty() || param.possible.contains(&value) {
            return Ok(());
        }
        let shown: String = value.chars().take(200).collect();
        Err(ApiError::bad(format!(
            "Value of parameter '{key}' ({shown}) must be one of: [{}]",
            param.possible.join(", ")
        )))
    };
    match param.kind {
        Kind::List => {
            let count = split(value).count();
            if let Some(most) = param.max_values
                && count > most
            {
                return Err(ApiError::bad(format!(
                    "'{key}' can contain only {most} values, got {count}"
                )));
            }
            split(value).try_for_each(one_of)
        }
        Kind::Int => {
            let Ok(number) = value.parse::<i64>() else {
                return Err(ApiError::bad(format!(
                    "The '{key}' parameter cannot be parsed as an integer value: {value}"
                )));
            };
            match param.max_int {
                Some(most) if number > most => Err(ApiError::bad(format!(
                    "'{key}' value ({number}) must be less than {most}"
                ))),
                _ => Ok(()),
            }
        }
        Kind::Text | Kind::Bool | Kind::Repeated | Kind::File => one_of(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static DECLARED: &[Param] = &[
        Param::text("name", "").required().max_length(5),
        Param::text("secret", "").min_length(4),
        Param::flag("asc", "").default("true"),
        Param::int("ps", "").default("100").max_int(500),
        Param::list("components", "").alias("componentKeys").max_values(2),
        Param::list("types", "").possible(&["BUG", "CODE_SMELL"]),
        Param::repeated("characteristic", ""),
    ];

    fn check(pairs: &[(&str, &str)]) -> Result<Params, String> {
        let raw = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        Params::check(DECLARED, &raw, false).map_err(|error| error.to_string())
    }

    #[test]
    fn a_parameter_that_does_not_fit_is_named() {
        let refused = |pairs: &[(&str, &str)]| check(pairs).unwrap_err();
        assert_eq!(refused(&[]), "The 'name' parameter is missing");
        assert_eq!(refused(&[("name", "  ")]), "The 'name' parameter is missing");
        assert_eq!(
            refused(&[("name", "abc   ")]),
            "'name' length (6) is longer than the maximum authorized (5)"
        );
        let with = |key, value| refused(&[("name", "a"), (key, value)]);
        assert_eq!(
            with("secret", "abc"),
            "'secret' length (3) is shorter than the minimum authorized (4)"
        );
        assert_eq!(
            with("asc", "maybe"),
            "Value of parameter 'asc' (maybe) must be one of: [true, false, yes, no]"
        );
        assert_eq!(with("ps", "501"), "'ps' value (501) must be less than 500");
        assert_eq!(
            with("ps", "x"),
            "The 'ps' parameter cannot be parsed as an integer value: x"
        );
        assert_eq!(
            with("components", "a,b,c"),
            "'components' can contain only 2 values, got 3"
        );
        assert_eq!(
            with("types", "BUG,X"),
            "Value of parameter 'types' (X) must be one of: [BUG, CODE_SMELL]"
        );
    }

    #[test]
    fn values_are_trimmed_defaults_hold_and_the_former_name_wins() {
        let params = check(&[
            ("name", " abc "),
            ("asc", "no"),
            ("ps", ""),
            ("components", "new"),
            ("componentKeys", "old, older,,"),
            ("secret", " "),
            ("unknown", "x"),
            ("characteristic", "a=b"),
            ("characteristic", "c=d"),
        ])
        .unwrap();
        assert_eq!(params.text("name"), Some("abc"));
        assert_eq!(params.flag("asc"), Some(false));
        assert_eq!(params.int("ps"), Some(100));
        assert_eq!(params.list("components").unwrap(), ["old", "older"]);
        assert_eq!(params.text("secret"), None);
        assert!(params.given("secret"), "blank and absent can be told apart");
        assert_eq!(params.repeated("characteristic"), ["a=b", "c=d"]);
        assert!(!params.given("unknown"));
    }
}
