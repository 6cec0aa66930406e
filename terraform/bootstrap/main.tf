# What runs inside the cluster before ArgoCD takes over. Reads what terraform/infra knows from SSM.

data "aws_ssm_parameter" "facts" {
  name = coalesce(var.facts_parameter, "/flumen-${var.environment}/facts")
}

locals {
  infra = jsondecode(data.aws_ssm_parameter.facts.insecure_value)
}

module "kubernetes" {
  source = "../modules/kubernetes"

  cluster          = { name = local.infra.cluster.name, region = local.infra.cluster.region, vpc_id = local.infra.cluster.vpc_id }
  environment      = var.environment
  facts            = local.infra.facts
  role_arns        = local.infra.role_arns
  components       = var.components
  chart_versions   = var.chart_versions
  domain           = try(local.infra.facts["domain"], null)
  hosted_zone_id   = try(local.infra.facts["zone-id"], null)
  acme_email       = var.acme_email
  gitops           = var.gitops
  highly_available = var.highly_available
  postgresql       = var.postgresql
}

check "one_postgresql" {
  assert {
    condition     = (var.postgresql != null) != contains(keys(local.infra.facts), "database.host")
    error_message = "There should be exactly one PostgreSQL: RDS (database in terraform/infra) or the cluster's (postgresql here)."
  }
}
