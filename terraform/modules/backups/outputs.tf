output "bucket" {
  description = "Bucket for `flumen backup` and archives."
  value       = aws_s3_bucket.this["main"].bucket
}

output "bucket_arn" {
  description = "ARN of that bucket, for the operator's role."
  value       = local.bucket_arns.main
}

output "copy_bucket" {
  description = "Bucket of the copies in the second region; null without."
  value       = try(aws_s3_bucket.this["copy"].bucket, null)
}

output "vault_name" {
  description = "Vault with the recovery points of the database."
  value       = aws_backup_vault.this["main"].name
}

output "role_arn" {
  description = "Role with which AWS Backup backs up and restores."
  value       = aws_iam_role.backup.arn
}
