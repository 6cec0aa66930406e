//! Quotas of users: how much of the brokers each may use.

use std::collections::BTreeMap;

use kafka_protocol::messages::{
    AlterClientQuotasRequest, DescribeClientQuotasRequest,
    alter_client_quotas_request::{EntityData, EntryData, OpData},
    describe_client_quotas_request::ComponentData,
};

use super::AccessAdmin;
use crate::{
    Error,
    wire::{Failure, text},
};

const USER: &str = "user";
const EXACTLY: i8 = 0;
const THE_DEFAULT: i8 = 1;

impl AccessAdmin {
    /// The quotas of a user (none: of every user without its own), by Kafka's names, whatever the client's id.
    ///
    /// # Errors
    /// [`Error::Refused`] without the right to see quotas, [`Error::Unreachable`].
    pub async fn quotas(&mut self, user: Option<&str>) -> Result<BTreeMap<String, f64>, Error> {
        let mut component = ComponentData::default();
        component.entity_type = text(USER);
        component.match_type = match user {
            Some(_) => EXACTLY,
            None => THE_DEFAULT,
        };
        component._match = user.map(text);
        let request = DescribeClientQuotasRequest::default()
            .with_components(vec![component])
            .with_strict(true);
        let answer = self.connection.call(&request).await?;
        Failure::check(
            "reading quotas",
            answer.error_code,
            answer.error_message.as_ref(),
        )?;
        let entries = answer.entries.unwrap_or_default();
        Ok(entries
            .iter()
            .flat_map(|entry| &entry.values)
            .map(|value| (value.key.to_string(), value.value))
            .collect())
    }

    /// Sets one quota of a user (none: of every user without its own); its others stay.
    ///
    /// # Errors
    /// [`Error::Refused`] without the right to set quotas or for a name that Kafka does not know, [`Error::Unreachable`].
    pub async fn set_quota(
        &mut self,
        user: Option<&str>,
        limit: &str,
        value: f64,
    ) -> Result<(), Error> {
        let entity = EntityData::default()
            .with_entity_type(text(USER))
            .with_entity_name(user.map(text));
        let change = OpData::default()
            .with_key(text(limit))
            .with_value(value)
            .with_remove(false);
        let entry = EntryData::default()
            .with_entity(vec![entity])
            .with_ops(vec![change]);
        let request = AlterClientQuotasRequest::default()
            .with_entries(vec![entry])
            .with_validate_only(false);
        let answer = self.connection.call(&request).await?;
        for entry in &answer.entries {
            let doing = format!("setting quota {limit}");
            Failure::check(&doing, entry.error_code, entry.error_message.as_ref())?;
        }
        Ok(())
    }
}
