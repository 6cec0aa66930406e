output "arn_patterns" {
  description = "What External Secrets may read: this environment's secrets and no others."
  value = concat(
    ["arn:${data.aws_partition.current.partition}:secretsmanager:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:secret:${var.name}/*"],
    length(var.kafka_users) > 0 ? ["arn:${data.aws_partition.current.partition}:secretsmanager:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:secret:AmazonMSK_${var.name}_*"] : [],
  )
}

output "names" {
  description = "Names by use, for ExternalSecrets: database.<role>, kafka.<user>, and the containers."
  value = merge(
    { for role, secret in aws_secretsmanager_secret.database : "database.${role}" => secret.name },
    { for user, secret in aws_secretsmanager_secret.kafka : "kafka.${user}" => secret.name },
    { for name, secret in aws_secretsmanager_secret.container : name => secret.name },
  )
}

output "container_arns" {
  description = "Secrets that people write, by name."
  value       = { for name, secret in aws_secretsmanager_secret.container : name => secret.arn }
}

output "kafka_secret_arns" {
  description = "Secrets of the SCRAM users, for MSK."
  value       = { for user, secret in aws_secretsmanager_secret.kafka : user => secret.arn }
  depends_on  = [aws_secretsmanager_secret_version.kafka, aws_secretsmanager_secret_policy.kafka]
}
