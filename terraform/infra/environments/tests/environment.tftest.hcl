# Run once with each environment's tfvars (scripts/check-terraform): what the charts, the workflows and the runbooks take for granted.

mock_provider "aws" {
  override_during = plan
  source          = "./tests/mocks"
}

mock_provider "random" {
  override_during = plan
}

run "the_environment_as_it_is_committed" {
  command = plan

  # charts/flumen/values-*.yaml: kafka.security.authentication is scram-sha-512, and the pods' rules open port 9096.
  assert {
    condition     = local.kafka_ports["scram"] == 9096 && alltrue([for user in ["ingest-api", "writer", "flumen-operator"] : contains(keys(output.secret_names), "kafka.${user}")])
    error_message = "the charts log in to Kafka by SCRAM: kafka.authentication.scram and its users"
  }
  assert {
    condition     = alltrue([for secret in ["api-keys", "relay", "smoke", "database.flumen_owner", "database.flumen_writer", "database.flumen_reader"] : contains(keys(output.secret_names), secret)])
    error_message = "External Secrets would look for a secret that Terraform has not made"
  }
  assert {
    condition     = alltrue([for fact in ["image.registry", "kafka.bootstrap.scram", "database.host", "database.admin-secret-arn", "secrets-prefix", "domain", "load-balancer.sg", "certificate-arn"] : contains(keys(local.facts), fact)])
    error_message = "argocd/flumen.yaml reads a fact that is not there"
  }
  # The same images everywhere: what production runs is what staging has run.
  assert {
    condition     = startswith(local.facts["image.registry"], var.registry.create ? "" : "111111111111.dkr.ecr.") && (var.registry.create || var.environment == "production")
    error_message = "production would look for images where nobody pushes them"
  }
  # Mails leave by 587, as the charts' network policy allows.
  assert {
    condition     = contains(values(var.network.node_egress_ports), 587) && contains(values(var.network.node_egress_ports), 443)
    error_message = "alert-relay could not send"
  }
  assert {
    condition     = { for name, topic in var.kafka.topics : name => topic.retention_hours >= 72 } == { events = true }
    error_message = "Kafka must keep what a restore of the database has to replay: the topic events, for 3 days or longer"
  }
  # Previews are hosts fb-<n> of staging, built from pull requests, swept by jobs of the environment.
  assert {
    condition     = contains(var.dns.hosts, "*") == (var.environment == "staging")
    error_message = "previews have their names in staging, and nowhere else"
  }
  assert {
    condition     = var.environment != "staging" || length(setsubtract(["ref:refs/heads/main", "pull_request", "environment:staging"], coalesce(var.github.push_subjects, []))) == 0
    error_message = "a workflow of .github/workflows could not take the role for images"
  }
}
