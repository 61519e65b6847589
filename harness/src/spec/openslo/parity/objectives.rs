//! Indicators and objectives, as the official validator takes them.
//! Not here: what alerts on them (`alerting`).

use super::{
    POLICY, RATIO, THRESHOLD, accepted, changed, descriptions, durations, held, object, refused,
    slo,
};

#[test]
fn indicators() {
    let spec = "{description: d, ratioMetric: {counter: true, good: {metricSource: {metricSourceRef: dd, type: Datadog, spec: {query: a}}}, total: {metricSource: {metricSourceRef: dd, type: Datadog, spec: {query: b}}}}}";
    let fraction = object("SLI", spec);
    descriptions(&fraction, "description: d");
    let threshold =
        object("SLI", "{thresholdMetric: {metricSource: {metricSourceRef: dd, spec: {query: a}}}}");
    let raw = object(
        "SLI",
        "{ratioMetric: {rawType: success, raw: {metricSource: {metricSourceRef: dd, spec: {query: a}}}}}",
    );
    let sources: [&[(&str, &str)]; 2] = [
        &[
            ("metricSourceRef: dd", "metricSourceRef: \"\""),
            ("metricSourceRef: dd", "metricSourceRef: null"),
            ("metricSourceRef: dd", "type: \"\""),
            ("{query: a}", "{query: null}"),
            ("{query: a}", "{a: {b: [1, null]}}"),
        ],
        &[
            ("metricSourceRef: dd", "metricSourceRef: my datadog"),
            ("metricSourceRef: dd", "owner: me"),
            ("{query: a}", "{}"),
            ("{query: a}", "null"),
            ("spec: {query: a}", "type: x"),
        ],
    ];
    for text in [&threshold, &raw] {
        held(text, sources[0], sources[1]);
    }
    held(
        &fraction,
        &[
            ("good:", "bad:"),
            ("counter: true, ", ""),
            ("counter: true", "counter: null"),
            ("counter: true", "counter: false"),
            // Only a raw ratio has a type.
            ("counter: true", "rawType: sideways"),
            (
                "good: {metricSource: {metricSourceRef: dd",
                "good: {metricSource: {metricSourceRef: \"\"",
            ),
        ],
        &[
            ("counter: true", "counter: \"true\""),
            ("good:", "raw:"),
            ("total:", "raw:"),
            ("total:", "bad:"),
            ("good:", "goood:"),
            ("counter: true", "bad: {metricSource: {spec: {query: c}}}"),
            ("counter: true", "raw: {metricSource: {spec: {query: c}}}, rawType: success"),
            ("{query: b}", "{}"),
            ("good: {metricSource: {metricSourceRef: dd, type: Datadog, spec: {query: a}}}, ", ""),
            ("description: d", "thresholdMetric: {metricSource: {spec: {query: a}}}"),
        ],
    );
    held(
        &raw,
        &[("success", "failure")],
        &[
            ("success", "invalid"),
            ("rawType: success, ", ""),
            ("success", "\"\""),
            ("{ratioMetric", "{description: d, ratioMetrc"),
        ],
    );
    refused(&object("SLI", "{description: d}"));
    refused(&object("SLI", "{ratioMetric: {}}"));
}

#[test]
fn objectives() {
    let ratio = slo(RATIO);
    descriptions(&ratio, "description: Up.");
    durations(&ratio, "duration: 1w", "duration");
    durations(&ratio, "timeSliceWindow: 1m", "timeSliceWindow");
    let window = "[{duration: 1w, isRolling: false, calendar: {startTime: \"2022-01-01 12:00:00\", timeZone: America/New_York}}]";
    held(
        &ratio,
        &[
            (window, "[{duration: 28d, isRolling: true}]"),
            (window, "[{duration: 28d, isRolling: true, calendar: null}]"),
            ("isRolling: false, ", ""),
            ("12:00:00", "1:00:00"),
            ("America/New_York", "Europe/Warsaw"),
            ("[{alertPolicyRef: one}]", "null"),
            ("[{alertPolicyRef: one}]", "[]"),
            (", alertPolicies: [{alertPolicyRef: one}]", ""),
            ("target: 0.995", "target: 0.0"),
            ("target: 0.995", "target: 0.9999"),
            ("target: 0.995", "targetPercent: 0"),
            ("target: 0.995", "targetPercent: 99.9999"),
            ("target: 0.995", "target: 0.995, targetPercent: null"),
            ("target: 0.995", "target: 0.995, op: \"\""),
            ("target: 0.995", "target: 0.995, value: null"),
            // Only a composite has weights.
            ("target: 0.995", "target: 0.995, compositeWeight: 0"),
            ("target: 0.995", "target: 0.995, compositeWeight: -2"),
            ("timeSliceTarget: 0.95", "timeSliceTarget: 0.1"),
            ("timeSliceTarget: 0.95", "timeSliceTarget: 1"),
        ],
        &[
            ("service: web", "service: \"\""),
            ("service: web, ", ""),
            ("service: web", "service: null"),
            ("Timeslices", "invalid"),
            ("budgetingMethod: Timeslices, ", ""),
            (window, "[]"),
            (window, "null"),
            (&format!("timeWindow: {window}, "), ""),
            (window, "[{duration: 1w, isRolling: true}, {duration: 1w, isRolling: true}]"),
            (window, "[null]"),
            ("duration: 1w", "duration: \"\""),
            ("duration: 1w, ", ""),
            ("isRolling: false", "isRolling: true"),
            ("isRolling: false", "isRolling: \"false\""),
            (window, "[{duration: 1w}]"),
            ("2022-01-01 12:00:00", "2022-01-01"),
            ("2022-01-01 12:00:00", ""),
            ("America/New_York", "America/Atlantis"),
            ("America/New_York", "Local"),
            ("America/New_York", "\"\""),
            (", timeZone: America/New_York", ""),
            ("target: 0.995", "target: 1"),
            ("target: 0.995", "target: -0.1"),
            ("target: 0.995", "target: \"0.995\""),
            ("target: 0.995", "targetPercent: 100"),
            ("target: 0.995", "targetPercent: -0.1"),
            ("target: 0.995, ", ""),
            ("target: 0.995", "target: 0.1, targetPercent: 10"),
            ("target: 0.995", "target: 0.995, op: lt"),
            ("target: 0.995", "target: 0.995, value: 0"),
            ("target: 0.995", "target: 0.995, compositeWeight: heavy"),
            ("timeSliceTarget: 0.95, ", ""),
            ("timeSliceTarget: 0.95", "timeSliceTarget: 0"),
            ("timeSliceTarget: 0.95", "timeSliceTarget: 1.1"),
            (", timeSliceWindow: 1m", ""),
            ("timeSliceWindow: 1m", "timeSliceWindow: \"\""),
            ("alertPolicyRef: one", "alertPolicyRef: \"\""),
            ("alertPolicyRef: one", "alertPolicyRef: invalid ref"),
            ("{alertPolicyRef: one}", "{}"),
            ("{alertPolicyRef: one}", "null"),
            ("alertPolicyRef: one", "alertPolicyRef: one, kind: AlertPolicy"),
            ("indicator:", "indicatorRef: up, indicator:"),
            (&format!("indicator: {RATIO}, "), ""),
            (RATIO, "{}"),
            ("metadata: {name: up}, ", ""),
            ("{query: a}", "{}"),
        ],
    );
    // No limits at all are no mistake.
    let (before, after) = ratio.split_once("objectives: [").unwrap();
    let (_, after) = after.split_once(']').unwrap();
    accepted(&format!("{before}objectives: []{after}"));
    accepted(&format!("{before}description: d{after}").replacen("description: Up., ", "", 1));
    let inline = format!("{{kind: AlertPolicy, metadata: {{name: one}}, spec: {POLICY}}}");
    let inline = changed(&ratio, "{alertPolicyRef: one}", &inline);
    held(
        &inline,
        &[],
        &[
            ("kind: AlertPolicy", "kind: DataSource"),
            ("kind: AlertPolicy, metadata: {name: one}", "kind: AlertPolicy"),
            ("[{targetRef: mail}]", "[]"),
            (&format!(", spec: {POLICY}"), ""),
        ],
    );
}

/// What a budgeting method does not need is read, and not looked at.
#[test]
fn slices_are_looked_at_where_they_count() {
    let ratio = slo(RATIO);
    let with = |method: &str| changed(&ratio, "Timeslices", method);
    held(
        &with("Occurrences"),
        &[
            ("timeSliceTarget: 0.95, timeSliceWindow: 1m", "timeSliceTarget: 7"),
            ("timeSliceWindow: 1m", "timeSliceWindow: \"\""),
            ("timeSliceWindow: 1m", "timeSliceWindow: 1s"),
            ("timeSliceTarget: 0.95, ", ""),
        ],
        &[
            ("timeSliceWindow: 1m", "timeSliceWindow: long"),
            ("timeSliceTarget: 0.95", "timeSliceTarget: x"),
        ],
    );
    held(
        &with("RatioTimeslices"),
        &[("timeSliceTarget: 0.95, ", ""), ("timeSliceTarget: 0.95", "timeSliceTarget: 0")],
        &[(", timeSliceWindow: 1m", ""), ("timeSliceWindow: 1m", "timeSliceWindow: 1s")],
    );
}

#[test]
fn operators_belong_to_thresholds() {
    let threshold = changed(&slo(THRESHOLD), "target: 0.995", "op: gte, value: 10, target: 0.995");
    held(
        &threshold,
        &[("op: gte", "op: lt"), ("value: 10", "value: 0"), ("value: 10", "value: -1.5")],
        &[
            ("op: gte", "op: lessThan"),
            ("op: gte", "op: \"\""),
            ("op: gte, ", ""),
            ("value: 10, ", ""),
            ("value: 10", "value: ten"),
        ],
    );
    // Of an indicator that is only named, nobody knows which it is.
    let named = changed(&slo(RATIO), &format!("indicator: {RATIO}"), "indicatorRef: my-sli");
    held(
        &named,
        &[
            ("target: 0.995", "target: 0.995, op: gte, value: 10"),
            ("target: 0.995", "target: 0.995, op: lessThan"),
        ],
        &[("my-sli", "my sli"), ("my-sli", "\"\""), ("target: 0.995", "target: 0.995, value: ten")],
    );
}

#[test]
fn composites() {
    let plain = changed(&slo(RATIO), &format!("indicator: {RATIO}, "), "");
    let named =
        changed(&plain, "target: 0.995", "target: 0.995, indicatorRef: my-sli, compositeWeight: 1");
    held(
        &named,
        &[
            ("compositeWeight: 1", "compositeWeight: 999999999999.9999"),
            (", compositeWeight: 1", ""),
            ("indicatorRef: my-sli", &format!("indicator: {RATIO}")),
            ("indicatorRef: my-sli", &format!("indicator: {RATIO}, op: lt, value: 5")),
            ("indicatorRef: my-sli", &format!("indicator: {THRESHOLD}")),
            // One with an indicator makes it a composite; another may have none.
            (
                "objectives: [",
                "objectives: [{target: 0.9, timeSliceTarget: 0.9, timeSliceWindow: 1m}, ",
            ),
        ],
        &[
            ("compositeWeight: 1", "compositeWeight: 0"),
            ("compositeWeight: 1", "compositeWeight: -2"),
            ("indicatorRef: my-sli", "indicatorRef: my sli"),
            ("indicatorRef: my-sli", &format!("indicatorRef: my-sli, indicator: {RATIO}")),
            ("indicatorRef: my-sli", "indicator: {metadata: {name: up}, spec: {}}"),
            ("service: web", "service: web, indicatorRef: my-sli"),
        ],
    );
}
