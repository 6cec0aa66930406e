variable "cluster" {
  description = "The cluster as ArgoCD shows it, and its region."
  type        = object({ name = string, region = string, vpc_id = string })
}

variable "environment" {
  description = "Environment, by which ArgoCD chooses values."
  type        = string

  validation {
    condition     = contains(["staging", "production"], var.environment)
    error_message = "environment must be staging or production."
  }
}

variable "facts" {
  description = "What the infrastructure knows and the charts need (hosts, roles, names of secrets): goes as annotations flumen.dev/<name> to the cluster secret that ArgoCD's ApplicationSets read. Never a secret."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for k in keys(var.facts) : can(regex("^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$", k))])
    error_message = "names of facts are parts of annotation names: lower case, up to 63 characters."
  }
  validation {
    condition     = !anytrue([for k in keys(var.facts) : strcontains(k, "password") || strcontains(k, "token")])
    error_message = "facts are no place for secrets: annotations are read by everybody."
  }
}

variable "role_arns" {
  description = "Roles by service account, put on the service accounts of the platform. Empty with Pod Identity, where EKS knows the association."
  type        = map(string)
  default     = {}
}

variable "components" {
  description = "What this module installs. What is false here is left to ArgoCD, which sees it by the label platform.flumen.dev/<component>: argocd on the cluster secret."
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
  description = "Versions of the charts, on top of the pinned ones."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.chart_versions), ["argo-cd", "external-secrets", "aws-load-balancer-controller", "external-dns", "cert-manager", "cluster-autoscaler", "cloudnative-pg"])) == 0
    error_message = "chart_versions names a chart that this module does not install."
  }
}

variable "domain" {
  description = "Domain that ExternalDNS may write into. Null: ExternalDNS is not installed."
  type        = string
  default     = null
}

variable "hosted_zone_id" {
  description = "Zone of that domain, for the ACME challenges of cert-manager."
  type        = string
  default     = null
}

variable "acme_email" {
  description = "Where Let's Encrypt writes before a certificate expires. Null: no issuer is made."
  type        = string
  default     = null

  validation {
    condition     = var.acme_email == null || can(regex("^[^@ ]+@[^@ ]+$", var.acme_email))
    error_message = "acme_email must be an e-mail address."
  }
}

variable "gitops" {
  description = "Repository, revision and path of the app-of-apps. Null: ArgoCD starts empty."
  type        = object({ repository = string, revision = optional(string, "main"), path = optional(string, "argocd") })
  default     = null

  validation {
    condition     = var.gitops == null || can(regex("^https://", var.gitops.repository))
    error_message = "gitops.repository must be an https address; private repositories get their credentials in ArgoCD."
  }
}

variable "highly_available" {
  description = "Two of each part of ArgoCD and of the controllers."
  type        = bool
  default     = true
}

variable "namespace" {
  description = "Namespace of Flumen."
  type        = string
  default     = "flumen"

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.namespace))
    error_message = "namespace must be a Kubernetes name."
  }
}

variable "postgresql" {
  description = "PostgreSQL in the cluster by CloudNativePG, where no RDS is wanted: instances, disk, version. Null: none."
  type = object({
    instances   = optional(number, 3)
    storage_gib = optional(number, 100)
    version     = optional(string, "18")
  })
  default = null

  validation {
    condition     = var.postgresql == null || (try(var.postgresql.instances, 3) >= 1 && can(regex("^1[5-8]$", try(var.postgresql.version, "18"))))
    error_message = "postgresql needs one instance or more of version 15 to 18."
  }
}
