output "argocd_namespace" {
  description = "Where ArgoCD runs."
  value       = helm_release.argocd.namespace
}

output "namespace" {
  description = "Where Flumen runs."
  value       = kubernetes_namespace_v1.flumen.metadata[0].name
}

output "releases" {
  description = "Charts that Terraform installed, with versions."
  value       = merge({ argocd = helm_release.argocd.version }, { for name, release in helm_release.platform : name => release.version })
}

output "postgresql_service" {
  description = "Where PostgreSQL in the cluster is reached; null with RDS."
  value       = var.postgresql == null ? null : "flumen-postgresql-rw.${var.namespace}.svc"
}
