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

variable "kms_key_arn" {
  description = "KMS key of the secrets. MSK refuses secrets under the default key."
  type        = string
}

variable "database" {
  description = "Where the roles log in. Null: no secrets for database roles (PostgreSQL in the cluster makes its own)."
  type        = object({ host = string, reader_host = string, port = number, name = string })
  default     = null
}

variable "database_roles" {
  description = "Roles of PostgreSQL that flumen provision makes, each with a secret of its own; reader: whether it logs in at the reader's address."
  type        = map(object({ reader = optional(bool, false) }))
  default = {
    flumen_owner  = {}
    flumen_writer = {}
    flumen_reader = { reader = true }
  }

  validation {
    condition     = alltrue([for r in keys(var.database_roles) : can(regex("^[a-z][a-z0-9_]{0,62}$", r))])
    error_message = "database_roles are PostgreSQL names without quotes."
  }
}

variable "kafka_users" {
  description = "SCRAM users of Kafka, each with a secret named AmazonMSK_..., as MSK asks for. Empty with IAM."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for u in var.kafka_users : can(regex("^[a-z][a-z0-9-]{0,62}$", u))])
    error_message = "kafka_users are lower-case names."
  }
}

variable "containers" {
  description = "Secrets whose content people write: API keys, the relay's files, tokens of the smoke test. Terraform makes the container and never sees the content."
  type        = map(string)
  default = {
    api-keys = "keys file of both APIs, made by flumen keys create"
    relay    = "alert-relay: JSON with its two files, config (relay.toml) and senders (senders.toml)"
    smoke    = "tokens of the smoke test: JSON with producer and reader"
  }
}

variable "credentials_version" {
  description = "Raise by one to give every database role and Kafka user a new password; how each follows is in docs/runbooks/rotate-certificates-and-secrets.md."
  type        = number
  default     = 1

  validation {
    condition     = var.credentials_version >= 1
    error_message = "credentials_version counts from 1."
  }
}

variable "recovery_days" {
  description = "How long a deleted secret can be called back; 0 deletes at once, for environments that come and go."
  type        = number
  default     = 30

  validation {
    condition     = var.recovery_days == 0 || (var.recovery_days >= 7 && var.recovery_days <= 30)
    error_message = "recovery_days must be 0 or 7 to 30."
  }
}
