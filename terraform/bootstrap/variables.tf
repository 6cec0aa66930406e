variable "environment" {
  description = "staging or production."
  type        = string

  validation {
    condition     = contains(["staging", "production"], var.environment)
    error_message = "environment must be staging or production."
  }
}

variable "account_id" {
  description = "AWS account of this environment; any other is refused."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must have 12 digits."
  }
}

variable "region" {
  description = "Region of the environment."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be a region name, for example eu-central-1."
  }
}

variable "facts_parameter" {
  description = "SSM parameter in which terraform/infra left its facts. Null: /flumen-<environment>/facts."
  type        = string
  default     = null

  validation {
    condition     = var.facts_parameter == null || can(regex("^/", var.facts_parameter))
    error_message = "facts_parameter must begin with a slash."
  }
}

variable "gitops" {
  description = "Repository (https), revision and path of ArgoCD's app-of-apps. Null: ArgoCD starts empty."
  type        = object({ repository = string, revision = optional(string, "main"), path = optional(string, "argocd") })
  default     = null

  validation {
    condition     = var.environment != "production" || try(var.gitops.revision, "main") != "HEAD"
    error_message = "production follows a named branch or tag."
  }
}

variable "components" {
  description = "What Terraform installs; what is false is left to ArgoCD."
  type = object({
    external_secrets = optional(bool, true)
    load_balancers   = optional(bool, true)
    external_dns     = optional(bool, true)
    cert_manager     = optional(bool, true)
    autoscaler       = optional(bool, true)
  })
  default = {}
}

variable "chart_versions" {
  description = "Versions of charts, on top of the module's pins."
  type        = map(string)
  default     = {}
}

variable "acme_email" {
  description = "Where Let's Encrypt writes before a certificate expires. Null: no issuer."
  type        = string
  default     = null

  validation {
    condition     = var.acme_email == null || can(regex("^[^@ ]+@[^@ ]+$", var.acme_email))
    error_message = "acme_email must be an e-mail address."
  }
}

variable "highly_available" {
  description = "Two of each part of ArgoCD and of the controllers."
  type        = bool
  default     = true

  validation {
    condition     = var.environment != "production" || var.highly_available
    error_message = "production runs two of each."
  }
}

variable "postgresql" {
  description = "PostgreSQL in the cluster (CloudNativePG), for environments whose terraform/infra has database = null."
  type        = object({ instances = optional(number, 3), storage_gib = optional(number, 100), version = optional(string, "18") })
  default     = null
}
