variable "environment" {
  description = "staging or production: part of every name, and what decides that production cannot be made weak by mistake."
  type        = string

  validation {
    condition     = contains(["staging", "production"], var.environment)
    error_message = "environment must be staging or production."
  }
}

variable "account_id" {
  description = "AWS account of this environment; any other is refused. One account an environment is advised."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must have 12 digits."
  }
}

variable "region" {
  description = "Region of everything but the copies."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be a region name, for example eu-central-1."
  }
}

variable "backup_region" {
  description = "Second region, for copies of backups. Null: none."
  type        = string
  default     = null

  validation {
    condition     = var.backup_region == null || var.backup_region != var.region
    error_message = "backup_region must be another region than region."
  }
  validation {
    condition     = var.environment != "production" || var.backup_region != null
    error_message = "production keeps copies in a second region: set backup_region."
  }
}

variable "availability_zones" {
  description = "Three zones of the region; never reorder."
  type        = list(string)

  validation {
    condition     = length(var.availability_zones) == 3 && alltrue([for z in var.availability_zones : startswith(z, var.region)])
    error_message = "availability_zones must be three zones of region."
  }
}

variable "repository" {
  description = "Where this code lives, for the tag of the same name: owner/name."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.repository))
    error_message = "repository must be owner/name."
  }
}

variable "protect" {
  description = "Deletion protection of the database and the cluster, and a final snapshot. scripts/destroy switches it off."
  type        = bool
  default     = true
}

variable "network" {
  description = "VPC: range, NAT (per_zone, single, none), who may reach the public load balancer, further interface endpoints."
  type = object({
    cidr                = optional(string, "10.0.0.0/16")
    nat_gateways        = optional(string, "per_zone")
    load_balancer_cidrs = optional(set(string), [])
    interface_endpoints = optional(set(string), ["ecr.api", "ecr.dkr", "sts", "secretsmanager"])
    flow_logs_days      = optional(number, 365)
    node_egress_ports   = optional(map(number), { https = 443 })
  })
  default = {}

  validation {
    condition     = var.environment == "production" || !contains(var.network.load_balancer_cidrs, "0.0.0.0/0")
    error_message = "staging is closed to the public: name the ranges that may reach it."
  }
  validation {
    condition     = var.environment != "production" || var.network.nat_gateways != "single"
    error_message = "one NAT gateway is one zone whose loss takes production off the internet: per_zone or none."
  }
}

variable "cluster" {
  description = "EKS: version, who may reach the API from outside, administrators (ClusterAdmin) by ARN, further access entries, node groups."
  type = object({
    version             = optional(string, "1.35")
    public_access_cidrs = optional(set(string), [])
    admin_arns          = map(string)
    access_entries = optional(map(object({
      principal_arn     = string
      policy            = optional(string)
      namespaces        = optional(set(string), [])
      kubernetes_groups = optional(set(string), [])
    })), {})
    node_groups = map(object({
      instance_types = list(string)
      capacity_type  = optional(string, "ON_DEMAND")
      ami_type       = optional(string, "AL2023_ARM_64_STANDARD")
      min_size       = number
      max_size       = number
      disk_gib       = optional(number, 50)
      labels         = optional(map(string), {})
      taints         = optional(list(object({ key = string, value = optional(string), effect = string })), [])
    }))
    addon_versions = optional(map(string), {})
  })

  validation {
    condition     = length(var.cluster.admin_arns) > 0
    error_message = "cluster.admin_arns must name an administrator: the creator gets no rights by itself."
  }
}

variable "pod_identity" {
  description = "true: AWS credentials for pods by EKS Pod Identity. false: by IRSA."
  type        = bool
  default     = true
}

variable "kafka" {
  description = "MSK: kind, size, authentication, topics. Null: no MSK (Kafka elsewhere)."
  type = object({
    kind             = optional(string, "provisioned")
    version          = optional(string, "3.9.x.kraft")
    broker_count     = optional(number, 3)
    instance_type    = optional(string, "kafka.m7g.large")
    volume_gib       = optional(number, 250)
    volume_max_gib   = optional(number, 1000)
    authentication   = optional(object({ iam = optional(bool, true), scram = optional(bool, false), tls_cas = optional(set(string), []) }), {})
    scram_users      = optional(set(string), ["ingest-api", "writer", "flumen-operator"])
    deny_without_acl = optional(bool, false)
    topics           = optional(map(object({ partitions = number, retention_hours = optional(number, 168), configs = optional(map(string), {}) })), { events = { partitions = 12 } })
    open_monitoring  = optional(bool, true)
  })
  default = {}
}

variable "database" {
  description = "RDS: deployment, size, versions, backups. Null: no RDS; the bootstrap can put PostgreSQL into the cluster."
  type = object({
    deployment         = optional(string, "multi_az_instance")
    engine_version     = optional(string, "18")
    instance_class     = optional(string, "db.m7g.large")
    storage_gib        = optional(number, 400)
    storage_max_gib    = optional(number, 2000)
    cluster_iops       = optional(number, 3000)
    master_password    = optional(string, "managed")
    read_replica_count = optional(number, 0)
    backup_days        = optional(number, 35)
    parameters         = optional(map(object({ value = string, apply_method = optional(string, "immediate") })), {})
  })
  default = {}

  validation {
    condition     = var.environment != "production" || var.database == null || try(var.database.deployment, "") != "single"
    error_message = "production runs on Multi-AZ: multi_az_instance or multi_az_cluster."
  }
  validation {
    condition     = var.environment != "production" || var.database == null || try(var.database.backup_days, 0) >= 14
    error_message = "production can go back 14 days or more."
  }
}

variable "registry" {
  description = "ECR: whether this environment owns the repositories (one does, the others name its address), how long images stay, who else pulls."
  type = object({
    create            = optional(bool, true)
    address           = optional(string)
    pull_request_days = optional(number, 7)
    commits_kept      = optional(number, 50)
    pull_account_ids  = optional(set(string), [])
    enhanced_scanning = optional(bool, false)
  })
  default = {}

  validation {
    condition     = var.registry.create != (var.registry.address != null)
    error_message = "registry: either create the repositories here, or give the address of those that another environment made; images are promoted by digest, so both run the same ones."
  }
}

variable "backups" {
  description = "Lock against deletion and retention of logical backups; schedule of the restore test, or never."
  type = object({
    lock_mode             = optional(string, "GOVERNANCE")
    lock_days             = optional(number, 14)
    retention_days        = optional(number, 90)
    restore_test_schedule = optional(string, "cron(0 7 ? * SUN *)")
  })
  default = {}

  validation {
    condition     = var.environment != "production" || var.backups.restore_test_schedule != "never"
    error_message = "production's backups are restored on schedule: set backups.restore_test_schedule."
  }
}

variable "dns" {
  description = "Domain of this environment, existing zone or null for a new one, hosts. Null: no DNS."
  type = object({
    domain               = string
    zone_id              = optional(string)
    hosts                = optional(set(string), ["ingest", "query"])
    wait_for_certificate = optional(bool, true)
  })
  default = null
}

variable "github" {
  description = "GitHub Actions by OIDC: whether this state owns the account's provider, subjects that may push images, bucket of the Terraform state for plans. Null: no roles."
  type = object({
    create_provider  = optional(bool, true)
    push_subjects    = optional(list(string))
    state_bucket_arn = optional(string)
  })
  default = null
}

variable "credentials_version" {
  description = "Raise by one to rotate the passwords of database roles and Kafka users."
  type        = number
  default     = 1

  validation {
    condition     = var.credentials_version >= 1
    error_message = "credentials_version counts from 1."
  }
}

variable "alert_emails" {
  description = "Who hears of CloudWatch alarms and failed backups; each confirms by the link in the first mail."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for e in var.alert_emails : can(regex("^[^@ ]+@[^@ ]+$", e))])
    error_message = "alert_emails must be e-mail addresses."
  }
}
