output "identifier" {
  description = "Identifier of the instance or cluster."
  value       = local.identifier
}

output "arn" {
  description = "ARN of the instance or cluster; what backups select."
  value       = local.clustered ? aws_rds_cluster.this[0].arn : aws_db_instance.this[0].arn
}

output "resource_id" {
  description = "Resource id, by which IAM names the database for rds-db:connect."
  value       = local.clustered ? aws_rds_cluster.this[0].cluster_resource_id : aws_db_instance.this[0].resource_id
}

output "is_cluster" {
  description = "Whether it is a Multi-AZ cluster rather than an instance."
  value       = local.clustered
}

output "host" {
  description = "Where to write."
  value       = local.clustered ? aws_rds_cluster.this[0].endpoint : aws_db_instance.this[0].address
}

output "reader_host" {
  description = "Where to read: the cluster's readers, the first replica, else the same as host."
  value       = local.clustered ? aws_rds_cluster.this[0].reader_endpoint : var.read_replica_count > 0 ? aws_db_instance.replica[0].address : aws_db_instance.this[0].address
}

output "port" {
  description = "Port of PostgreSQL."
  value       = 5432
}

output "database_name" {
  description = "Name of the database."
  value       = var.database_name
}

output "subnet_group_name" {
  description = "Subnet group, into which restore tests restore."
  value       = aws_db_subnet_group.this.name
}

output "master_secret_arn" {
  description = "Secret with the administrator's name and password, for flumen provision."
  value       = local.master_secret_arn
}
