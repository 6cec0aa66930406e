output "role_arns" {
  description = "Role of each service account; with IRSA, what charts put into eks.amazonaws.com/role-arn."
  value       = { for account, role in aws_iam_role.service_account : account => role.arn }
}

output "github_role_arns" {
  description = "Roles for GitHub Actions: images, smoke, plan."
  value       = { for name, role in aws_iam_role.github : name => role.arn }
}
