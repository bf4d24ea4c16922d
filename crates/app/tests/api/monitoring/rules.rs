//! The rules, and what is written of them: in the runbook, in the table of the figures, and in made-up figures on both
//! sides of their bounds.

use std::{collections::BTreeSet, path::Path};

use dev_servers::Prometheus;

pub(super) const RULES: &str = include_str!("../../../../../packaging/monitoring/alerts.yml");
const MADE_UP: &str = include_str!("../../../../../packaging/monitoring/alerts_test.yml");
const RUNBOOK: &str = include_str!("../../../../../docs/runbook.md");
pub(super) const FIGURES: &str = include_str!("../../../../../docs/metrics.md");

/// A rule, as it is written in the file.
#[derive(Debug, Default)]
pub(super) struct Rule {
    pub(super) alert: String,
    /// In one line.
    pub(super) expr: String,
    /// How long it must be so.
    lasts: String,
    severity: String,
    annotations: String,
}

/// All rules, in order. What is read is the little of YAML that the file has.
pub(super) fn rules() -> Vec<Rule> {
    let (mut rules, mut is_in_expr) = (Vec::<Rule>::new(), false);
    for line in RULES.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(alert) = line.strip_prefix("- alert: ") {
            rules.push(Rule { alert: alert.to_owned(), ..Rule::default() });
        }
        let Some(rule) = rules.last_mut() else { continue };
        if let Some(expr) = line.strip_prefix("expr: ") {
            is_in_expr = expr == ">-";
            expr.trim_start_matches(">-").clone_into(&mut rule.expr);
        } else if let Some(lasts) = line.strip_prefix("for: ") {
            (rule.lasts, is_in_expr) = (lasts.to_owned(), false);
        } else if let Some(labels) = line.strip_prefix("labels: ") {
            (rule.severity, is_in_expr) = (labels.to_owned(), false);
        } else if is_in_expr {
            let before = if rule.expr.is_empty() { "" } else { " " };
            rule.expr.extend([before, line]);
        } else {
            rule.annotations = format!("{}{line}\n", rule.annotations);
        }
    }
    assert!(rules.len() > 20, "{rules:#?}");
    rules
}

#[test]
fn every_alert_says_whom_it_wakes_and_leads_to_its_section_of_the_runbook() {
    for Rule { alert, severity, annotations, .. } in rules() {
        let anchor = format!("runbook_url: docs/runbook.md#{}\n", alert.to_lowercase());
        assert!(annotations.contains(&anchor), "{alert}: {annotations}");
        for said in ["summary: ", "description: "] {
            assert!(annotations.contains(said), "{alert} has no {said}");
        }
        let severities = ["{ severity: page }", "{ severity: ticket }"];
        assert!(severities.contains(&severity.as_str()), "{alert}: {severity}");

        let (_, section) = RUNBOOK
            .split_once(&format!("\n### {alert}\n"))
            .unwrap_or_else(|| panic!("docs/runbook.md has no section {alert}"));
        let section = section.split("\n#").next().unwrap();
        assert!(section.len() > 150, "the section of {alert} says next to nothing");
    }
}

#[test]
fn the_runbook_has_no_section_of_an_alert_that_is_none() {
    let alerts: BTreeSet<_> = rules().into_iter().map(|rule| rule.alert).collect();
    let sections: BTreeSet<_> = RUNBOOK
        .lines()
        .filter_map(|line| line.strip_prefix("### ").map(str::to_owned))
        .filter(|title| title.starts_with("Flashsale"))
        .collect();

    assert_eq!(sections, alerts);
}

#[test]
fn the_table_of_alerts_has_each_as_its_rule_has_it() {
    let (_, table) = FIGURES.split_once("## What to alert on").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| [`")).count();

    for Rule { alert, expr, lasts, .. } in rules() {
        let link = format!("| [`{alert}`](runbook.md#{})", alert.to_lowercase());
        let lasts = if lasts.is_empty() { "–" } else { &lasts };
        let row = format!("{link} | `{}` | {lasts} |", expr.replace('|', "\\|"));
        assert!(table.contains(&row), "docs/metrics.md lacks {row}");
    }
    assert_eq!(rows, rules().len());
}

/// Which are to fire is in the file; none of them is left out.
#[test]
fn every_alert_fires_beyond_its_bound_and_not_at_it() {
    for Rule { alert, .. } in rules() {
        assert!(MADE_UP.contains(&format!("alertname=\"{alert}\"")), "{alert} is not tried");
    }
    let dir = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/monitoring"));

    Prometheus::tool(dir, &["test", "rules", "alerts_test.yml"]).unwrap();
}
