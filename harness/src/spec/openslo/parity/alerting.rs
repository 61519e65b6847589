//! Conditions and policies, as the official validator takes them.
//! Not here: objectives.

use super::{CONDITION, POLICY, changed, descriptions, durations, held, object};

#[test]
fn conditions() {
    let condition = object("AlertCondition", CONDITION);
    descriptions(&condition, "description: d");
    durations(&condition, "lookbackWindow: 1h", "lookbackWindow");
    durations(&condition, "alertAfter: 5m", "alertAfter");
    held(
        &condition,
        &[
            ("op: lte", "op: gt"),
            ("op: lte", "op: gte"),
            ("op: lte", "op: lt"),
            ("threshold: 2", "threshold: 0"),
            ("threshold: 2", "threshold: -2.5"),
            // Earlier releases of that validator accept it, the newest does not; it says nothing.
            ("alertAfter: 5m", "alertAfter: \"\""),
            (", alertAfter: 5m", ""),
            ("alertAfter: 5m", "alertAfter: null"),
        ],
        &[
            ("severity: page", "severity: \"\""),
            ("severity: page, ", ""),
            ("kind: burnrate", "kind: wrong"),
            ("kind: burnrate, ", ""),
            ("kind: burnrate", "kind: \"\""),
            ("op: lte", "op: lessThan"),
            ("op: lte", "op: \"\""),
            ("op: lte, ", ""),
            ("threshold: 2, ", ""),
            ("threshold: 2", "threshold: \"2\""),
            ("threshold: 2", "threshold: null"),
            ("lookbackWindow: 1h, ", ""),
            ("lookbackWindow: 1h", "lookbackWindow: \"\""),
        ],
    );
}

#[test]
fn policies() {
    let policy = object("AlertPolicy", POLICY);
    descriptions(&policy, "description: Mail.");
    let inline = format!("{{kind: AlertCondition, metadata: {{name: fast}}, spec: {CONDITION}}}");
    let target = "{kind: AlertNotificationTarget, metadata: {name: mail}, spec: {target: mail}}";
    held(
        &policy,
        &[
            ("Breaching: true", "Breaching: true, alertWhenNoData: true, alertWhenResolved: true"),
            ("alertWhenBreaching: true, ", ""),
            ("alertWhenBreaching: true", "alertWhenBreaching: null"),
            ("{conditionRef: fast}", &inline),
            ("{targetRef: mail}", target),
        ],
        &[
            ("alertWhenBreaching: true", "alertWhenBreaching: \"true\""),
            ("[{conditionRef: fast}]", "[]"),
            ("[{conditionRef: fast}]", "null"),
            ("conditions: [{conditionRef: fast}], ", ""),
            ("[{targetRef: mail}]", "[]"),
            (", notificationTargets: [{targetRef: mail}]", ""),
            ("{conditionRef: fast}", "{conditionRef: fast}, {conditionRef: slow}"),
            ("{conditionRef: fast}", "{}"),
            ("{conditionRef: fast}", "null"),
            ("conditionRef: fast", "conditionRef: \"\""),
            ("conditionRef: fast", "conditionRef: \"invalid ref\""),
            ("conditionRef: fast", "conditionRef: fast, kind: AlertCondition"),
            ("targetRef: mail", "targetRef: \"\""),
            ("targetRef: mail", "targetRef: invalid ref"),
            ("targetRef: mail", "targetRef: mail, spec: {target: mail}"),
        ],
    );
    let written =
        changed(&changed(&policy, "{conditionRef: fast}", &inline), "{targetRef: mail}", target);
    held(
        &written,
        &[],
        &[
            ("kind: AlertCondition", "kind: SLO"),
            ("kind: AlertCondition, ", ""),
            ("{name: fast}", "{}"),
            ("{name: fast}", "{name: Fast}"),
            ("metadata: {name: fast}, ", ""),
            ("severity: page", "severity: \"\""),
            ("lookbackWindow: 1h", "lookbackWindow: 1s"),
            ("kind: AlertNotificationTarget", "kind: Service"),
            ("metadata: {name: mail}, ", ""),
            ("{target: mail}", "{}"),
            ("{target: mail}", "{target: \"\"}"),
            (", spec: {target: mail}", ""),
        ],
    );
}
