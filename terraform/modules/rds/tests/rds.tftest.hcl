mock_provider "aws" {
  override_during = plan

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/mock" }
  }
  mock_resource "aws_db_instance" {
    defaults = {
      arn                = "arn:aws:rds:eu-central-1:111122223333:db:flumen-test"
      address            = "flumen-test.mock.rds.amazonaws.com"
      resource_id        = "db-MOCK"
      master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:rds!db-mock", kms_key_id = "mock", secret_status = "active" }]
    }
  }
  mock_resource "aws_rds_cluster" {
    defaults = {
      arn                 = "arn:aws:rds:eu-central-1:111122223333:cluster:flumen-test"
      endpoint            = "flumen-test.cluster-mock.rds.amazonaws.com"
      reader_endpoint     = "flumen-test.cluster-ro-mock.rds.amazonaws.com"
      cluster_resource_id = "cluster-MOCK"
      master_user_secret  = [{ secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:rds!cluster-mock", kms_key_id = "mock", secret_status = "active" }]
    }
  }
  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:generated" }
  }
}

mock_provider "random" {}

variables {
  name              = "flumen-test"
  subnet_ids        = ["subnet-a", "subnet-b", "subnet-c"]
  security_group_id = "sg-database"
  kms_key_arn       = "arn:aws:kms:eu-central-1:111122223333:key/database"
  logs_kms_key_arn  = "arn:aws:kms:eu-central-1:111122223333:key/logs"
  alarm_topic_arns  = ["arn:aws:sns:eu-central-1:111122223333:alerts"]
}

run "multi_az_private_encrypted_and_recoverable_by_default" {
  command = plan

  assert {
    condition     = aws_db_instance.this[0].multi_az
    error_message = "no standby in another zone"
  }
  assert {
    condition     = aws_db_instance.this[0].publicly_accessible == false && aws_db_instance.this[0].vpc_security_group_ids == toset(["sg-database"])
    error_message = "the database is public"
  }
  assert {
    condition     = aws_db_instance.this[0].storage_encrypted && aws_db_instance.this[0].kms_key_id == var.kms_key_arn
    error_message = "the disk is not encrypted by our key"
  }
  assert {
    condition     = aws_db_instance.this[0].backup_retention_period == 35 && aws_db_instance.this[0].delete_automated_backups == false
    error_message = "point-in-time recovery is short, or dies with the database"
  }
  assert {
    condition     = aws_db_instance.this[0].deletion_protection && aws_db_instance.this[0].skip_final_snapshot == false
    error_message = "the database can be deleted by mistake"
  }
}

run "tls_is_forced" {
  command = plan

  assert {
    condition     = one([for p in aws_db_parameter_group.this[0].parameter : p.value if p.name == "rds.force_ssl"]) == "1" && aws_db_parameter_group.this[0].family == "postgres18"
    error_message = "connections in the clear are accepted"
  }
  assert {
    condition     = one([for p in aws_db_parameter_group.this[0].parameter : p.apply_method if p.name == "rds.logical_replication"]) == "pending-reboot"
    error_message = "a static parameter would be refused when applied immediately"
  }
}

run "rds_keeps_and_rotates_the_password" {
  command = plan

  assert {
    condition     = aws_db_instance.this[0].manage_master_user_password && length(random_password.master) == 0 && length(aws_secretsmanager_secret.master) == 0
    error_message = "a managed password must not be made by Terraform"
  }
  assert {
    condition     = aws_secretsmanager_secret_rotation.master[0].rotation_rules[0].automatically_after_days == 30 && aws_secretsmanager_secret_rotation.master[0].rotate_immediately == false
    error_message = "rotation is left to RDS's seven days"
  }
}

run "read_replicas_with_a_generated_password" {
  command = plan
  variables {
    master_password    = "generated"
    read_replica_count = 2
  }

  assert {
    condition     = length(aws_db_instance.replica) == 2 && alltrue([for r in aws_db_instance.replica : r.publicly_accessible == false && r.storage_encrypted])
    error_message = "replicas are missing, public or in the clear"
  }
  assert {
    condition     = length(aws_secretsmanager_secret_version.master) == 1 && aws_db_instance.this[0].password_wo_version == 1 && length(aws_cloudwatch_metric_alarm.replica_lag) == 2
    error_message = "the generated password is not kept, or nobody watches the replicas"
  }
}

run "backups_in_a_second_region" {
  command = plan
  variables { backup_replication = { region = "eu-west-1", kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/dr" } }

  assert {
    condition     = aws_db_instance_automated_backups_replication.this[0].region == "eu-west-1" && aws_db_instance_automated_backups_replication.this[0].retention_period == 14
    error_message = "backups stay in one region"
  }
}

run "cluster_with_readable_standbys" {
  command = plan
  variables {
    deployment     = "multi_az_cluster"
    instance_class = "db.m6gd.large"
  }

  assert {
    condition     = length(aws_rds_cluster.this) == 1 && length(aws_db_instance.this) == 0 && output.reader_host == "flumen-test.cluster-ro-mock.rds.amazonaws.com"
    error_message = "the cluster is not what is made"
  }
  assert {
    condition     = aws_rds_cluster.this[0].storage_encrypted && aws_rds_cluster.this[0].deletion_protection && one([for p in aws_rds_cluster_parameter_group.this[0].parameter : p.value if p.name == "rds.force_ssl"]) == "1"
    error_message = "the cluster is weaker than the instance"
  }
}

run "single_is_a_choice" {
  command = plan
  variables { deployment = "single" }

  assert {
    condition     = aws_db_instance.this[0].multi_az == false
    error_message = "single must not pay for a standby"
  }
}

run "alarms_reach_somebody" {
  command = plan

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) == 5 && alltrue([for a in aws_cloudwatch_metric_alarm.this : a.alarm_actions == toset(var.alarm_topic_arns)]) && length(aws_db_event_subscription.this) == 1
    error_message = "an alarm rings for nobody"
  }
}

run "refuses_a_replica_of_a_managed_password" {
  command = plan
  variables { read_replica_count = 1 }
  expect_failures = [var.read_replica_count]
}

run "refuses_to_switch_recovery_off" {
  command = plan
  variables { backup_retention_days = 0 }
  expect_failures = [var.backup_retention_days]
}

run "refuses_to_loosen_tls" {
  command = plan
  variables { parameters = { "rds.force_ssl" = { value = "0" } } }
  expect_failures = [var.parameters]
}

run "refuses_an_old_postgresql" {
  command = plan
  variables { engine_version = "14.9" }
  expect_failures = [var.engine_version]
}

run "refuses_backup_replication_of_a_cluster" {
  command = plan
  variables {
    deployment         = "multi_az_cluster"
    instance_class     = "db.m6gd.large"
    backup_replication = { region = "eu-west-1", kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/dr" }
  }
  expect_failures = [var.backup_replication]
}
