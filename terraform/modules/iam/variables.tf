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

variable "cluster_name" {
  description = "EKS cluster whose service accounts get the roles."
  type        = string
}

variable "pod_identity" {
  description = "true: roles trust the Pod Identity agent and are associated here. false: roles trust the cluster's OIDC provider (IRSA) and charts annotate the service accounts."
  type        = bool
  default     = true
}

variable "oidc" {
  description = "The cluster's identity provider, for IRSA."
  type        = object({ provider_arn = string, issuer = string })
  default     = null

  validation {
    condition     = var.pod_identity || var.oidc != null
    error_message = "IRSA (pod_identity = false) needs oidc."
  }
}

variable "namespace" {
  description = "Namespace of Flumen's service accounts."
  type        = string
  default     = "flumen"

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.namespace))
    error_message = "namespace must be a Kubernetes name."
  }
}

variable "kafka" {
  description = "Kafka with IAM authentication: cluster ARN, topic of events, writer's consumer group. Null: no IAM rights on Kafka (SCRAM, mTLS, or Kafka in the cluster)."
  type        = object({ cluster_arn = string, topic = optional(string, "events"), group = optional(string, "flumen-writer") })
  default     = null
}

variable "database" {
  description = "PostgreSQL with IAM authentication: resource id, and the database role of each service account. Null: passwords from secrets."
  type        = object({ resource_id = string, roles = optional(map(string), { writer = "flumen_writer", query-api = "flumen_reader" }) })
  default     = null
}

variable "backup_bucket" {
  description = "Bucket of `flumen backup` and archives, and its key. Null: none."
  type        = object({ arn = string, kms_key_arn = string })
  default     = null
}

variable "secrets" {
  description = "What External Secrets may read: ARN patterns of this environment and their KMS keys."
  type        = object({ arn_patterns = list(string), kms_key_arns = list(string) })

  validation {
    condition     = length(var.secrets.arn_patterns) > 0 && alltrue([for a in var.secrets.arn_patterns : can(regex(":secret:[^*]+", a))])
    error_message = "secrets.arn_patterns must name this environment's secrets; a bare * would be everybody's."
  }
}

variable "hosted_zone_id" {
  description = "Zone into which ExternalDNS and cert-manager write. Null: neither role is made."
  type        = string
  default     = null
}

variable "vpc_id" {
  description = "VPC in which the load balancer controller may change security groups."
  type        = string
}

variable "github" {
  description = "GitHub Actions by OIDC: repository (owner/name), environment of the deployments, whether this state owns the account's provider, repositories to push images into, the secret with the tokens of the smoke test, and the secret-free state bucket for plans. Null: no roles for GitHub."
  type = object({
    repository       = string
    environment      = string
    create_provider  = optional(bool, true)
    repository_arns  = optional(list(string), [])
    push_subjects    = optional(list(string))
    smoke_secret     = optional(object({ arn = string, kms_key_arn = string }))
    state_bucket_arn = optional(string)
  })
  default = null

  validation {
    condition     = var.github == null || can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github.repository))
    error_message = "github.repository must be owner/name, without wildcard: anything else lets other repositories in."
  }
  validation {
    condition     = var.github == null || alltrue([for s in coalesce(try(var.github.push_subjects, null), []) : !strcontains(s, "*")])
    error_message = "github.push_subjects are exact: ref:refs/heads/main, environment:staging, pull_request."
  }
}
