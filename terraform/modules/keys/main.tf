data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id

  policies = { for purpose, key in var.keys : purpose => jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        # Without this statement a key can lock out everybody; IAM policies decide who in the account may use it.
        Sid       = "TheAccountDecidesByIam"
        Effect    = "Allow"
        Principal = { AWS = "arn:${data.aws_partition.current.partition}:iam::${local.account}:root" }
        Action    = "kms:*"
        Resource  = "*"
      }],
      [for service in sort(tolist(key.services)) : {
        Sid       = "Use${replace(title(replace(split(".", service)[0], "-", " ")), " ", "")}"
        Effect    = "Allow"
        Principal = { Service = service }
        Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:DescribeKey"]
        Resource  = "*"
        # CloudWatch Logs does not send the source account; it names the log group instead.
        Condition = startswith(service, "logs.") ? {
          ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "arn:${data.aws_partition.current.partition}:logs:*:${local.account}:log-group:*" }
          } : {
          StringEquals = { "aws:SourceAccount" = local.account }
        }
      }],
    )
  }) }
}

resource "aws_kms_key" "this" {
  for_each = var.keys

  region                  = var.region
  description             = "${var.name}: ${each.value.description}"
  enable_key_rotation     = true
  deletion_window_in_days = var.deletion_window_days
  policy                  = local.policies[each.key]

  tags = merge(var.tags, { Name = "${var.name}-${each.key}" })

  lifecycle {
    prevent_destroy = true # everything encrypted by it is lost with it
  }
}

resource "aws_kms_alias" "this" {
  for_each = var.keys

  region        = var.region
  name          = "alias/${var.name}-${each.key}"
  target_key_id = aws_kms_key.this[each.key].key_id
}
