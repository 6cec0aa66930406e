//! Who gets an alert, and when: routes, groups and quiet hours. Replaced as a whole on reload.

mod matcher;
mod quiet;

pub(crate) use matcher::Matcher;
use quiet::Quiet;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::alert::{self, Alert};
use crate::config::{self, Config};

/// The route of what no other takes.
pub(crate) const FALLBACK: &str = "default";

/// What is in force.
#[derive(Debug)]
pub(crate) struct Policy {
    routes: Vec<Route>,
    fallback: Route,
    quiet: Vec<Quiet>,
    pub(crate) grouping: config::Grouping,
    pub(crate) rate: config::Rate,
    pub(crate) retry: config::Retry,
    pub(crate) mail: config::Mail,
}

/// One route.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) name: Arc<str>,
    matchers: Vec<Matcher>,
    pub(crate) to: Vec<String>,
    goes_on: bool,
}

impl Policy {
    /// Reads the policy of a configuration; an error names its key and why.
    pub(crate) fn of(config: &Config) -> Result<Self, (String, String)> {
        let routes = config.routes.iter().map(|route| {
            let matchers = route.matchers.iter().map(|text| Matcher::parse(text));
            Ok::<_, (String, String)>(Route {
                name: route.name.as_str().into(),
                matchers: matchers
                    .collect::<Result<_, _>>()
                    .map_err(|why| ("routes".to_owned(), why))?,
                to: route.to.clone(),
                goes_on: route.r#continue,
            })
        });
        let quiet = config
            .quiet_hours
            .iter()
            .map(|hours| Quiet::of(hours).map_err(|why| ("quiet_hours".to_owned(), why)));
        Ok(Self {
            routes: routes.collect::<Result<_, _>>()?,
            fallback: Route {
                name: FALLBACK.into(),
                matchers: Vec::new(),
                to: config.mail.to.clone(),
                goes_on: false,
            },
            quiet: quiet.collect::<Result<_, _>>()?,
            grouping: config.grouping.clone(),
            rate: config.rate.clone(),
            retry: config.retry.clone(),
            mail: config.mail.clone(),
        })
    }

    /// The routes that take an alert with these labels; never none.
    pub(crate) fn routes(&self, labels: &BTreeMap<String, String>) -> Vec<&Route> {
        let mut found = Vec::new();
        for route in &self.routes {
            if route.matchers.iter().all(|matcher| matcher.matches(labels)) {
                found.push(route);
                if !route.goes_on {
                    return found;
                }
            }
        }
        if found.is_empty() {
            found.push(&self.fallback);
        }
        found
    }

    /// Where the mails of a route go. A route that is gone since goes where everything else does.
    pub(crate) fn recipients(&self, route: &str) -> &[String] {
        let found = self.routes.iter().find(|known| &*known.name == route);
        &found.unwrap_or(&self.fallback).to
    }

    /// The group of an alert: as the sender grouped it, or by labels; always split by severity.
    pub(crate) fn lane(&self, group_key: &str, alert: &Alert) -> u64 {
        let by = &self.grouping.by;
        let mut parts = vec![alert.severity.as_str()];
        if by.is_empty() {
            parts.push(group_key);
        }
        for name in by {
            parts.push(alert.labels.get(name).map_or("", String::as_str));
        }
        alert::lane(&parts)
    }

    /// When the quiet hours end that an alert of this severity is in; `None` when it may go now. Unix milliseconds.
    pub(crate) fn quiet_until(&self, severity: &str, now_ms: u64) -> Option<u64> {
        // The end of one may lie within another.
        let mut at = now_ms;
        for _ in 0..=self.quiet.len() {
            match self
                .quiet
                .iter()
                .filter_map(|quiet| quiet.until(severity, at))
                .max()
            {
                Some(end) => at = end,
                None => break,
            }
        }
        (at > now_ms).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use service::config::Layers;

    use super::*;
    use crate::config::DEFAULT_TOML;

    fn policy(text: &str) -> Policy {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("relay.toml");
        std::fs::write(&file, text).expect("written");
        let layers = Layers {
            env: Vec::new(),
            file: Some(file),
            ..Layers::new("alert-relay", DEFAULT_TOML)
        };
        Policy::of(&Config::load(layers).expect("valid").config).expect("a policy")
    }

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    const ROUTES: &str = r#"
        mail.to = ["all@example.com"]
        [[routes]]
        name = "audit"
        matchers = ['severity="critical"']
        to = ["audit@example.com"]
        continue = true
        [[routes]]
        name = "db"
        matchers = ['team=~"db|storage"', 'environment!="dev"']
        to = ["dba@example.com"]
    "#;

    #[test]
    fn the_first_route_that_matches_takes_an_alert_and_continue_lets_others_have_it_too() {
        let policy = policy(ROUTES);
        let names = |pairs: &[(&str, &str)]| -> Vec<String> {
            policy
                .routes(&labels(pairs))
                .iter()
                .map(|route| route.name.to_string())
                .collect()
        };
        assert_eq!(
            names(&[("team", "db"), ("severity", "critical")]),
            ["audit", "db"]
        );
        assert_eq!(names(&[("team", "storage")]), ["db"]);
        assert_eq!(names(&[("team", "db"), ("environment", "dev")]), [FALLBACK]);
        assert_eq!(
            names(&[("team", "dba")]),
            [FALLBACK],
            "expressions match the whole value"
        );
        assert_eq!(policy.recipients("db"), ["dba@example.com"]);
        assert_eq!(policy.recipients("removed"), ["all@example.com"]);
    }

    #[test]
    fn quiet_hours_that_meet_are_one() {
        let policy = policy(
            r#"
            [[quiet_hours]]
            severities = ["info"]
            from = "20:00"
            to = "23:00"
            time_zone = "UTC"
            [[quiet_hours]]
            severities = ["info"]
            from = "22:30"
            to = "07:00"
            time_zone = "UTC"
        "#,
        );
        let at = |text: &str| {
            u64::try_from(
                text.parse::<jiff::Timestamp>()
                    .expect("a time")
                    .as_millisecond(),
            )
            .expect("after 1970")
        };
        assert_eq!(
            policy.quiet_until("info", at("2026-11-21T21:00:00Z")),
            Some(at("2026-11-22T07:00:00Z"))
        );
        assert_eq!(policy.quiet_until("info", at("2026-11-21T07:00:00Z")), None);
        assert_eq!(
            policy.quiet_until("critical", at("2026-11-21T21:00:00Z")),
            None
        );
    }
}
