mock_provider "aws" {
  override_during = plan

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:mock" }
  }
}

mock_provider "random" {
  override_during = plan
}

variables {
  name        = "flumen-test"
  kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/secrets"
  database    = { host = "primary", reader_host = "replica", port = 5432, name = "flumen" }
}

run "a_secret_for_each_role_under_our_key" {
  command = plan

  assert {
    condition     = toset(keys(aws_secretsmanager_secret.database)) == toset(["flumen_owner", "flumen_writer", "flumen_reader"]) && alltrue([for s in aws_secretsmanager_secret.database : s.kms_key_id == var.kms_key_arn])
    error_message = "roles share a secret, or it is under another key"
  }
  assert {
    condition     = local.database_secrets["flumen_reader"].host == "replica" && local.database_secrets["flumen_writer"].host == "primary"
    error_message = "reader and writer look at the wrong server"
  }
  assert {
    condition     = local.database_secrets["flumen_writer"].sslmode == "verify-full"
    error_message = "the certificate of the server is not checked"
  }
  assert {
    condition     = output.arn_patterns == ["arn:aws:secretsmanager:eu-central-1:111122223333:secret:flumen-test/*"]
    error_message = "External Secrets would read more than this environment's"
  }
}

run "content_that_people_write_is_not_terraforms" {
  command = plan

  assert {
    condition     = toset(keys(aws_secretsmanager_secret.container)) == toset(["api-keys", "relay", "smoke"]) && length(aws_secretsmanager_secret_version.kafka) == 0
    error_message = "a container is missing"
  }
}

run "scram_users_as_msk_asks" {
  command = plan
  variables { kafka_users = ["writer", "ingest-api"] }

  assert {
    condition     = aws_secretsmanager_secret.kafka["writer"].name == "AmazonMSK_flumen-test_writer" && aws_secretsmanager_secret.kafka["writer"].kms_key_id == var.kms_key_arn
    error_message = "MSK refuses the secret by its name or key"
  }
  assert {
    condition     = jsondecode(aws_secretsmanager_secret_policy.kafka["writer"].policy).Statement[0].Principal.Service == "kafka.amazonaws.com" && jsondecode(aws_secretsmanager_secret_policy.kafka["writer"].policy).Statement[0].Action == "secretsmanager:GetSecretValue"
    error_message = "MSK cannot read it, or others can"
  }
  assert {
    condition     = length(output.arn_patterns) == 2
    error_message = "External Secrets cannot read the Kafka users"
  }
}

run "without_rds_no_database_secrets" {
  command = plan
  variables { database = null }

  assert {
    condition     = length(aws_secretsmanager_secret.database) == 0 && length(random_password.database) == 0
    error_message = "passwords for a database that does not exist"
  }
}

run "refuses_a_recovery_below_a_week" {
  command = plan
  variables { recovery_days = 3 }
  expect_failures = [var.recovery_days]
}
