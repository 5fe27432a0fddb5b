//! Measures as they are kept: a JSON object of values by the keys of their metrics.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Form, MeasureValue, Measures, number, whole};
use crate::metric::Metric;
use crate::tally::{Sides, without_issues};

/// A text that holds no measures.
#[derive(Debug, thiserror::Error)]
#[error("the measures cannot be read")]
pub struct MeasureError(#[from] serde_json::Error);

impl Measures {
    /// Writes them as a JSON object.
    ///
    /// Most metrics are about issues, and most of those are what they are without any issue. Where all of a side (overall,
    /// or on new code) are there, `"="` says so, and only what is different from that is written: a fraction of the whole, and
    /// it is written with every change of an issue.
    pub fn to_json(&self) -> String {
        // Keys and values are texts and numbers only, which cannot fail to be written.
        serde_json::to_string(&Written(self)).unwrap_or_default()
    }

    /// Reads what [`to_json`](Self::to_json) wrote; metrics that are no longer in the catalogue are dropped.
    pub fn from_json(text: &str) -> Result<Self, MeasureError> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let measures = reader.deserialize_map(Reader)?;
        reader.end()?;
        Ok(measures)
    }
}

/// The key that says for which sides all measures of issues are there.
const SIDES: &str = "=";

/// Measures on their way into JSON.
struct Written<'a>(&'a Measures);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let measures = &self.0.0;
        let sides = Sides {
            overall: holds_all(measures, without_issues(Sides::OVERALL)),
            on_new_code: holds_all(measures, without_issues(Sides::ON_NEW_CODE)),
        };
        let mut usual = without_issues(sides).iter().peekable();
        let mut map = serializer.serialize_map(None)?;
        if sides != Sides::default() {
            map.serialize_entry(SIDES, &sides.number())?;
        }
        for (place, value) in measures {
            while usual.next_if(|(other, _)| other < place).is_some() {}
            if usual
                .next_if(|(other, usual)| other == place && usual == value)
                .is_some()
            {
                continue;
            }
            let key = Metric::at(*place).key;
            match value {
                MeasureValue::Int(value) => map.serialize_entry(key, value)?,
                MeasureValue::Number(value) => map.serialize_entry(key, value)?,
                MeasureValue::Text(value) => map.serialize_entry(key, value)?,
            }
        }
        map.end()
    }
}

/// Whether there is a value for each of these places, whichever; both are sorted by place.
fn holds_all(measures: &[(u16, MeasureValue)], places: &[(u16, MeasureValue)]) -> bool {
    let mut rest = measures.iter();
    places.iter().all(|(place, _)| rest.any(|(other, _)| other == place))
}

/// Reads measures from a JSON object.
struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Measures;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of measures")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Measures, A::Error> {
        let mut measures = Measures(Vec::with_capacity(32));
        let mut sides = Sides::default();
        let mut unfit = Vec::new();
        let mut next = 0;
        while let Some(name) = map.next_key_seed(Key { next })? {
            let place = match name {
                Name::Sides => {
                    let number: u8 = map.next_value()?;
                    sides = Sides::of(number)
                        .ok_or_else(|| serde::de::Error::custom(format_args!("{SIDES} is {number}, not 1 to 3")))?;
                    continue;
                }
                Name::Metric(place) => Some(place),
                Name::Unknown => None,
            };
            let value = map.next_value_seed(ValueOf(place.map(Metric::at)))?;
            if let Some(place) = place {
                next = place + 1;
                match value {
                    Some(value) => measures.insert(place, value),
                    None => unfit.push(place),
                }
            }
        }
        if sides == Sides::default() {
            return Ok(measures);
        }
        let mut filled = Measures(without_issues(sides).to_vec());
        filled.replace(measures.0.into_iter().map(|(place, value)| (place, Some(value))));
        // What cannot be read is not what it would be without issues.
        filled.0.retain(|(place, _)| !unfit.contains(place));
        Ok(filled)
    }
}

/// Reads a key: the place of the metric it names. Keys were written in order, so the place is mostly one of the next.
struct Key {
    next: u16,
}

/// What a key names.
enum Name {
    Metric(u16),
    Sides,
    Unknown,
}

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the key of a metric")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        if key == SIDES {
            return Ok(Name::Sides);
        }
        Ok(Metric::place_from(self.next, key).map_or(Name::Unknown, Name::Metric))
    }
}

/// Reads the value of a metric, in the form it has now; nothing when it does not fit.
struct ValueOf(Option<&'static Metric>);

impl<'de> DeserializeSeed<'de> for ValueOf {
    type Value = Option<MeasureValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueOf {
    type Value = Option<MeasureValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value of a metric")
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(self.0.map(|metric| whole(metric, value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        match i64::try_from(value) {
            Ok(value) => Ok(self.0.map(|metric| whole(metric, value))),
            Err(_) => Ok(self.0.and_then(|metric| number(metric, value as f64))),
        }
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(self.0.and_then(|metric| number(metric, value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        let is_text = self.0.is_some_and(|metric| Form::of(metric.kind) == Form::Text);
        Ok(is_text.then(|| MeasureValue::Text(value.to_owned())))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}
