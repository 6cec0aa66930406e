output "cluster_arn" {
  description = "ARN of the cluster."
  value       = local.cluster_arn
}

output "cluster_uuid" {
  description = "The part of ARNs of topics and groups that IAM policies need after the cluster's name."
  value       = local.provisioned ? aws_msk_cluster.this[0].cluster_uuid : aws_msk_serverless_cluster.this[0].cluster_uuid
}

output "bootstrap_brokers" {
  description = "Addresses by kind of authentication: iam (9098), scram (9096), tls (9094); null where it is off."
  value = {
    iam   = local.provisioned ? (var.authentication.iam ? aws_msk_cluster.this[0].bootstrap_brokers_sasl_iam : null) : aws_msk_serverless_cluster.this[0].bootstrap_brokers_sasl_iam
    scram = local.scram ? aws_msk_cluster.this[0].bootstrap_brokers_sasl_scram : null
    tls   = local.provisioned && length(var.authentication.tls_cas) > 0 ? aws_msk_cluster.this[0].bootstrap_brokers_tls : null
  }
}

output "topics" {
  description = "Topics that exist after apply. Empty on MSK Serverless, where flumen provision makes them."
  value       = sort([for topic in aws_msk_topic.this : topic.name])
}
