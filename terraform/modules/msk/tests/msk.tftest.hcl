mock_provider "aws" {
  override_during = plan

  mock_resource "aws_msk_cluster" {
    defaults = {
      arn                          = "arn:aws:kafka:eu-central-1:111122223333:cluster/flumen-test/0000-1"
      cluster_uuid                 = "0000-1"
      bootstrap_brokers_sasl_iam   = "b-1:9098"
      bootstrap_brokers_sasl_scram = "b-1:9096"
      bootstrap_brokers_tls        = "b-1:9094"
    }
  }
  mock_resource "aws_msk_serverless_cluster" {
    defaults = {
      arn                        = "arn:aws:kafka:eu-central-1:111122223333:cluster/flumen-test/0000-s1"
      bootstrap_brokers_sasl_iam = "boot:9098"
    }
  }
  mock_resource "aws_msk_configuration" {
    defaults = { arn = "arn:aws:kafka:eu-central-1:111122223333:configuration/mock/1", latest_revision = 1 }
  }
}

variables {
  name              = "flumen-test"
  subnet_ids        = ["subnet-a", "subnet-b", "subnet-c"]
  security_group_id = "sg-kafka"
  kms_key_arn       = "arn:aws:kms:eu-central-1:111122223333:key/kafka"
  logs_kms_key_arn  = "arn:aws:kms:eu-central-1:111122223333:key/logs"
  alarm_topic_arns  = ["arn:aws:sns:eu-central-1:111122223333:alerts"]
}

run "tls_iam_and_no_public_access" {
  command = plan

  assert {
    condition     = aws_msk_cluster.this[0].encryption_info[0].encryption_in_transit[0].client_broker == "TLS" && aws_msk_cluster.this[0].encryption_info[0].encryption_in_transit[0].in_cluster
    error_message = "records travel in the clear"
  }
  assert {
    condition     = aws_msk_cluster.this[0].broker_node_group_info[0].connectivity_info[0].public_access[0].type == "DISABLED"
    error_message = "brokers are public"
  }
  assert {
    condition     = aws_msk_cluster.this[0].client_authentication[0].unauthenticated == false && aws_msk_cluster.this[0].client_authentication[0].sasl[0].iam && !aws_msk_cluster.this[0].client_authentication[0].sasl[0].scram
    error_message = "IAM alone is the default"
  }
  assert {
    condition     = aws_msk_cluster.this[0].encryption_info[0].encryption_at_rest_kms_key_arn == var.kms_key_arn
    error_message = "disks are not encrypted by our key"
  }
}

run "an_accepted_event_is_on_two_brokers" {
  command = plan

  assert {
    condition     = alltrue([for line in ["min.insync.replicas=2", "default.replication.factor=3", "unclean.leader.election.enable=false", "auto.create.topics.enable=false"] : strcontains(aws_msk_configuration.this[0].server_properties, line)])
    error_message = "a setting that the promise P1 stands on is missing"
  }
  assert {
    condition     = aws_msk_topic.this["events"].replication_factor == 3 && jsondecode(aws_msk_topic.this["events"].configs)["min.insync.replicas"] == "2" && jsondecode(aws_msk_topic.this["events"].configs)["retention.ms"] == "604800000"
    error_message = "the topic loosens what the brokers ask for, or its retention moved"
  }
  assert {
    condition     = !strcontains(aws_msk_configuration.this[0].server_properties, "allow.everyone")
    error_message = "denying without ACLs is a switch for after provisioning"
  }
}

run "alarms_reach_somebody" {
  command = plan

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.broker) == 9 && length(aws_cloudwatch_metric_alarm.cluster) == 2 && length(aws_cloudwatch_metric_alarm.lag) == 1
    error_message = "an alarm is missing"
  }
  assert {
    condition     = alltrue([for a in merge(aws_cloudwatch_metric_alarm.broker, aws_cloudwatch_metric_alarm.cluster, aws_cloudwatch_metric_alarm.lag) : a.alarm_actions == toset(var.alarm_topic_arns)])
    error_message = "an alarm rings for nobody"
  }
}

run "disks_grow" {
  command = plan

  assert {
    condition     = aws_appautoscaling_target.storage[0].max_capacity == 1000 && aws_appautoscaling_policy.storage[0].target_tracking_scaling_policy_configuration[0].disable_scale_in
    error_message = "storage does not grow, or tries to shrink"
  }
}

run "scram_by_switch" {
  command = plan
  variables {
    authentication    = { iam = true, scram = true }
    scram_secret_arns = { writer = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:AmazonMSK_flumen-test_writer" }
    deny_without_acl  = true
  }

  assert {
    condition     = aws_msk_cluster.this[0].client_authentication[0].sasl[0].scram && length(aws_msk_scram_secret_association.this) == 1 && output.bootstrap_brokers.scram == "b-1:9096"
    error_message = "SCRAM is half on"
  }
  assert {
    condition     = strcontains(aws_msk_configuration.this[0].server_properties, "allow.everyone.if.no.acl.found=false")
    error_message = "clients without ACL are let in"
  }
}

run "mtls_by_switch" {
  command = plan
  variables { authentication = { tls_cas = ["arn:aws:acm-pca:eu-central-1:111122223333:certificate-authority/mock"] } }

  assert {
    condition     = length(aws_msk_cluster.this[0].client_authentication[0].tls) == 1 && output.bootstrap_brokers.tls == "b-1:9094"
    error_message = "mTLS is half on"
  }
}

run "serverless_by_switch" {
  command = plan
  variables { kind = "serverless" }

  assert {
    condition     = length(aws_msk_serverless_cluster.this) == 1 && length(aws_msk_cluster.this) == 0 && length(aws_msk_topic.this) == 0 && length(aws_cloudwatch_metric_alarm.broker) == 0
    error_message = "serverless has no brokers, no broker alarms and no topic API"
  }
  assert {
    condition     = output.bootstrap_brokers.iam == "boot:9098" && output.bootstrap_brokers.scram == null
    error_message = "wrong addresses"
  }
}

run "refuses_no_authentication" {
  command = plan
  variables { authentication = { iam = false } }
  expect_failures = [var.authentication]
}

run "refuses_scram_on_serverless" {
  command = plan
  variables {
    kind           = "serverless"
    authentication = { iam = true, scram = true }
  }
  expect_failures = [var.authentication]
}

run "refuses_four_brokers" {
  command = plan
  variables { broker_count = 4 }
  expect_failures = [var.broker_count]
}

run "refuses_a_retention_below_a_day" {
  command = plan
  variables { topics = { events = { partitions = 12, retention_hours = 1 } } }
  expect_failures = [var.topics]
}
