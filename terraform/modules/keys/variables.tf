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

variable "keys" {
  description = "Purposes, each with a KMS key of its own, and the AWS services that may use it beside the account's roles."
  type        = map(object({ description = string, services = optional(set(string), []) }))

  validation {
    condition     = alltrue(flatten([for k in values(var.keys) : [for s in k.services : can(regex("^[a-z0-9.-]+\\.amazonaws\\.com$", s))]]))
    error_message = "services are service principals, for example logs.eu-central-1.amazonaws.com."
  }
}

variable "region" {
  description = "Region of the keys. Null: the provider's."
  type        = string
  default     = null
}

variable "deletion_window_days" {
  description = "How long a deleted key can still be called back. What it encrypted is lost with it."
  type        = number
  default     = 30

  validation {
    condition     = var.deletion_window_days >= 7 && var.deletion_window_days <= 30
    error_message = "deletion_window_days must be 7 to 30."
  }
}
