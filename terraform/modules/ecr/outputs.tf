output "repository_urls" {
  description = "Address of each image, without tag."
  value       = { for name, repository in aws_ecr_repository.this : name => repository.repository_url }
}

output "repository_arns" {
  description = "ARN of each repository, for the roles that push."
  value       = [for name in sort(keys(aws_ecr_repository.this)) : aws_ecr_repository.this[name].arn]
}

output "registry" {
  description = "Registry and prefix, what charts put before the image's name."
  value       = join("/", slice(split("/", values(aws_ecr_repository.this)[0].repository_url), 0, length(split("/", values(aws_ecr_repository.this)[0].repository_url)) - 1))
}
