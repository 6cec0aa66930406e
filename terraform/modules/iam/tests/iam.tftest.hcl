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
}

variables {
  name           = "flumen-test"
  cluster_name   = "flumen-test"
  vpc_id         = "vpc-1"
  hosted_zone_id = "Z0MOCK"
  kafka          = { cluster_arn = "arn:aws:kafka:eu-central-1:111122223333:cluster/flumen-test/0000-1" }
  database       = { resource_id = "db-MOCK" }
  backup_bucket  = { arn = "arn:aws:s3:::flumen-test-backups", kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/backups" }
  secrets = {
    arn_patterns = ["arn:aws:secretsmanager:eu-central-1:111122223333:secret:flumen-test/*"]
    kms_key_arns = ["arn:aws:kms:eu-central-1:111122223333:key/secrets"]
  }
  github = {
    repository       = "acme/flumen"
    environment      = "staging"
    repository_arns  = ["arn:aws:ecr:eu-central-1:111122223333:repository/flumen/writer"]
    state_bucket_arn = "arn:aws:s3:::acme-terraform"
  }
}

run "ingest_api_produces_and_nothing_else" {
  command = plan

  assert {
    condition     = sort(flatten([for s in jsondecode(aws_iam_role_policy.service_account["ingest-api"].policy).Statement : s.Action])) == tolist(["kafka-cluster:Connect", "kafka-cluster:DescribeTopic", "kafka-cluster:WriteData", "kafka-cluster:WriteDataIdempotently"])
    error_message = "ingest-api has other rights than producing"
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.service_account["ingest-api"].policy).Statement[1].Resource == "arn:aws:kafka:eu-central-1:111122223333:topic/flumen-test/0000-1/events"
    error_message = "ingest-api writes to other topics"
  }
}

run "the_writer_consumes_and_logs_in" {
  command = plan

  assert {
    condition     = sort(flatten([for s in jsondecode(aws_iam_role_policy.service_account["writer"].policy).Statement : s.Action])) == tolist(["kafka-cluster:AlterGroup", "kafka-cluster:Connect", "kafka-cluster:DescribeGroup", "kafka-cluster:DescribeTopic", "kafka-cluster:ReadData", "rds-db:connect"])
    error_message = "the writer has other rights than reading its topic and storing"
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.service_account["writer"].policy).Statement[2].Resource == "arn:aws:kafka:eu-central-1:111122223333:group/flumen-test/0000-1/flumen-writer"
    error_message = "the writer touches other groups"
  }
}

run "query_api_knows_nothing_of_kafka_and_alert_relay_nothing_of_aws" {
  command = plan

  assert {
    condition     = jsondecode(aws_iam_role_policy.service_account["query-api"].policy).Statement == [{ Sid = "LogIn", Effect = "Allow", Action = ["rds-db:connect"], Resource = "arn:aws:rds-db:eu-central-1:111122223333:dbuser:db-MOCK/flumen_reader" }]
    error_message = "query-api has more than its login"
  }
  assert {
    condition     = !contains(keys(aws_iam_role_policy.service_account), "alert-relay") && contains(keys(aws_iam_role.service_account), "alert-relay")
    error_message = "alert-relay needs no right on AWS"
  }
}

run "the_operator_cannot_delete_backups" {
  command = plan

  assert {
    condition     = !anytrue([for a in flatten([for s in jsondecode(aws_iam_role_policy.service_account["flumen-operator"].policy).Statement : s.Action]) : startswith(a, "s3:Delete") || startswith(a, "s3:Bypass")])
    error_message = "a stolen job deletes backups"
  }
}

run "secrets_and_dns_of_this_environment_only" {
  command = plan

  assert {
    condition     = jsondecode(aws_iam_role_policy.service_account["external-secrets"].policy).Statement[0].Resource == ["arn:aws:secretsmanager:eu-central-1:111122223333:secret:flumen-test/*"]
    error_message = "External Secrets reads other environments"
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.service_account["external-dns"].policy).Statement[0].Resource == "arn:aws:route53:::hostedzone/Z0MOCK"
    error_message = "ExternalDNS writes into other zones"
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.service_account["cert-manager"].policy).Statement[0].Condition["ForAllValues:StringEquals"]["route53:ChangeResourceRecordSetsRecordTypes"] == ["TXT"]
    error_message = "cert-manager changes more than challenges"
  }
}

run "load_balancers_of_this_cluster_only" {
  command = plan

  assert {
    condition     = one([for s in jsondecode(aws_iam_role_policy.service_account["load-balancers"].policy).Statement : s.Condition.StringEquals["aws:ResourceTag/elbv2.k8s.aws/cluster"] if s.Sid == "ChangeOwn"]) == "flumen-test"
    error_message = "load balancers of others can be changed"
  }
}

run "no_policy_has_a_wildcard_action" {
  command = plan

  assert {
    condition     = !anytrue(flatten([for p in aws_iam_role_policy.service_account : [for s in jsondecode(p.policy).Statement : [for a in flatten([s.Action]) : strcontains(a, "*")]]]))
    error_message = "a wildcard action"
  }
}

run "pod_identity_binds_each_role_to_one_service_account" {
  command = plan

  assert {
    condition     = length(aws_eks_pod_identity_association.this) == 11 && aws_eks_pod_identity_association.this["writer"].namespace == "flumen" && aws_eks_pod_identity_association.this["writer"].service_account == "writer"
    error_message = "an association is missing"
  }
  assert {
    condition     = jsondecode(aws_iam_role.service_account["writer"].assume_role_policy).Statement[0].Condition.StringEquals["aws:RequestTag/kubernetes-service-account"] == "writer" && toset(jsondecode(aws_iam_role.service_account["writer"].assume_role_policy).Statement[0].Action) == toset(["sts:AssumeRole", "sts:TagSession"])
    error_message = "another service account could take the writer's role"
  }
}

run "irsa_by_switch" {
  command = plan
  variables {
    pod_identity = false
    oidc         = { provider_arn = "arn:aws:iam::111122223333:oidc-provider/oidc.example", issuer = "oidc.example" }
  }

  assert {
    condition     = length(aws_eks_pod_identity_association.this) == 0 && jsondecode(aws_iam_role.service_account["query-api"].assume_role_policy).Statement[0].Condition.StringEquals["oidc.example:sub"] == "system:serviceaccount:flumen:query-api"
    error_message = "IRSA trusts more than one service account"
  }
}

run "github_by_exact_subject" {
  command = plan

  assert {
    condition     = jsondecode(aws_iam_role.github["smoke"].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == ["repo:acme/flumen:environment:staging"]
    error_message = "other environments or repositories get in"
  }
  assert {
    condition     = jsondecode(aws_iam_role.github["images"].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == ["repo:acme/flumen:ref:refs/heads/main"]
    error_message = "images can be pushed from any branch"
  }
  assert {
    condition     = [for s in jsondecode(aws_iam_role_policy.github["plan"].policy).Statement : s.Effect] == ["Deny", "Deny"] && jsondecode(aws_iam_role_policy.github["plan"].policy).Statement[1].NotResource == "arn:aws:s3:::acme-terraform/*"
    error_message = "plans read data or secrets"
  }
  assert {
    condition     = flatten([for s in jsondecode(aws_iam_role_policy.github["smoke"].policy).Statement : s.Action]) == ["eks:DescribeCluster", "ssm:GetParameter"]
    error_message = "the smoke test has more rights than looking"
  }
}

run "the_smoke_test_reads_its_tokens_and_no_other_secret" {
  command = plan
  variables {
    github = {
      repository   = "acme/flumen"
      environment  = "staging"
      smoke_secret = { arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:flumen-staging/smoke-AbCdEf", kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/secrets" }
    }
  }

  assert {
    condition     = { for s in jsondecode(aws_iam_role_policy.github["smoke"].policy).Statement : s.Sid => s.Resource if s.Sid == "ReadTheTokens" } == { ReadTheTokens = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:flumen-staging/smoke-AbCdEf" }
    error_message = "another secret than the smoke test's"
  }
  assert {
    condition     = [for s in jsondecode(aws_iam_role_policy.github["smoke"].policy).Statement : s.Condition.StringEquals["kms:EncryptionContext:SecretARN"] if s.Sid == "DecryptThem"] == ["arn:aws:secretsmanager:eu-central-1:111122223333:secret:flumen-staging/smoke-AbCdEf"]
    error_message = "the key opens other secrets as well"
  }
}

run "nothing_for_what_is_not_there" {
  command = plan
  variables {
    kafka          = null
    database       = null
    backup_bucket  = null
    hosted_zone_id = null
    github         = null
  }

  assert {
    condition     = toset(keys(aws_iam_role_policy.service_account)) == toset(["external-secrets", "load-balancers", "autoscaler"]) && length(aws_iam_role.github) == 0 && length(aws_iam_openid_connect_provider.github) == 0
    error_message = "rights on things that do not exist"
  }
}

run "refuses_irsa_without_issuer" {
  command = plan
  variables { pod_identity = false }
  expect_failures = [var.oidc]
}

run "refuses_any_repository" {
  command = plan
  variables { github = { repository = "acme/*", environment = "staging" } }
  expect_failures = [var.github]
}

run "refuses_everybodys_secrets" {
  command = plan
  variables { secrets = { arn_patterns = ["*"], kms_key_arns = [] } }
  expect_failures = [var.secrets]
}
