# Run once with each environment's tfvars (scripts/check-terraform).

mock_provider "aws" {
  override_during = plan

  mock_data "aws_ssm_parameter" {
    defaults = {
      insecure_value = "{\"cluster\":{\"name\":\"flumen-mock\",\"region\":\"eu-central-1\",\"vpc_id\":\"vpc-1\",\"endpoint\":\"https://mock\",\"certificate_authority\":\"bW9jaw==\"},\"facts\":{\"database.host\":\"db\",\"domain\":\"mock.events.example.com\",\"zone-id\":\"Z0MOCK\"},\"role_arns\":{}}"
    }
  }
}
mock_provider "helm" {
  override_during = plan
}
mock_provider "kubernetes" {
  override_during = plan
}

run "the_environment_as_it_is_committed" {
  command = plan

  assert {
    condition     = data.aws_ssm_parameter.facts.name == "/flumen-${var.environment}/facts"
    error_message = "the facts of another environment are read"
  }
  assert {
    condition     = var.gitops != null && alltrue([for release in ["argocd", "external-secrets", "aws-load-balancer-controller", "external-dns", "cert-manager"] : contains(keys(output.releases), release)])
    error_message = "ArgoCD would have nothing to follow, or lack what the charts stand on"
  }
}
