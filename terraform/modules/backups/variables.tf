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

variable "bucket_name" {
  description = "Name of the bucket for logical backups and archives; the copy in the second region gets the suffix -copy."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{2,56}[a-z0-9]$", var.bucket_name))
    error_message = "bucket_name must be a bucket name with room for the suffix -copy."
  }
}

variable "kms_key_arn" {
  description = "KMS key of the bucket and the vault."
  type        = string
}

variable "copy" {
  description = "Second region and the KMS key in it, for the copies of objects and recovery points. Null: none, for tests only."
  type        = object({ region = string, kms_key_arn = string })
  default     = null
}

variable "object_lock" {
  description = "How long objects cannot be deleted. GOVERNANCE: a role with the right to bypass can. COMPLIANCE: nobody can, not even root."
  type        = object({ mode = optional(string, "GOVERNANCE"), days = optional(number, 14) })
  default     = {}

  validation {
    condition     = contains(["GOVERNANCE", "COMPLIANCE"], var.object_lock.mode) && var.object_lock.days >= 1
    error_message = "object_lock.mode must be GOVERNANCE or COMPLIANCE, for one day or more."
  }
}

variable "retention_days" {
  description = "When logical backups (prefix backups/) expire. Archives of closed partitions (archive/) never do."
  type        = number
  default     = 90

  validation {
    condition     = var.retention_days >= var.object_lock.days
    error_message = "retention_days must not be below object_lock.days."
  }
}

variable "database_arn" {
  description = "The database that AWS Backup protects. Null: none (PostgreSQL in the cluster)."
  type        = string
  default     = null
}

variable "database_kind" {
  description = "instance or cluster: how AWS Backup names it for restore tests."
  type        = string
  default     = "instance"

  validation {
    condition     = contains(["instance", "cluster"], var.database_kind)
    error_message = "database_kind must be instance or cluster."
  }
}

variable "restore_subnet_group_name" {
  description = "Subnet group into which restore tests restore the database."
  type        = string
  default     = null
}

variable "restore_security_group_id" {
  description = "Security group of restored databases."
  type        = string
  default     = null
}

variable "rules" {
  description = "Snapshots by AWS Backup: cron in UTC, days kept here and in the second region. Point-in-time recovery is RDS's own and not repeated here: AWS Backup would take its window over."
  type        = map(object({ schedule = string, keep_days = number, copy_keep_days = optional(number) }))
  default = {
    daily   = { schedule = "cron(0 4 * * ? *)", keep_days = 35, copy_keep_days = 14 }
    monthly = { schedule = "cron(0 5 1 * ? *)", keep_days = 365, copy_keep_days = 365 }
  }

  validation {
    condition     = alltrue([for r in values(var.rules) : startswith(r.schedule, "cron(") && r.keep_days >= 7 && (r.copy_keep_days == null || coalesce(r.copy_keep_days, 7) >= 7)])
    error_message = "schedules are cron(...), and recovery points are kept 7 days or more."
  }
}

variable "restore_test_schedule" {
  description = "When AWS Backup restores the last recovery point by itself and throws it away, cron in UTC. Null: never."
  type        = string
  default     = "cron(0 7 ? * SUN *)"

  validation {
    condition     = var.restore_test_schedule == null || startswith(coalesce(var.restore_test_schedule, "cron("), "cron(")
    error_message = "restore_test_schedule must be cron(...)."
  }
}

variable "vault_lock" {
  description = "Refuse to shorten or delete recovery points below their minimum (governance mode: an administrator can still lift it)."
  type        = bool
  default     = true
}

variable "alarm_topic_arn" {
  description = "SNS topic that hears of failed backups, copies and restore tests. Null: none."
  type        = string
  default     = null
}
