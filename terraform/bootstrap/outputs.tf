output "argocd_namespace" {
  description = "Where ArgoCD runs; its first password: kubectl -n argocd get secret argocd-initial-admin-secret."
  value       = module.kubernetes.argocd_namespace
}

output "namespace" {
  description = "Where Flumen runs."
  value       = module.kubernetes.namespace
}

output "releases" {
  description = "Charts that Terraform installed, with versions."
  value       = module.kubernetes.releases
}

output "postgresql_service" {
  description = "PostgreSQL in the cluster; null with RDS."
  value       = module.kubernetes.postgresql_service
}
