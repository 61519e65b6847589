//! `null` in an SLO file: a key without a value is as good as no key.
//!
//! Not here: what must not be left out (`types`, `rules`).

use serde_json::{Map, Value};

/// An object without its `null`s; an item of a list that is one is an empty map. Kept are those that
/// stand for something: the name of a label, the connection's details, whatever a metric's `spec` holds.
pub(super) fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Null => Value::Object(Map::new()),
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        Value::Object(map) => {
            let entry = |(key, value): (&String, &Value)| {
                let value = match (key.as_str(), value) {
                    ("connectionDetails", value) => value.clone(),
                    (_, Value::Null) => return None,
                    ("labels" | "annotations", value) => value.clone(),
                    ("metricSource", Value::Object(source)) => {
                        let there = source.iter().filter(|(_, value)| !value.is_null());
                        Value::Object(there.map(|(key, v)| (key.clone(), v.clone())).collect())
                    }
                    (_, value) => without_nulls(value),
                };
                Some((key.clone(), value))
            };
            Value::Object(map.iter().filter_map(entry).collect())
        }
        value => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::without_nulls;
    use serde_json::json;

    #[test]
    fn only_what_is_free_keeps_its_nulls() {
        let given = json!({
            "metadata": {"name": "a", "displayName": null, "labels": {"team": null}, "annotations": null},
            "spec": {
                "connectionDetails": null,
                "good": {"metricSource": {"type": null, "spec": {"query": null}}},
                "bad": {"metricSource": null},
                "alertPolicies": null,
                "objectives": [null, {"target": 0.9, "op": null}],
            },
        });
        let wanted = json!({
            "metadata": {"name": "a", "labels": {"team": null}},
            "spec": {
                "connectionDetails": null,
                "good": {"metricSource": {"spec": {"query": null}}},
                "bad": {},
                "objectives": [{}, {"target": 0.9}],
            },
        });
        assert_eq!(without_nulls(&given), wanted);
    }
}
