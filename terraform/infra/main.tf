# Everything of one environment that is AWS: network, cluster, Kafka, PostgreSQL, images, backups, roles, names.
# What runs inside the cluster is terraform/bootstrap, a state of its own: a provider cannot be configured by a cluster that the same
# plan makes.

data "aws_partition" "current" {}

locals {
  name = "flumen-${var.environment}"

  tags = {
    Project              = "flumen"
    Environment          = var.environment
    Repository           = var.repository
    ManagedBy            = "terraform"
    "flumen:environment" = var.environment # scripts/destroy looks for left-overs by this one
  }

  kafka_ports = var.kafka == null ? {} : merge(
    try(var.kafka.authentication.iam, false) ? { iam = 9098 } : {},
    try(var.kafka.authentication.scram, false) ? { scram = 9096 } : {},
    try(length(var.kafka.authentication.tls_cas) > 0, false) ? { tls = 9094 } : {},
    try(var.kafka.open_monitoring && var.kafka.kind == "provisioned", false) ? { jmx-exporter = 11001, node-exporter = 11002 } : {},
  )
  kafka_iam   = try(var.kafka.authentication.iam, false)
  kafka_users = try(var.kafka.authentication.scram, false) ? var.kafka.scram_users : toset([])
}

module "keys" {
  source = "../modules/keys"

  name = local.name
  keys = {
    logs     = { description = "CloudWatch logs", services = ["logs.${var.region}.amazonaws.com"] }
    cluster  = { description = "Kubernetes Secrets" }
    kafka    = { description = "Kafka's disks" }
    database = { description = "PostgreSQL's disks, snapshots and administrator" }
    secrets  = { description = "credentials of the services" }
    images   = { description = "container images" }
    backups  = { description = "backups and archives" }
    alerts   = { description = "alarm notifications", services = ["cloudwatch.amazonaws.com", "backup.amazonaws.com", "events.rds.amazonaws.com"] }
  }
}

module "copy_keys" {
  source = "../modules/keys"
  count  = var.backup_region == null ? 0 : 1

  name   = local.name
  region = var.backup_region
  keys   = { copies = { description = "copies of backups" } }
}

module "network" {
  source = "../modules/network"

  name                     = local.name
  cluster_name             = local.name
  cidr                     = var.network.cidr
  availability_zones       = var.availability_zones
  nat_gateways             = var.network.nat_gateways
  interface_endpoints      = var.network.interface_endpoints
  load_balancer_cidrs      = var.network.load_balancer_cidrs
  kafka_ports              = local.kafka_ports
  node_egress_ports        = var.network.node_egress_ports
  flow_logs_retention_days = var.network.flow_logs_days
  logs_kms_key_arn         = module.keys.arns["logs"]
}

module "eks" {
  source = "../modules/eks"

  name                            = local.name
  kubernetes_version              = var.cluster.version
  subnet_ids                      = module.network.private_subnet_ids
  control_plane_security_group_id = module.network.security_group_ids["control_plane"]
  node_security_group_id          = module.network.security_group_ids["nodes"]
  public_access_cidrs             = var.cluster.public_access_cidrs
  kms_key_arn                     = module.keys.arns["cluster"]
  logs_kms_key_arn                = module.keys.arns["logs"]
  node_groups                     = var.cluster.node_groups
  addon_versions                  = var.cluster.addon_versions
  pod_identity                    = var.pod_identity
  deletion_protection             = var.protect
  tags                            = local.tags # volumes and nodes are made by EKS, which does not know the provider's default tags

  access_entries = merge(
    { for name, arn in var.cluster.admin_arns : name => { principal_arn = arn, policy = "ClusterAdmin" } },
    # The role's ARN is spelled out: the cluster comes before the roles.
    var.github == null ? {} : { github-smoke = { principal_arn = "arn:${data.aws_partition.current.partition}:iam::${var.account_id}:role/${local.name}-github-smoke", kubernetes_groups = ["flumen:smoke"] } },
    var.cluster.access_entries,
  )
}

module "secrets" {
  source = "../modules/secrets"

  name                = local.name
  kms_key_arn         = module.keys.arns["secrets"]
  kafka_users         = local.kafka_users
  credentials_version = var.credentials_version
  recovery_days       = var.protect ? 30 : 0
  database = var.database == null ? null : {
    host        = module.rds[0].host
    reader_host = module.rds[0].reader_host
    port        = module.rds[0].port
    name        = module.rds[0].database_name
  }
}

module "msk" {
  source = "../modules/msk"
  count  = var.kafka == null ? 0 : 1

  name              = local.name
  kind              = var.kafka.kind
  kafka_version     = var.kafka.version
  broker_count      = var.kafka.broker_count
  instance_type     = var.kafka.instance_type
  volume_gib        = var.kafka.volume_gib
  volume_max_gib    = var.kafka.volume_max_gib
  subnet_ids        = module.network.database_subnet_ids
  security_group_id = module.network.security_group_ids["kafka"]
  kms_key_arn       = module.keys.arns["kafka"]
  logs_kms_key_arn  = module.keys.arns["logs"]
  authentication    = var.kafka.authentication
  scram_secret_arns = module.secrets.kafka_secret_arns
  deny_without_acl  = var.kafka.deny_without_acl
  topics            = var.kafka.topics
  open_monitoring   = var.kafka.open_monitoring
  alarm_topic_arns  = [aws_sns_topic.alerts.arn]
}

module "rds" {
  source = "../modules/rds"
  count  = var.database == null ? 0 : 1

  name                  = local.name
  deployment            = var.database.deployment
  engine_version        = var.database.engine_version
  instance_class        = var.database.instance_class
  storage_gib           = var.database.storage_gib
  storage_max_gib       = var.database.storage_max_gib
  cluster_iops          = var.database.cluster_iops
  master_password       = var.database.master_password
  read_replica_count    = var.database.read_replica_count
  backup_retention_days = var.database.backup_days
  parameters            = var.database.parameters
  subnet_ids            = module.network.database_subnet_ids
  security_group_id     = module.network.security_group_ids["database"]
  kms_key_arn           = module.keys.arns["database"]
  logs_kms_key_arn      = module.keys.arns["logs"]
  deletion_protection   = var.protect
  final_snapshot        = var.protect
  alarm_topic_arns      = [aws_sns_topic.alerts.arn]
  backup_replication = var.backup_region == null || var.database.deployment == "multi_az_cluster" ? null : {
    region      = var.backup_region
    kms_key_arn = module.copy_keys[0].arns["copies"]
  }
}

module "ecr" {
  source = "../modules/ecr"
  count  = var.registry.create ? 1 : 0

  name              = local.name
  kms_key_arn       = module.keys.arns["images"]
  pull_request_days = var.registry.pull_request_days
  commits_kept      = var.registry.commits_kept
  pull_account_ids  = var.registry.pull_account_ids
  enhanced_scanning = var.registry.enhanced_scanning
}

module "backups" {
  source = "../modules/backups"

  name                      = local.name
  bucket_name               = "${local.name}-backups-${var.account_id}"
  kms_key_arn               = module.keys.arns["backups"]
  copy                      = var.backup_region == null ? null : { region = var.backup_region, kms_key_arn = module.copy_keys[0].arns["copies"] }
  object_lock               = { mode = var.backups.lock_mode, days = var.backups.lock_days }
  retention_days            = var.backups.retention_days
  database_arn              = var.database == null ? null : module.rds[0].arn
  database_kind             = try(var.database.deployment, "") == "multi_az_cluster" ? "cluster" : "instance"
  restore_subnet_group_name = var.database == null ? null : module.rds[0].subnet_group_name
  restore_security_group_id = module.network.security_group_ids["database"]
  restore_test_schedule     = var.backups.restore_test_schedule == "never" ? null : var.backups.restore_test_schedule
  vault_lock                = var.protect
  alarm_topic_arn           = aws_sns_topic.alerts.arn
}

module "dns" {
  source = "../modules/dns"
  count  = var.dns == null ? 0 : 1

  name                 = local.name
  domain               = var.dns.domain
  zone_id              = var.dns.zone_id
  hosts                = var.dns.hosts
  wait_for_certificate = var.dns.wait_for_certificate
}

module "iam" {
  source = "../modules/iam"

  name           = local.name
  cluster_name   = module.eks.name
  pod_identity   = var.pod_identity
  oidc           = var.pod_identity ? null : { provider_arn = module.eks.oidc_provider_arn, issuer = module.eks.oidc_issuer }
  vpc_id         = module.network.vpc_id
  kafka          = local.kafka_iam ? { cluster_arn = module.msk[0].cluster_arn } : null
  database       = var.database == null ? null : { resource_id = module.rds[0].resource_id }
  backup_bucket  = { arn = module.backups.bucket_arn, kms_key_arn = module.keys.arns["backups"] }
  hosted_zone_id = var.dns == null ? null : module.dns[0].zone_id
  secrets = {
    # The administrator of PostgreSQL, for the provision job, is kept by RDS under a name of its own.
    arn_patterns = concat(module.secrets.arn_patterns, var.database == null ? [] : [module.rds[0].master_secret_arn])
    kms_key_arns = [module.keys.arns["secrets"], module.keys.arns["database"]]
  }
  github = var.github == null ? null : {
    repository       = var.repository
    environment      = var.environment
    create_provider  = var.github.create_provider
    push_subjects    = var.github.push_subjects
    smoke_secret     = { arn = module.secrets.container_arns["smoke"], kms_key_arn = module.keys.arns["secrets"] }
    repository_arns  = var.registry.create ? module.ecr[0].repository_arns : []
    state_bucket_arn = var.github.state_bucket_arn
  }
}
