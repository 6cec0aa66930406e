# The bootstrap reads its facts from one SSM parameter, which needs less right than reading this state and works with any backend.

locals {
  # Names of Kubernetes annotations (flumen.dev/<key>): lower case. Never a secret in here.
  facts = { for key, value in merge(
    {
      "environment"               = var.environment
      "account-id"                = var.account_id
      "vpc-id"                    = module.network.vpc_id
      "load-balancer.sg"          = module.network.security_group_ids["load_balancer"]
      "load-balancer.subnets"     = join(",", module.network.public_subnet_ids)
      "backups.bucket"            = module.backups.bucket
      "image.registry"            = var.registry.create ? module.ecr[0].registry : var.registry.address
      "kafka.bootstrap.iam"       = var.kafka == null ? "" : module.msk[0].bootstrap_brokers.iam
      "kafka.bootstrap.scram"     = var.kafka == null ? "" : module.msk[0].bootstrap_brokers.scram
      "kafka.bootstrap.tls"       = var.kafka == null ? "" : module.msk[0].bootstrap_brokers.tls
      "database.host"             = var.database == null ? "" : module.rds[0].host
      "database.reader-host"      = var.database == null ? "" : module.rds[0].reader_host
      "database.name"             = var.database == null ? "" : module.rds[0].database_name
      "database.admin-secret-arn" = var.database == null ? "" : module.rds[0].master_secret_arn
      "domain"                    = var.dns == null ? "" : module.dns[0].domain
      "zone-id"                   = var.dns == null ? "" : module.dns[0].zone_id
      "certificate-arn"           = var.dns == null ? "" : module.dns[0].certificate_arn
      "secrets-prefix"            = local.name
    },
    # With IRSA the charts annotate the service accounts; with Pod Identity nothing is needed.
    var.pod_identity ? {} : { for account, arn in module.iam.role_arns : "role.${account}" => arn },
  ) : key => value if value != "" && value != null }
}

resource "aws_ssm_parameter" "facts" {
  name        = "/${local.name}/facts"
  description = "What the bootstrap and the charts need to know of the infrastructure; no secrets"
  type        = "String"
  tier        = "Intelligent-Tiering"
  insecure_value = jsonencode({
    cluster   = { name = module.eks.name, region = var.region, vpc_id = module.network.vpc_id, endpoint = module.eks.endpoint, certificate_authority = module.eks.certificate_authority }
    facts     = local.facts
    role_arns = var.pod_identity ? {} : module.iam.role_arns
  })
}

output "facts_parameter" {
  description = "SSM parameter that terraform/bootstrap reads (variable facts_parameter)."
  value       = aws_ssm_parameter.facts.name
}

output "cluster_name" {
  description = "For: aws eks update-kubeconfig --name."
  value       = module.eks.name
}

output "region" {
  description = "Region of the environment."
  value       = var.region
}

output "name_servers" {
  description = "What the parent zone must delegate to before certificates are issued."
  value       = var.dns == null ? [] : module.dns[0].name_servers
}

output "nat_public_ips" {
  description = "Addresses the cluster calls from, for allow-lists of others."
  value       = module.network.nat_public_ips
}

output "image_repositories" {
  description = "Where CI pushes images."
  value       = var.registry.create ? module.ecr[0].repository_urls : {}
}

output "github_role_arns" {
  description = "Roles for the workflows' aws-actions/configure-aws-credentials: images, smoke, plan."
  value       = module.iam.github_role_arns
}

output "kafka_bootstrap_brokers" {
  description = "Kafka by kind of authentication."
  value       = var.kafka == null ? null : module.msk[0].bootstrap_brokers
}

output "database_hosts" {
  description = "PostgreSQL to write and to read."
  value       = var.database == null ? null : { write = module.rds[0].host, read = module.rds[0].reader_host }
}

output "database_admin_secret_arn" {
  description = "Secret with the administrator's password, for flumen provision."
  value       = var.database == null ? null : module.rds[0].master_secret_arn
}

output "secret_names" {
  description = "Names of the secrets in Secrets Manager; api-keys, relay and smoke are to be filled by hand."
  value       = module.secrets.names
}

output "backup_bucket" {
  description = "Bucket for flumen backup."
  value       = module.backups.bucket
}

output "alerts_topic_arn" {
  description = "SNS topic of the alarms."
  value       = aws_sns_topic.alerts.arn
}
