mock_provider "aws" {
  override_during = plan
  source          = "./tests/mocks"
}

mock_provider "random" {
  override_during = plan
}

variables {
  environment        = "production"
  account_id         = "111122223333"
  region             = "eu-central-1"
  backup_region      = "eu-west-1"
  availability_zones = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
  repository         = "acme/flumen"
  cluster = {
    admin_arns  = { platform = "arn:aws:iam::111122223333:role/platform-admins" }
    node_groups = { general = { instance_types = ["m7g.large"], min_size = 3, max_size = 12 } }
  }
  dns    = { domain = "events.example.com" }
  github = {}
}

run "production_by_defaults" {
  command = plan

  assert {
    condition     = output.cluster_name == "flumen-production" && output.backup_bucket == "flumen-production-backups-111122223333"
    error_message = "names do not carry the environment"
  }
  assert {
    condition     = output.kafka_bootstrap_brokers.iam == "b-1:9098" && output.kafka_bootstrap_brokers.scram == null && output.database_hosts.write == "db.mock"
    error_message = "the next step gets the wrong addresses"
  }
  assert {
    condition     = jsondecode(aws_ssm_parameter.facts.insecure_value).facts["kafka.bootstrap.iam"] == "b-1:9098" && jsondecode(aws_ssm_parameter.facts.insecure_value).facts["zone-id"] == "Z0MOCK" && jsondecode(aws_ssm_parameter.facts.insecure_value).role_arns == {}
    error_message = "the bootstrap would not find its facts"
  }
  assert {
    condition     = toset(keys(output.github_role_arns)) == toset(["images", "smoke", "plan"])
    error_message = "a role of the workflows is missing"
  }
  assert {
    condition     = local.kafka_ports == tomap({ iam = 9098, jmx-exporter = 11001, node-exporter = 11002 })
    error_message = "listeners open that nobody uses"
  }
  assert {
    condition     = jsondecode(aws_sns_topic_policy.alerts.policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "111122223333"
    error_message = "other accounts ring our alarms"
  }
}

run "irsa_hands_the_roles_to_the_charts" {
  command = plan
  variables { pod_identity = false }

  assert {
    condition     = contains(keys(jsondecode(aws_ssm_parameter.facts.insecure_value).role_arns), "external-secrets") && contains(keys(local.facts), "role.writer")
    error_message = "service accounts would have no role"
  }
}

run "without_rds_msk_dns_and_registry" {
  command = plan
  variables {
    environment   = "staging"
    backup_region = null
    kafka         = null
    database      = null
    dns           = null
    github        = null
    registry      = { create = false, address = "999900001111.dkr.ecr.eu-central-1.amazonaws.com/flumen" }
  }

  assert {
    condition     = length(module.rds) == 0 && length(module.msk) == 0 && length(module.ecr) == 0 && length(module.copy_keys) == 0 && output.database_hosts == null
    error_message = "switched off means nothing made"
  }
  assert {
    condition     = !contains(keys(local.facts), "database.host")
    error_message = "the bootstrap would believe in an RDS"
  }
  assert {
    condition     = local.facts["image.registry"] == "999900001111.dkr.ecr.eu-central-1.amazonaws.com/flumen"
    error_message = "the charts would not find the images of the other environment"
  }
}

run "scram_end_to_end" {
  command = plan
  variables { kafka = { authentication = { iam = true, scram = true } } }

  assert {
    condition     = contains(keys(output.secret_names), "kafka.writer") && local.kafka_ports["scram"] == 9096
    error_message = "SCRAM users without secret or way"
  }
}

run "production_refuses_one_zone" {
  command = plan
  variables { database = { deployment = "single" } }
  expect_failures = [var.database]
}

run "production_refuses_a_short_way_back" {
  command = plan
  variables { database = { backup_days = 3 } }
  expect_failures = [var.database]
}

run "production_refuses_one_region" {
  command = plan
  variables { backup_region = null }
  expect_failures = [var.backup_region]
}

run "production_refuses_one_nat" {
  command = plan
  variables { network = { nat_gateways = "single" } }
  expect_failures = [var.network]
}

run "production_refuses_untested_backups" {
  command = plan
  variables { backups = { restore_test_schedule = "never" } }
  expect_failures = [var.backups]
}

run "staging_refuses_the_public" {
  command = plan
  variables {
    environment = "staging"
    network     = { load_balancer_cidrs = ["0.0.0.0/0"] }
  }
  expect_failures = [var.network]
}

run "refuses_images_from_nowhere" {
  command = plan
  variables { registry = { create = false } }
  expect_failures = [var.registry]
}

run "refuses_zones_of_another_region" {
  command = plan
  variables { availability_zones = ["us-east-1a", "us-east-1b", "us-east-1c"] }
  expect_failures = [var.availability_zones]
}

run "refuses_a_cluster_without_administrator" {
  command = plan
  variables {
    cluster = { admin_arns = {}, node_groups = { general = { instance_types = ["m7g.large"], min_size = 3, max_size = 12 } } }
  }
  expect_failures = [var.cluster]
}
