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

variable "kubernetes_version" {
  description = "Minor version of Kubernetes. Upgrade one minor at a time; versions out of standard support cost six times as much."
  type        = string
  default     = "1.35"

  validation {
    condition     = can(regex("^1\\.(3[3-9]|[4-9][0-9])$", var.kubernetes_version))
    error_message = "kubernetes_version must be a minor version from 1.33 on, for example 1.35."
  }
}

variable "subnet_ids" {
  description = "Private subnets of the control plane's interfaces and of the nodes."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "EKS needs subnets in at least two zones."
  }
}

variable "control_plane_security_group_id" {
  description = "Security group of the control plane's interfaces."
  type        = string
}

variable "node_security_group_id" {
  description = "Security group of the nodes; PostgreSQL and Kafka let it in."
  type        = string
}

variable "public_access_cidrs" {
  description = "Who may reach the Kubernetes API from the internet. Empty: nobody, the endpoint is private."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for c in var.public_access_cidrs : can(cidrnetmask(c)) && !endswith(c, "/0")])
    error_message = "public_access_cidrs must be IPv4 ranges, and never the whole internet."
  }
}

variable "service_cidr" {
  description = "Range of the addresses of Services inside the cluster; must not overlap the VPC."
  type        = string
  default     = "172.20.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.service_cidr))
    error_message = "service_cidr must be an IPv4 range."
  }
}

variable "kms_key_arn" {
  description = "KMS key that encrypts Kubernetes Secrets in etcd."
  type        = string
}

variable "logs_kms_key_arn" {
  description = "KMS key that encrypts the control plane's logs."
  type        = string
}

variable "log_types" {
  description = "Logs of the control plane that go to CloudWatch."
  type        = set(string)
  default     = ["api", "audit", "authenticator", "controllerManager", "scheduler"]

  validation {
    condition     = length(setsubtract(var.log_types, ["api", "audit", "authenticator", "controllerManager", "scheduler"])) == 0
    error_message = "log_types are api, audit, authenticator, controllerManager and scheduler."
  }
}

variable "log_retention_days" {
  description = "How long the control plane's logs are kept."
  type        = number
  default     = 365

  validation {
    condition     = contains([30, 90, 180, 365, 400, 731], var.log_retention_days)
    error_message = "log_retention_days must be 30, 90, 180, 365, 400 or 731."
  }
}

variable "access_entries" {
  description = "Who may use the Kubernetes API: principal ARN, and either an EKS access policy (Admin, ClusterAdmin, Edit, View, AdminView), cluster-wide or in namespaces, or Kubernetes groups. The creator gets nothing by itself."
  type = map(object({
    principal_arn     = string
    policy            = optional(string)
    namespaces        = optional(set(string), [])
    kubernetes_groups = optional(set(string), [])
  }))

  validation {
    condition     = alltrue([for e in values(var.access_entries) : e.policy == null || contains(["Admin", "ClusterAdmin", "Edit", "View", "AdminView"], coalesce(e.policy, "View"))])
    error_message = "policy must be Admin, ClusterAdmin, Edit, View or AdminView."
  }
  validation {
    condition     = alltrue([for e in values(var.access_entries) : e.policy != null || length(e.kubernetes_groups) > 0])
    error_message = "an access entry needs a policy or a Kubernetes group, or it allows nothing."
  }
  validation {
    condition     = anytrue([for e in values(var.access_entries) : coalesce(e.policy, "-") == "ClusterAdmin"])
    error_message = "one access entry must be ClusterAdmin, or nobody can run the bootstrap."
  }
}

variable "node_groups" {
  description = "Managed node groups by name."
  type = map(object({
    instance_types = list(string)
    capacity_type  = optional(string, "ON_DEMAND")
    ami_type       = optional(string, "AL2023_ARM_64_STANDARD")
    min_size       = number
    max_size       = number
    disk_gib       = optional(number, 50)
    labels         = optional(map(string), {})
    taints         = optional(list(object({ key = string, value = optional(string), effect = string })), [])
  }))

  validation {
    condition     = length(var.node_groups) > 0 && alltrue([for g in values(var.node_groups) : g.min_size >= 1 && g.max_size >= g.min_size])
    error_message = "every node group needs 1 <= min_size <= max_size, and there must be one."
  }
  validation {
    condition     = alltrue([for g in values(var.node_groups) : contains(["ON_DEMAND", "SPOT"], g.capacity_type)])
    error_message = "capacity_type must be ON_DEMAND or SPOT."
  }
}

variable "pod_identity" {
  description = "true: pods get AWS credentials from the Pod Identity agent. false: from IRSA, with an OIDC provider of the cluster."
  type        = bool
  default     = true
}

variable "addon_versions" {
  description = "Pinned versions of add-ons by name; those not named get EKS's default for the Kubernetes version."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.addon_versions), ["vpc-cni", "kube-proxy", "eks-pod-identity-agent", "coredns", "aws-ebs-csi-driver", "metrics-server"])) == 0
    error_message = "addon_versions names an add-on that this module does not install."
  }
}

variable "deletion_protection" {
  description = "Refuse to delete the cluster by the API until this is switched off."
  type        = bool
  default     = true
}
