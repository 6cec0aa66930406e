//! What must hold across settings, beyond what each says by its type.

use std::time::Duration;

use lettre::message::Mailbox;

use super::{Authentication, Config, TransportKind};
use crate::policy::{Matcher, Policy};

impl Config {
    /// The first setting that is wrong, and why.
    pub(super) fn fault(&self) -> Option<(String, String)> {
        let fault = |key: &str, why: &str| Some((key.to_owned(), why.to_owned()));
        let (body, outbox, mail, api) = (&self.body, &self.outbox, &self.mail, &self.api);
        if body.max_bytes.0 == 0 || body.max_in_flight_bytes < body.max_bytes {
            return fault(
                "body.max_in_flight_bytes",
                "must be at least body.max_bytes, which must be more than 0",
            );
        }
        if !(64..=8192).contains(&self.alerts.max_value_bytes.0) {
            return fault("alerts.max_value_bytes", "must be between 64B and 8KiB");
        }
        if !(4..=256).contains(&self.alerts.max_labels) {
            return fault("alerts.max_labels", "must be between 4 and 256");
        }
        if outbox.max_bytes.0 < 1 << 20 {
            return fault("outbox.max_bytes", "must be at least 1MiB");
        }
        if !(1..=200).contains(&self.grouping.max_alerts) {
            return fault("grouping.max_alerts", "must be between 1 and 200");
        }
        if self.rate.mails == 0 {
            return fault("rate.mails", "must be at least 1");
        }
        if let Err(why) = mailbox(&mail.from) {
            return Some(("mail.from".to_owned(), why));
        }
        if mail.to.is_empty() {
            return fault(
                "mail.to",
                "needs an address: an alert that no route takes must go somewhere",
            );
        }
        if let Some(why) = mail
            .to
            .iter()
            .chain(&mail.reply_to)
            .find_map(|to| mailbox(to).err())
        {
            return Some(("mail.to".to_owned(), why));
        }
        if !mail.alertmanager_url.is_empty() && crate::clean::url(&mail.alertmanager_url).is_empty()
        {
            return fault(
                "mail.alertmanager_url",
                "must begin with http:// or https://",
            );
        }
        if mail.transport == TransportKind::Api {
            for (key, url, is_needed) in [
                ("api.url", &api.url, true),
                (
                    "api.oauth2_url",
                    &api.oauth2_url,
                    api.authentication == Authentication::OAuth2,
                ),
            ] {
                if is_needed && crate::clean::url(url).is_empty() {
                    return fault(key, "must begin with http:// or https://");
                }
            }
        }
        if !matches!(api.method.as_str(), "POST" | "PUT") {
            return fault("api.method", "must be POST or PUT");
        }
        if api.certificate_file.as_os_str().is_empty() != api.key_file.as_os_str().is_empty() {
            return fault("api.key_file", "certificate_file and key_file go together");
        }
        let times = [
            ("body.timeout", body.timeout),
            ("rate.per", self.rate.per),
            ("smtp.timeout", self.smtp.timeout),
            ("api.timeout", api.timeout),
            ("retry.first", self.retry.first),
            ("retry.longest", self.retry.longest),
        ];
        if let Some((key, _)) = times
            .iter()
            .find(|(_, time)| *time < Duration::from_millis(1))
        {
            return fault(key, "must be at least 1ms");
        }
        if self.retry.max_attempts == 0
            || self.retry.max_refusals == 0
            || self.retry.concurrency == 0
        {
            return fault(
                "retry",
                "max_attempts, max_refusals and concurrency must be at least 1",
            );
        }
        self.routes_fault().or_else(|| Policy::of(self).err())
    }

    fn routes_fault(&self) -> Option<(String, String)> {
        for (at, route) in self.routes.iter().enumerate() {
            let fault = |why: String| {
                Some((
                    "routes".to_owned(),
                    format!("route {} `{}`: {why}", at + 1, route.name),
                ))
            };
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            if route.name.is_empty() || route.name.len() > 64 || !route.name.chars().all(is_plain) {
                return fault("the name must be of letters, digits, `-` and `_`".to_owned());
            }
            if route.name == crate::policy::FALLBACK
                || self.routes[..at]
                    .iter()
                    .any(|other| other.name == route.name)
            {
                return fault("the name is taken".to_owned());
            }
            if route.to.is_empty() {
                return fault("`to` needs an address".to_owned());
            }
            if let Some(why) = route.to.iter().find_map(|to| mailbox(to).err()) {
                return fault(why);
            }
            if let Some(why) = route
                .matchers
                .iter()
                .find_map(|text| Matcher::parse(text).err())
            {
                return fault(why);
            }
        }
        None
    }
}

/// Reads an address such as `On call <oncall@example.com>`.
pub(crate) fn mailbox(text: &str) -> Result<Mailbox, String> {
    text.parse().map_err(|_| {
        format!("`{text}` is not an address; write name@example.com or Name <name@example.com>")
    })
}
