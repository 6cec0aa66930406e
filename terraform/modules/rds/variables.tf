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

variable "deployment" {
  description = "single: one instance, for tests. multi_az_instance: a standby in another zone, fail-over in about a minute. multi_az_cluster: two readable standbys, fail-over in under 35 seconds."
  type        = string
  default     = "multi_az_instance"

  validation {
    condition     = contains(["single", "multi_az_instance", "multi_az_cluster"], var.deployment)
    error_message = "deployment must be single, multi_az_instance or multi_az_cluster."
  }
}

variable "engine_version" {
  description = "PostgreSQL version; a major alone lets AWS choose the minor and keeps it patched."
  type        = string
  default     = "18"

  validation {
    condition     = can(regex("^1[5-8](\\.[0-9]+)?$", var.engine_version))
    error_message = "engine_version must be PostgreSQL 15 to 18."
  }
}

variable "instance_class" {
  description = "Size. Clusters need a class with local storage, for example db.m6gd.large."
  type        = string
  default     = "db.m7g.large"

  validation {
    condition     = can(regex("^db\\.[a-z0-9]+\\.[a-z0-9]+$", var.instance_class))
    error_message = "instance_class must begin with db., for example db.m7g.large."
  }
}

variable "storage_gib" {
  description = "Disk at the start. Below 400 GiB gp3 gives 3000 IOPS and 125 MiB/s, above 12000 and 500."
  type        = number
  default     = 400

  validation {
    condition     = var.storage_gib >= 20 && var.storage_gib <= 65536
    error_message = "storage_gib must be 20 to 65536."
  }
}

variable "storage_max_gib" {
  description = "Up to where the disk of an instance grows by itself. It never shrinks."
  type        = number
  default     = 2000

  validation {
    condition     = var.storage_max_gib >= var.storage_gib
    error_message = "storage_max_gib must not be below storage_gib."
  }
}

variable "cluster_iops" {
  description = "Provisioned IOPS of a multi_az_cluster; instances take what gp3 gives for their size."
  type        = number
  default     = 3000

  validation {
    condition     = var.cluster_iops >= 1000
    error_message = "cluster_iops must be 1000 or more."
  }
}

variable "database_name" {
  description = "Name of the database."
  type        = string
  default     = "flumen"

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.database_name))
    error_message = "database_name must be a PostgreSQL name without quotes."
  }
}

variable "master_username" {
  description = "Administrator, used by flumen provision only; the services have roles of their own."
  type        = string
  default     = "flumen_admin"

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.master_username)) && !contains(["postgres", "admin", "rdsadmin"], var.master_username)
    error_message = "master_username must be a PostgreSQL name and none of postgres, admin, rdsadmin."
  }
}

variable "master_password" {
  description = "managed: RDS makes, keeps and rotates it. generated: Terraform makes it, once for each master_password_version; needed with a read replica."
  type        = string
  default     = "managed"

  validation {
    condition     = contains(["managed", "generated"], var.master_password)
    error_message = "master_password must be managed or generated."
  }
}

variable "master_password_version" {
  description = "Raise by one to give a generated password a new value."
  type        = number
  default     = 1

  validation {
    condition     = var.master_password_version >= 1
    error_message = "master_password_version counts from 1."
  }
}

variable "master_password_rotation_days" {
  description = "How often RDS rotates a managed password."
  type        = number
  default     = 30

  validation {
    condition     = var.master_password_rotation_days >= 1 && var.master_password_rotation_days <= 365
    error_message = "master_password_rotation_days must be 1 to 365."
  }
}

variable "read_replica_count" {
  description = "Read replicas for query-api and analysts, beside an instance. A multi_az_cluster has readable standbys already."
  type        = number
  default     = 0

  validation {
    condition     = var.read_replica_count >= 0 && var.read_replica_count <= 5
    error_message = "read_replica_count must be 0 to 5."
  }
  validation {
    condition     = var.read_replica_count == 0 || var.master_password == "generated"
    error_message = "RDS makes no read replica of a database whose password it manages: set master_password = \"generated\"."
  }
  validation {
    condition     = var.read_replica_count == 0 || var.deployment != "multi_az_cluster"
    error_message = "a multi_az_cluster has two readable standbys: read from its reader endpoint."
  }
}

variable "read_replica_instance_class" {
  description = "Size of the read replicas. Null: that of the database."
  type        = string
  default     = null
}

variable "iam_authentication" {
  description = "Let roles of the database log in by IAM token."
  type        = bool
  default     = true
}

variable "subnet_ids" {
  description = "Database subnets."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 3
    error_message = "three subnets: one a zone."
  }
}

variable "security_group_id" {
  description = "Security group of PostgreSQL."
  type        = string
}

variable "kms_key_arn" {
  description = "KMS key of the disks, snapshots, performance insights and the master secret."
  type        = string
}

variable "logs_kms_key_arn" {
  description = "KMS key of PostgreSQL's logs."
  type        = string
}

variable "backup_retention_days" {
  description = "How far back point-in-time recovery reaches."
  type        = number
  default     = 35

  validation {
    condition     = var.backup_retention_days >= 1 && var.backup_retention_days <= 35
    error_message = "backup_retention_days must be 1 to 35; 0 would switch point-in-time recovery off."
  }
}

variable "backup_replication" {
  description = "Region that gets a copy of backups and WAL for point-in-time recovery there, and the KMS key in it. Null: none."
  type        = object({ region = string, kms_key_arn = string, retention_days = optional(number, 14) })
  default     = null

  validation {
    condition     = var.backup_replication == null || var.deployment != "multi_az_cluster"
    error_message = "RDS does not replicate automated backups of a multi_az_cluster; module backups copies its snapshots to the second region."
  }
}

variable "parameters" {
  description = "Settings of PostgreSQL on top of this module's, by name."
  type        = map(object({ value = string, apply_method = optional(string, "immediate") }))
  default     = {}

  validation {
    condition     = !contains(keys(var.parameters), "rds.force_ssl") && alltrue([for p in values(var.parameters) : contains(["immediate", "pending-reboot"], p.apply_method)])
    error_message = "apply_method must be immediate or pending-reboot, and rds.force_ssl is not for change."
  }
}

variable "deletion_protection" {
  description = "Refuse to delete the database by the API until this is switched off."
  type        = bool
  default     = true
}

variable "final_snapshot" {
  description = "Take a last snapshot when the database is destroyed."
  type        = bool
  default     = true
}

variable "maintenance_window" {
  description = "When AWS may patch, UTC."
  type        = string
  default     = "sun:03:30-sun:04:30"

  validation {
    condition     = can(regex("^(mon|tue|wed|thu|fri|sat|sun):[0-2][0-9]:[0-5][0-9]-(mon|tue|wed|thu|fri|sat|sun):[0-2][0-9]:[0-5][0-9]$", var.maintenance_window))
    error_message = "maintenance_window must be like sun:03:30-sun:04:30."
  }
}

variable "backup_window" {
  description = "When the daily snapshot is taken, UTC; outside of the maintenance window."
  type        = string
  default     = "01:30-02:30"

  validation {
    condition     = can(regex("^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$", var.backup_window))
    error_message = "backup_window must be like 01:30-02:30."
  }
}

variable "alarm_topic_arns" {
  description = "SNS topics that hear of alarms and events."
  type        = list(string)
  default     = []
}
