variable "name" {
  description = "Prefix of every name in this module, for example flumen-production."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name must be 3 to 31 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "tags" {
  description = "Tags for every resource of this module, on top of the provider's default tags."
  type        = map(string)
  default     = {}
}

variable "repositories" {
  description = "Images, one repository each, under the prefix flumen/."
  type        = set(string)
  default     = ["ingest-api", "writer", "query-api", "alert-relay", "flumen"]

  validation {
    condition     = length(var.repositories) > 0 && alltrue([for r in var.repositories : can(regex("^[a-z0-9]+([._-][a-z0-9]+)*$", r))])
    error_message = "repositories are names of lower-case letters, digits and separators."
  }
}

variable "prefix" {
  description = "First part of the repositories' names."
  type        = string
  default     = "flumen"

  validation {
    condition     = can(regex("^[a-z0-9]+([._/-][a-z0-9]+)*$", var.prefix))
    error_message = "prefix must be a repository name."
  }
}

variable "kms_key_arn" {
  description = "KMS key of the images."
  type        = string
}

variable "pull_request_days" {
  description = "Days after which images of pull requests (pr-*) go."
  type        = number
  default     = 7

  validation {
    condition     = var.pull_request_days >= 1
    error_message = "pull_request_days must be 1 or more."
  }
}

variable "commits_kept" {
  description = "How many images of commits (sha-*) are kept; more than the deployments that may have to be rolled back to."
  type        = number
  default     = 50

  validation {
    condition     = var.commits_kept >= 10
    error_message = "commits_kept must be 10 or more, or a running image may go."
  }
}

variable "pull_account_ids" {
  description = "Other AWS accounts that may pull, for example production from staging's registry."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.pull_account_ids : can(regex("^[0-9]{12}$", id))])
    error_message = "pull_account_ids are AWS account ids of 12 digits."
  }
}

variable "enhanced_scanning" {
  description = "Let Inspector scan continuously (a setting of the whole registry, so of one environment an account). false: ECR's own scan on push."
  type        = bool
  default     = false
}
