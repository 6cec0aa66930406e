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
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/mock" }
  }
  mock_resource "aws_backup_vault" {
    defaults = { arn = "arn:aws:backup:eu-central-1:111122223333:backup-vault:mock" }
  }
}

variables {
  name                      = "flumen-test"
  bucket_name               = "flumen-test-backups-111122223333"
  kms_key_arn               = "arn:aws:kms:eu-central-1:111122223333:key/backups"
  copy                      = { region = "eu-west-1", kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/copy" }
  database_arn              = "arn:aws:rds:eu-central-1:111122223333:db:flumen-test"
  restore_subnet_group_name = "flumen-test"
  restore_security_group_id = "sg-database"
  alarm_topic_arn           = "arn:aws:sns:eu-central-1:111122223333:alerts"
}

run "objects_are_versioned_locked_encrypted_and_private" {
  command = plan

  assert {
    condition     = alltrue([for b in aws_s3_bucket.this : b.object_lock_enabled]) && alltrue([for v in aws_s3_bucket_versioning.this : v.versioning_configuration[0].status == "Enabled"])
    error_message = "a bucket is without versions or lock"
  }
  assert {
    condition     = alltrue([for p in aws_s3_bucket_public_access_block.this : p.block_public_acls && p.block_public_policy && p.ignore_public_acls && p.restrict_public_buckets])
    error_message = "a bucket can be made public"
  }
  assert {
    condition     = alltrue([for e in aws_s3_bucket_server_side_encryption_configuration.this : one(e.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms"])
    error_message = "a bucket is not encrypted by KMS"
  }
  assert {
    condition     = aws_s3_bucket_object_lock_configuration.this["main"].rule[0].default_retention[0].mode == "GOVERNANCE" && aws_s3_bucket_object_lock_configuration.this["main"].rule[0].default_retention[0].days == 14
    error_message = "the lock moved"
  }
  assert {
    condition     = jsondecode(aws_s3_bucket_policy.this["main"].policy).Statement[0].Effect == "Deny" && jsondecode(aws_s3_bucket_policy.this["main"].policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false"
    error_message = "objects can be read in the clear"
  }
}

run "copies_in_the_second_region" {
  command = plan

  assert {
    condition     = aws_s3_bucket.this["copy"].region == "eu-west-1" && aws_backup_vault.this["copy"].region == "eu-west-1"
    error_message = "the copy is where the original is"
  }
  assert {
    condition     = aws_s3_bucket_replication_configuration.this[0].rule[0].delete_marker_replication[0].status == "Disabled" && aws_s3_bucket_replication_configuration.this[0].rule[0].destination[0].bucket == "arn:aws:s3:::flumen-test-backups-111122223333-copy"
    error_message = "deletions are carried over, or copies go elsewhere"
  }
  assert {
    condition     = alltrue([for s in jsondecode(aws_iam_role_policy.replication[0].policy).Statement : !contains(flatten([s.Resource]), "*")])
    error_message = "replication reaches other buckets"
  }
  assert {
    condition     = alltrue([for r in aws_backup_plan.this[0].rule : length(r.copy_action) == 1 && r.enable_continuous_backup == false])
    error_message = "recovery points stay in one region, or AWS Backup takes RDS's window over"
  }
}

run "retention" {
  command = plan

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.this["main"].rule[0].expiration[0].days == 90 && length(aws_s3_bucket_lifecycle_configuration.this["main"].rule[1].expiration) == 0
    error_message = "backups stay for ever, or archives expire"
  }
  assert {
    condition     = toset([for r in aws_backup_plan.this[0].rule : r.lifecycle[0].delete_after]) == toset([35, 365])
    error_message = "retention of recovery points moved"
  }
  assert {
    condition     = aws_backup_vault_lock_configuration.this["main"].min_retention_days == 7
    error_message = "recovery points can be deleted at once"
  }
}

run "restores_are_tested_every_week" {
  command = plan

  assert {
    condition     = aws_backup_restore_testing_plan.this[0].schedule_expression == "cron(0 7 ? * SUN *)" && aws_backup_restore_testing_selection.database[0].protected_resource_type == "RDS"
    error_message = "nobody restores"
  }
  assert {
    condition     = aws_backup_restore_testing_selection.database[0].restore_metadata_overrides["dbSubnetGroupName"] == "flumen-test" && aws_backup_restore_testing_selection.database[0].restore_metadata_overrides["vpcSecurityGroupIds"] == "[\"sg-database\"]"
    error_message = "the restore would look for a default VPC"
  }
  assert {
    condition     = contains(aws_backup_vault_notifications.this[0].backup_vault_events, "BACKUP_JOB_FAILED")
    error_message = "nobody hears of a failed backup"
  }
}

run "without_copy_and_without_database" {
  command = plan
  variables {
    copy         = null
    database_arn = null
  }

  assert {
    condition     = length(aws_s3_bucket.this) == 1 && length(aws_backup_plan.this) == 0 && length(aws_iam_role.replication) == 0 && length(aws_backup_restore_testing_plan.this) == 0
    error_message = "switched off means nothing made"
  }
}

run "refuses_to_expire_what_is_locked" {
  command = plan
  variables {
    retention_days = 7
    object_lock    = { days = 30 }
  }
  expect_failures = [var.retention_days]
}

run "refuses_an_unknown_lock" {
  command = plan
  variables { object_lock = { mode = "NONE" } }
  expect_failures = [var.object_lock]
}

run "refuses_a_restore_test_without_a_place" {
  command = plan
  variables { restore_subnet_group_name = null }
  expect_failures = [aws_backup_restore_testing_selection.database]
}
