locals {
  vaults = merge(
    { main = { region = data.aws_region.current.region, kms_key_arn = var.kms_key_arn } },
    var.copy == null ? {} : { copy = { region = var.copy.region, kms_key_arn = var.copy.kms_key_arn } },
  )
  protected = var.database_arn != null
}

resource "aws_backup_vault" "this" {
  for_each = local.vaults

  region      = each.value.region
  name        = each.key == "main" ? var.name : "${var.name}-copy"
  kms_key_arn = each.value.kms_key_arn

  tags = local.tags

  lifecycle {
    prevent_destroy = true
  }
}

# Without changeable_for_days the lock is in governance mode.
resource "aws_backup_vault_lock_configuration" "this" {
  for_each = var.vault_lock ? local.vaults : {}

  region             = each.value.region
  backup_vault_name  = aws_backup_vault.this[each.key].name
  min_retention_days = 7
}

resource "aws_iam_role" "backup" {
  name = "${var.name}-backup"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "BackupOfThisAccount"
      Effect    = "Allow"
      Principal = { Service = "backup.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })

  tags = local.tags
}

resource "aws_iam_role_policy_attachment" "backup" {
  for_each = toset(["AWSBackupServiceRolePolicyForBackup", "AWSBackupServiceRolePolicyForRestores"])

  role       = aws_iam_role.backup.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/${each.key}"
}

resource "aws_backup_plan" "this" {
  count = local.protected ? 1 : 0

  name = var.name

  dynamic "rule" {
    for_each = var.rules
    content {
      rule_name                = rule.key
      target_vault_name        = aws_backup_vault.this["main"].name
      schedule                 = rule.value.schedule
      start_window             = 60
      completion_window        = 720
      enable_continuous_backup = false

      lifecycle {
        delete_after = rule.value.keep_days
      }

      dynamic "copy_action" {
        for_each = var.copy != null && rule.value.copy_keep_days != null ? [rule.value.copy_keep_days] : []
        content {
          destination_vault_arn = aws_backup_vault.this["copy"].arn
          lifecycle {
            delete_after = copy_action.value
          }
        }
      }
    }
  }

  tags = local.tags
}

resource "aws_backup_selection" "this" {
  count = local.protected ? 1 : 0

  name         = "database"
  plan_id      = aws_backup_plan.this[0].id
  iam_role_arn = aws_iam_role.backup.arn
  resources    = [var.database_arn]
}

# ------------------------------------------------------------------ a backup is one when it was restored

resource "aws_backup_restore_testing_plan" "this" {
  count = local.protected && var.restore_test_schedule != null ? 1 : 0

  name                = replace("${var.name}_weekly", "-", "_")
  schedule_expression = var.restore_test_schedule
  start_window_hours  = 4

  recovery_point_selection {
    algorithm             = "LATEST_WITHIN_WINDOW"
    include_vaults        = [aws_backup_vault.this["main"].arn]
    recovery_point_types  = ["SNAPSHOT"]
    selection_window_days = 7
  }

  tags = local.tags
}

resource "aws_backup_restore_testing_selection" "database" {
  count = local.protected && var.restore_test_schedule != null ? 1 : 0

  name                      = replace("${var.name}_database", "-", "_")
  restore_testing_plan_name = aws_backup_restore_testing_plan.this[0].name
  protected_resource_type   = "RDS"
  protected_resource_arns   = [var.database_arn]
  iam_role_arn              = aws_iam_role.backup.arn
  validation_window_hours   = 4 # time for `flumen backup verify` to look at the restored database before it is deleted

  # Without a default VPC the restore would fail: it is told where to stand.
  restore_metadata_overrides = merge(
    { dbSubnetGroupName = var.restore_subnet_group_name },
    var.restore_security_group_id == null ? {} : { vpcSecurityGroupIds = jsonencode([var.restore_security_group_id]) },
    var.database_kind == "instance" ? { multiAz = "false" } : {},
  )

  lifecycle {
    precondition {
      condition     = var.restore_subnet_group_name != null
      error_message = "restore tests need restore_subnet_group_name."
    }
  }
}

resource "aws_backup_vault_notifications" "this" {
  count = var.alarm_topic_arn == null ? 0 : 1

  backup_vault_name   = aws_backup_vault.this["main"].name
  sns_topic_arn       = var.alarm_topic_arn
  backup_vault_events = ["BACKUP_JOB_FAILED", "COPY_JOB_FAILED", "RESTORE_JOB_COMPLETED", "S3_BACKUP_OBJECT_FAILED"]
}
