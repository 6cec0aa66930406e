# What the services log in with. External Secrets carries it into the cluster; nothing in the cluster may write it.
# Values are handed to Secrets Manager by write-only arguments; the generator's own copy is in the state, which is why the state
# bucket is encrypted and read by administrators alone.

data "aws_partition" "current" {}
data "aws_region" "current" {}
data "aws_caller_identity" "current" {}

locals {
  database_roles = var.database == null ? {} : var.database_roles

  # Everything but the password.
  database_secrets = { for role, settings in local.database_roles : role => {
    username = role
    host     = settings.reader ? var.database.reader_host : var.database.host
    port     = var.database.port
    dbname   = var.database.name
    sslmode  = "verify-full"
  } }
}

resource "random_password" "database" {
  for_each = local.database_roles

  length  = 40
  special = false # it travels in connection strings
  keepers = { version = var.credentials_version }
}

resource "aws_secretsmanager_secret" "database" {
  for_each = local.database_roles

  name                    = "${var.name}/database/${each.key}"
  description             = "PostgreSQL role ${each.key}"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.recovery_days

  tags = var.tags
}

resource "aws_secretsmanager_secret_version" "database" {
  for_each = local.database_roles

  secret_id                = aws_secretsmanager_secret.database[each.key].id
  secret_string_wo_version = var.credentials_version
  secret_string_wo         = jsonencode(merge(local.database_secrets[each.key], { password = random_password.database[each.key].result }))
}

resource "random_password" "kafka" {
  for_each = var.kafka_users

  length  = 40
  special = false
  keepers = { version = var.credentials_version }
}

resource "aws_secretsmanager_secret" "kafka" {
  for_each = var.kafka_users

  name                    = "AmazonMSK_${var.name}_${each.key}"
  description             = "Kafka user ${each.key} (SCRAM-SHA-512)"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.recovery_days

  tags = var.tags
}

resource "aws_secretsmanager_secret_version" "kafka" {
  for_each = var.kafka_users

  secret_id                = aws_secretsmanager_secret.kafka[each.key].id
  secret_string_wo_version = var.credentials_version
  secret_string_wo         = jsonencode({ username = each.key, password = random_password.kafka[each.key].result })
}

resource "aws_secretsmanager_secret_policy" "kafka" {
  for_each = var.kafka_users

  secret_arn = aws_secretsmanager_secret.kafka[each.key].arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "MskReads"
      Effect    = "Allow"
      Principal = { Service = "kafka.amazonaws.com" }
      Action    = "secretsmanager:GetSecretValue"
      Resource  = aws_secretsmanager_secret.kafka[each.key].arn
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

resource "aws_secretsmanager_secret" "container" {
  for_each = var.containers

  name                    = "${var.name}/${each.key}"
  description             = each.value
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.recovery_days

  tags = var.tags
}
