# Repositories whose tags never move, scanned on push, and swept by kind of tag:
#   v*        releases, kept
#   sha-*     commits of the main branch, the last ones kept
#   pr-*      pull requests, gone after days
#   untagged  left-overs of multi-arch pushes, gone after a day
#
# An image that a rule of higher priority matches cannot be expired by a lower one: the first rule, which practically never expires,
# is what keeps a release that also carries a sha- tag. Several patterns in one rule would have to match all at once, hence one rule each.

data "aws_partition" "current" {}

locals {
  lifecycle = jsonencode({
    rules = [
      {
        rulePriority = 1
        description  = "releases stay"
        selection    = { tagStatus = "tagged", tagPatternList = ["v*"], countType = "imageCountMoreThan", countNumber = 9999 }
        action       = { type = "expire" }
      },
      {
        rulePriority = 2
        description  = "pull requests go"
        selection    = { tagStatus = "tagged", tagPatternList = ["pr-*"], countType = "sinceImagePushed", countUnit = "days", countNumber = var.pull_request_days }
        action       = { type = "expire" }
      },
      {
        rulePriority = 3
        description  = "the last commits stay"
        selection    = { tagStatus = "tagged", tagPatternList = ["sha-*"], countType = "imageCountMoreThan", countNumber = var.commits_kept }
        action       = { type = "expire" }
      },
      {
        rulePriority = 4
        description  = "left-overs go"
        selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 1 }
        action       = { type = "expire" }
      },
    ]
  })
}

resource "aws_ecr_repository" "this" {
  for_each = var.repositories

  name                 = "${var.prefix}/${each.key}"
  image_tag_mutability = "IMMUTABLE"

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = var.kms_key_arn
  }

  tags = var.tags

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_ecr_lifecycle_policy" "this" {
  for_each = var.repositories

  repository = aws_ecr_repository.this[each.key].name
  policy     = local.lifecycle
}

resource "aws_ecr_repository_policy" "pull" {
  for_each = length(var.pull_account_ids) > 0 ? var.repositories : toset([])

  repository = aws_ecr_repository.this[each.key].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "PullFromOtherAccounts"
      Effect    = "Allow"
      Principal = { AWS = [for id in sort(tolist(var.pull_account_ids)) : "arn:${data.aws_partition.current.partition}:iam::${id}:root"] }
      Action    = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    }]
  })
}

resource "aws_ecr_registry_scanning_configuration" "this" {
  count = var.enhanced_scanning ? 1 : 0

  scan_type = "ENHANCED"

  rule {
    scan_frequency = "CONTINUOUS_SCAN"
    repository_filter {
      filter      = "${var.prefix}/*"
      filter_type = "WILDCARD"
    }
  }
}
