mock_provider "aws" {
  override_during = plan

  mock_data "aws_ssm_parameter" {
    defaults = {
      insecure_value = "{\"cluster\":{\"name\":\"flumen-staging\",\"region\":\"eu-central-1\",\"vpc_id\":\"vpc-1\",\"endpoint\":\"https://mock\",\"certificate_authority\":\"bW9jaw==\"},\"facts\":{\"database.host\":\"db\",\"domain\":\"staging.events.example.com\",\"zone-id\":\"Z0MOCK\"},\"role_arns\":{}}"
    }
  }
}
mock_provider "helm" {
  override_during = plan
}
mock_provider "kubernetes" {
  override_during = plan
}

variables {
  environment = "staging"
  account_id  = "111122223333"
  region      = "eu-central-1"
  gitops      = { repository = "https://github.com/acme/flumen" }
}

run "the_platform_follows_from_the_facts" {
  command = plan

  assert {
    condition     = data.aws_ssm_parameter.facts.name == "/flumen-staging/facts"
    error_message = "the facts of another environment are read"
  }
  assert {
    condition     = output.releases["external-dns"] == "1.21.1" && output.releases["argocd"] == "10.1.1" && output.postgresql_service == null
    error_message = "the platform is not what the facts ask for"
  }
}

run "two_databases_are_pointed_out" {
  command = plan
  variables { postgresql = {} }
  expect_failures = [check.one_postgresql]
}

run "refuses_production_with_one_of_each" {
  command = plan
  variables {
    environment      = "production"
    highly_available = false
  }
  expect_failures = [var.highly_available]
}

run "refuses_another_environment" {
  command = plan
  variables { environment = "test" }
  expect_failures = [var.environment]
}

run "refuses_what_is_no_account" {
  command = plan
  variables { account_id = "mine" }
  expect_failures = [var.account_id]
}
