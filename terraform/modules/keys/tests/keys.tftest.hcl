mock_provider "aws" {
  override_during = plan

  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:111122223333:key/mock", key_id = "mock" }
  }
}

variables {
  name = "flumen-test"
  keys = {
    database = { description = "PostgreSQL" }
    logs     = { description = "logs", services = ["logs.eu-central-1.amazonaws.com"] }
    alerts   = { description = "alerts", services = ["cloudwatch.amazonaws.com"] }
  }
}

run "keys_rotate_and_can_be_called_back" {
  command = plan

  assert {
    condition     = alltrue([for k in aws_kms_key.this : k.enable_key_rotation && k.deletion_window_in_days == 30])
    error_message = "a key does not rotate, or can be lost in less than 30 days"
  }
  assert {
    condition     = length(jsondecode(aws_kms_key.this["database"].policy).Statement) == 1
    error_message = "a service may use a key that names none"
  }
}

run "services_are_bound_to_this_account" {
  command = plan

  assert {
    condition     = jsondecode(aws_kms_key.this["alerts"].policy).Statement[1].Condition.StringEquals["aws:SourceAccount"] == "111122223333"
    error_message = "a service may use the key for other accounts"
  }
  assert {
    condition     = jsondecode(aws_kms_key.this["logs"].policy).Statement[1].Condition.ArnLike["kms:EncryptionContext:aws:logs:arn"] == "arn:aws:logs:*:111122223333:log-group:*"
    error_message = "the logs key is not bound to log groups of this account"
  }
  assert {
    condition     = alltrue([for k in aws_kms_key.this : alltrue([for s in slice(jsondecode(k.policy).Statement, 1, length(jsondecode(k.policy).Statement)) : !contains(flatten([s.Action]), "kms:*")])])
    error_message = "a service has every right on a key"
  }
}

run "refuses_a_principal_that_is_no_service" {
  command = plan
  variables { keys = { bad = { description = "bad", services = ["*"] } } }
  expect_failures = [var.keys]
}
