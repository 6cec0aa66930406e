# PostgreSQL. Encrypted, private, TLS only, point-in-time recovery always on; a standby in another zone unless switched off.

data "aws_partition" "current" {}

locals {
  clustered = var.deployment == "multi_az_cluster"
  major     = split(".", var.engine_version)[0]
  managed   = var.master_password == "managed"

  parameters = merge(
    {
      "rds.force_ssl"            = { value = "1", apply_method = "immediate" }
      "password_encryption"      = { value = "scram-sha-256", apply_method = "immediate" }
      "rds.logical_replication"  = { value = "1", apply_method = "pending-reboot" } # the way to the next major version without downtime
      "shared_preload_libraries" = { value = "pg_stat_statements", apply_method = "pending-reboot" }

      # The writer COPYs in large transactions: fewer, smoother checkpoints and compressed full-page images.
      "max_wal_size"                 = { value = "16384", apply_method = "immediate" } # MB
      "checkpoint_timeout"           = { value = "900", apply_method = "immediate" }   # s
      "checkpoint_completion_target" = { value = "0.9", apply_method = "immediate" }
      "wal_compression"              = { value = "lz4", apply_method = "immediate" }
      "default_toast_compression"    = { value = "lz4", apply_method = "immediate" }

      # Rows are only added: vacuum by inserts keeps the visibility map and the planner's figures fresh.
      "autovacuum_vacuum_insert_scale_factor" = { value = "0.02", apply_method = "immediate" }
      "autovacuum_analyze_scale_factor"       = { value = "0.02", apply_method = "immediate" }

      # A forgotten session of an analyst must not hold back vacuum or a partition.
      "idle_in_transaction_session_timeout" = { value = "600000", apply_method = "immediate" } # ms

      "track_io_timing"             = { value = "1", apply_method = "immediate" }
      "log_lock_waits"              = { value = "1", apply_method = "immediate" }
      "log_min_duration_statement"  = { value = "2000", apply_method = "immediate" } # ms
      "log_autovacuum_min_duration" = { value = "10000", apply_method = "immediate" }
      "log_connections"             = { value = "1", apply_method = "immediate" }
      "log_disconnections"          = { value = "1", apply_method = "immediate" }
    },
    var.parameters,
  )

  final_snapshot = "${var.name}-final"
}

resource "aws_db_subnet_group" "this" {
  name        = var.name
  description = "Database subnets of ${var.name}"
  subnet_ids  = var.subnet_ids

  tags = var.tags
}

resource "aws_db_parameter_group" "this" {
  count = local.clustered ? 0 : 1

  name_prefix = "${var.name}-pg${local.major}-"
  description = "Flumen: bulk COPY, forced TLS"
  family      = "postgres${local.major}"

  dynamic "parameter" {
    for_each = local.parameters
    content {
      name         = parameter.key
      value        = parameter.value.value
      apply_method = parameter.value.apply_method
    }
  }

  tags = var.tags

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_rds_cluster_parameter_group" "this" {
  count = local.clustered ? 1 : 0

  name_prefix = "${var.name}-pg${local.major}-"
  description = "Flumen: bulk COPY, forced TLS"
  family      = "postgres${local.major}"

  dynamic "parameter" {
    for_each = local.parameters
    content {
      name         = parameter.key
      value        = parameter.value.value
      apply_method = parameter.value.apply_method
    }
  }

  tags = var.tags

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_log_group" "postgresql" {
  for_each = local.clustered ? toset(["cluster"]) : toset(["instance"])

  name              = "/aws/rds/${each.key}/${var.name}/postgresql"
  retention_in_days = 365
  kms_key_id        = var.logs_kms_key_arn

  tags = var.tags
}

# ------------------------------------------------------------------ instance, with or without standby

resource "aws_db_instance" "this" {
  count = local.clustered ? 0 : 1

  identifier     = var.name
  engine         = "postgres"
  engine_version = var.engine_version
  instance_class = var.instance_class
  multi_az       = var.deployment == "multi_az_instance"

  allocated_storage     = var.storage_gib
  max_allocated_storage = var.storage_max_gib
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = var.kms_key_arn

  db_name                       = var.database_name
  username                      = var.master_username
  manage_master_user_password   = local.managed ? true : null
  master_user_secret_kms_key_id = local.managed ? var.kms_key_arn : null
  password_wo                   = local.managed ? null : random_password.master[0].result
  password_wo_version           = local.managed ? null : var.master_password_version

  db_subnet_group_name                = aws_db_subnet_group.this.name
  vpc_security_group_ids              = [var.security_group_id]
  publicly_accessible                 = false
  port                                = 5432
  iam_database_authentication_enabled = var.iam_authentication
  parameter_group_name                = aws_db_parameter_group.this[0].name
  ca_cert_identifier                  = "rds-ca-rsa2048-g1"

  backup_retention_period  = var.backup_retention_days
  backup_window            = var.backup_window
  delete_automated_backups = false # point-in-time recovery survives the database for its retention
  copy_tags_to_snapshot    = true

  maintenance_window         = var.maintenance_window
  auto_minor_version_upgrade = true
  apply_immediately          = false

  deletion_protection       = var.deletion_protection
  skip_final_snapshot       = !var.final_snapshot
  final_snapshot_identifier = var.final_snapshot ? local.final_snapshot : null

  enabled_cloudwatch_logs_exports       = ["postgresql", "upgrade"]
  performance_insights_enabled          = true
  performance_insights_kms_key_id       = var.kms_key_arn
  performance_insights_retention_period = 7
  monitoring_interval                   = 60
  monitoring_role_arn                   = aws_iam_role.monitoring.arn

  tags = var.tags

  depends_on = [aws_cloudwatch_log_group.postgresql, aws_iam_role_policy_attachment.monitoring]

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_db_instance" "replica" {
  count = local.clustered ? 0 : var.read_replica_count

  identifier          = "${var.name}-read-${count.index + 1}"
  replicate_source_db = aws_db_instance.this[0].identifier
  instance_class      = coalesce(var.read_replica_instance_class, var.instance_class)

  storage_type          = "gp3"
  max_allocated_storage = var.storage_max_gib
  storage_encrypted     = true
  kms_key_id            = var.kms_key_arn

  vpc_security_group_ids              = [var.security_group_id]
  publicly_accessible                 = false
  multi_az                            = false
  iam_database_authentication_enabled = var.iam_authentication
  parameter_group_name                = aws_db_parameter_group.this[0].name
  ca_cert_identifier                  = "rds-ca-rsa2048-g1"

  backup_retention_period    = 0 # the primary is backed up
  maintenance_window         = var.maintenance_window
  auto_minor_version_upgrade = true
  deletion_protection        = var.deletion_protection
  skip_final_snapshot        = true
  copy_tags_to_snapshot      = true

  enabled_cloudwatch_logs_exports       = ["postgresql", "upgrade"]
  performance_insights_enabled          = true
  performance_insights_kms_key_id       = var.kms_key_arn
  performance_insights_retention_period = 7
  monitoring_interval                   = 60
  monitoring_role_arn                   = aws_iam_role.monitoring.arn

  tags = var.tags
}

resource "aws_db_instance_automated_backups_replication" "this" {
  count = var.backup_replication == null || local.clustered ? 0 : 1

  region                 = var.backup_replication.region
  source_db_instance_arn = aws_db_instance.this[0].arn
  kms_key_id             = var.backup_replication.kms_key_arn
  retention_period       = var.backup_replication.retention_days
}

# ------------------------------------------------------------------ cluster with two readable standbys

resource "aws_rds_cluster" "this" {
  count = local.clustered ? 1 : 0

  cluster_identifier        = var.name
  engine                    = "postgres"
  engine_version            = var.engine_version
  db_cluster_instance_class = var.instance_class

  allocated_storage = var.storage_gib
  storage_type      = "io1"
  iops              = var.cluster_iops
  storage_encrypted = true
  kms_key_id        = var.kms_key_arn

  database_name                 = var.database_name
  master_username               = var.master_username
  manage_master_user_password   = local.managed ? true : null
  master_user_secret_kms_key_id = local.managed ? var.kms_key_arn : null
  master_password_wo            = local.managed ? null : random_password.master[0].result
  master_password_wo_version    = local.managed ? null : var.master_password_version

  db_subnet_group_name                = aws_db_subnet_group.this.name
  vpc_security_group_ids              = [var.security_group_id]
  port                                = 5432
  iam_database_authentication_enabled = var.iam_authentication
  db_cluster_parameter_group_name     = aws_rds_cluster_parameter_group.this[0].name
  ca_certificate_identifier           = "rds-ca-rsa2048-g1"

  backup_retention_period  = var.backup_retention_days
  preferred_backup_window  = var.backup_window
  delete_automated_backups = false
  copy_tags_to_snapshot    = true

  preferred_maintenance_window = var.maintenance_window
  auto_minor_version_upgrade   = true
  apply_immediately            = false

  deletion_protection       = var.deletion_protection
  skip_final_snapshot       = !var.final_snapshot
  final_snapshot_identifier = var.final_snapshot ? local.final_snapshot : null

  enabled_cloudwatch_logs_exports       = ["postgresql", "upgrade"]
  performance_insights_enabled          = true
  performance_insights_kms_key_id       = var.kms_key_arn
  performance_insights_retention_period = 7
  monitoring_interval                   = 60
  monitoring_role_arn                   = aws_iam_role.monitoring.arn

  tags = var.tags

  depends_on = [aws_cloudwatch_log_group.postgresql, aws_iam_role_policy_attachment.monitoring]

  lifecycle {
    prevent_destroy = true
  }
}

# ------------------------------------------------------------------ the administrator's password

resource "random_password" "master" {
  count = local.managed ? 0 : 1

  length  = 40
  special = false # it travels in connection strings
  keepers = { version = var.master_password_version }
}

resource "aws_secretsmanager_secret" "master" {
  count = local.managed ? 0 : 1

  name        = "${var.name}/database/${var.master_username}"
  description = "Administrator of PostgreSQL, for flumen provision"
  kms_key_id  = var.kms_key_arn

  tags = var.tags
}

resource "aws_secretsmanager_secret_version" "master" {
  count = local.managed ? 0 : 1

  secret_id                = aws_secretsmanager_secret.master[0].id
  secret_string_wo         = jsonencode({ username = var.master_username, password = random_password.master[0].result })
  secret_string_wo_version = var.master_password_version
}

resource "aws_secretsmanager_secret_rotation" "master" {
  count = local.managed ? 1 : 0

  secret_id          = local.master_secret_arn
  rotate_immediately = false

  rotation_rules {
    automatically_after_days = var.master_password_rotation_days
  }
}

locals {
  master_secret_arn = (
    !local.managed ? aws_secretsmanager_secret.master[0].arn :
    local.clustered ? aws_rds_cluster.this[0].master_user_secret[0].secret_arn : aws_db_instance.this[0].master_user_secret[0].secret_arn
  )
}

# ------------------------------------------------------------------ enhanced monitoring

resource "aws_iam_role" "monitoring" {
  name = "${var.name}-rds-monitoring"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "EnhancedMonitoring"
      Effect    = "Allow"
      Principal = { Service = "monitoring.rds.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })

  tags = var.tags
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}
