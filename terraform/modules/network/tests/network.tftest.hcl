mock_provider "aws" {
  override_during = plan

  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/mock" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:mock" }
  }
}

variables {
  name               = "flumen-test"
  cluster_name       = "flumen-test"
  availability_zones = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
  logs_kms_key_arn   = "arn:aws:kms:eu-central-1:111122223333:key/mock"
}

run "subnets_of_a_16_do_not_overlap_and_are_where_the_comment_says" {
  command = plan

  assert {
    condition     = [for z in var.availability_zones : aws_subnet.private[z].cidr_block] == ["10.0.0.0/19", "10.0.32.0/19", "10.0.64.0/19"]
    error_message = "private subnets moved"
  }
  assert {
    condition     = [for z in var.availability_zones : aws_subnet.public[z].cidr_block] == ["10.0.96.0/22", "10.0.100.0/22", "10.0.104.0/22"]
    error_message = "public subnets moved"
  }
  assert {
    condition     = [for z in var.availability_zones : aws_subnet.database[z].cidr_block] == ["10.0.128.0/24", "10.0.129.0/24", "10.0.130.0/24"]
    error_message = "database subnets moved"
  }
  assert {
    condition     = alltrue([for s in aws_subnet.public : s.map_public_ip_on_launch == false])
    error_message = "a public subnet hands out public addresses"
  }
  assert {
    condition     = aws_subnet.public["eu-central-1a"].tags["kubernetes.io/role/elb"] == "1" && aws_subnet.private["eu-central-1a"].tags["kubernetes.io/role/internal-elb"] == "1"
    error_message = "the load balancer controller would not find its subnets"
  }
}

run "subnets_of_a_20" {
  command = plan
  variables { cidr = "172.20.16.0/20" }

  assert {
    condition     = aws_subnet.private["eu-central-1c"].cidr_block == "172.20.20.0/23" && aws_subnet.public["eu-central-1a"].cidr_block == "172.20.22.0/26" && aws_subnet.database["eu-central-1b"].cidr_block == "172.20.24.16/28"
    error_message = "subnets of a /20 computed wrong"
  }
}

run "nat_in_every_zone_by_default" {
  command = plan

  assert {
    condition     = length(aws_nat_gateway.this) == 3 && length(aws_route.private_nat) == 3
    error_message = "per_zone means three gateways and three routes"
  }
}

run "one_nat_serves_three_zones" {
  command = plan
  variables { nat_gateways = "single" }

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && length(aws_route.private_nat) == 3
    error_message = "single means one gateway and three routes"
  }
}

run "no_nat_means_no_way_out" {
  command = plan
  variables { nat_gateways = "none" }

  assert {
    condition     = length(aws_nat_gateway.this) == 0 && length(aws_eip.nat) == 0 && length(aws_route.private_nat) == 0
    error_message = "none means no gateway, address or route"
  }
}

run "databases_are_reached_from_nodes_only" {
  command = plan

  assert {
    condition     = toset([for k, r in local.ingress : r.group if contains(["database", "kafka", "endpoints"], r.group) && try(r.from, "") != "nodes"]) == toset([])
    error_message = "something but the nodes reaches the data"
  }
  assert {
    condition     = length([for r in local.egress : r if contains(["database", "kafka", "endpoints"], r.group)]) == 0
    error_message = "databases open connections"
  }
  assert {
    condition     = [for k, r in local.ingress : r.port if r.group == "database"] == [5432] && [for k, r in local.ingress : r.port if r.group == "kafka"] == [9098]
    error_message = "more ports than the design has"
  }
  assert {
    condition     = toset([for k, r in local.ingress : r.port if try(r.from, "") == "load_balancer"]) == toset([8080, 8081])
    error_message = "the load balancer reaches more than the two public listeners"
  }
}

run "nobody_from_outside_unless_named" {
  command = plan

  assert {
    condition     = length([for r in local.ingress : r if try(r.cidr, null) != null]) == 0
    error_message = "an address range has access by default"
  }
}

run "the_load_balancer_opens_to_named_ranges" {
  command = plan
  variables { load_balancer_cidrs = ["203.0.113.0/24"] }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.this["load_balancer https 203.0.113.0/24"].cidr_ipv4 == "203.0.113.0/24" && aws_vpc_security_group_ingress_rule.this["load_balancer https 203.0.113.0/24"].from_port == 443
    error_message = "the allow-list is not applied"
  }
}

run "endpoints_and_their_policy" {
  command = plan

  assert {
    condition     = toset(keys(aws_vpc_endpoint.interface)) == toset(["ecr.api", "ecr.dkr", "sts", "secretsmanager"]) && aws_vpc_endpoint.s3.vpc_endpoint_type == "Gateway"
    error_message = "an endpoint is missing"
  }
  assert {
    condition     = alltrue([for s in jsondecode(aws_vpc_endpoint.s3.policy).Statement : s.Sid == "ReadAnywhere" ? s.Action == ["s3:GetObject"] : s.Condition.StringEquals["aws:ResourceAccount"] == "111122223333"])
    error_message = "the S3 endpoint lets data out to buckets of others"
  }
}

run "flow_logs_are_encrypted_and_kept" {
  command = plan

  assert {
    condition     = aws_cloudwatch_log_group.flow[0].retention_in_days == 365 && aws_cloudwatch_log_group.flow[0].kms_key_id == var.logs_kms_key_arn && aws_flow_log.this[0].traffic_type == "ALL"
    error_message = "flow logs off, short or in the clear"
  }
}

run "flow_logs_by_switch" {
  command = plan
  variables { flow_logs_retention_days = 0 }

  assert {
    condition     = length(aws_flow_log.this) == 0 && length(aws_iam_role.flow) == 0
    error_message = "switched off means no log, no role"
  }
}

run "refuses_two_zones" {
  command = plan
  variables { availability_zones = ["eu-central-1a", "eu-central-1b"] }
  expect_failures = [var.availability_zones]
}

run "refuses_a_range_too_small" {
  command = plan
  variables { cidr = "10.0.0.0/24" }
  expect_failures = [var.cidr]
}

run "refuses_the_plaintext_listener" {
  command = plan
  variables { kafka_ports = { plaintext = 9092 } }
  expect_failures = [var.kafka_ports]
}

run "refuses_an_admin_port_behind_the_load_balancer" {
  command = plan
  variables { load_balancer_target_ports = { admin = 9080 } }
  expect_failures = [var.load_balancer_target_ports]
}
