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

variable "kind" {
  description = "provisioned: brokers of a chosen size, every kind of authentication. serverless: billed by use, IAM only, no broker settings."
  type        = string
  default     = "provisioned"

  validation {
    condition     = contains(["provisioned", "serverless"], var.kind)
    error_message = "kind must be provisioned or serverless."
  }
}

variable "kafka_version" {
  description = "Kafka version of provisioned brokers; with the suffix .kraft, since clusters cannot leave Zookeeper later."
  type        = string
  default     = "3.9.x.kraft"

  validation {
    condition     = can(regex("^(3\\.[7-9]|[4-9]\\.[0-9]+)\\.x(\\.kraft)?$", var.kafka_version))
    error_message = "kafka_version must be like 3.9.x.kraft, from 3.7 on."
  }
}

variable "broker_count" {
  description = "Brokers, a multiple of the three zones."
  type        = number
  default     = 3

  validation {
    condition     = var.broker_count >= 3 && var.broker_count % 3 == 0
    error_message = "broker_count must be 3, 6, 9, ...: a replica in every zone."
  }
}

variable "instance_type" {
  description = "Size of a broker, for example kafka.m7g.large; kafka.t3.small is for tests."
  type        = string
  default     = "kafka.m7g.large"

  validation {
    condition     = can(regex("^kafka\\.[a-z0-9]+\\.[a-z0-9]+$", var.instance_type))
    error_message = "instance_type must begin with kafka., for example kafka.m7g.large."
  }
}

variable "volume_gib" {
  description = "Disk of each broker at the start. It holds what the writer has not stored yet, and what a restore replays."
  type        = number
  default     = 250

  validation {
    condition     = var.volume_gib >= 1 && var.volume_gib <= 16384
    error_message = "volume_gib must be 1 to 16384."
  }
}

variable "volume_max_gib" {
  description = "Up to where disks grow by themselves at 70 percent full. They never shrink."
  type        = number
  default     = 1000

  validation {
    condition     = var.volume_max_gib >= var.volume_gib && var.volume_max_gib <= 16384
    error_message = "volume_max_gib must be between volume_gib and 16384."
  }
}

variable "subnet_ids" {
  description = "Database subnets, one a zone."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) == 3
    error_message = "brokers stand in three zones: three subnets."
  }
}

variable "security_group_id" {
  description = "Security group of the brokers."
  type        = string
}

variable "kms_key_arn" {
  description = "KMS key of the disks and of the SCRAM secrets."
  type        = string
}

variable "logs_kms_key_arn" {
  description = "KMS key of the brokers' logs."
  type        = string
}

variable "authentication" {
  description = "How clients prove who they are: iam (default, no secret at all), scram (users below), tls (mTLS by private CAs)."
  type = object({
    iam     = optional(bool, true)
    scram   = optional(bool, false)
    tls_cas = optional(set(string), [])
  })
  default = {}

  validation {
    condition     = var.authentication.iam || var.authentication.scram || length(var.authentication.tls_cas) > 0
    error_message = "one way of authentication must be on; unauthenticated access is never offered."
  }
  validation {
    condition     = var.kind == "provisioned" || (var.authentication.iam && !var.authentication.scram && length(var.authentication.tls_cas) == 0)
    error_message = "MSK Serverless knows IAM only."
  }
}

variable "scram_secret_arns" {
  description = "Secrets of the SCRAM users, named AmazonMSK_..., by user."
  type        = map(string)
  default     = {}
}

variable "deny_without_acl" {
  description = "Refuse SCRAM and mTLS clients what no ACL allows. Switch on after flumen provision made the ACLs, the brokers' own among them; IAM clients are not concerned."
  type        = bool
  default     = false
}

variable "topics" {
  description = "Topics by name. Partitions can be added, never taken away; the writer scales up to their number."
  type = map(object({
    partitions      = number
    retention_hours = optional(number, 168)
    configs         = optional(map(string), {})
  }))
  default = { events = { partitions = 12 } }

  validation {
    condition     = alltrue([for t in values(var.topics) : t.partitions >= 1 && t.partitions <= 1000 && t.retention_hours >= 24])
    error_message = "topics need 1 to 1000 partitions and at least 24 hours of retention: Kafka's retention is what a restore can replay."
  }
  validation {
    condition     = alltrue([for n in keys(var.topics) : can(regex("^[a-zA-Z0-9._-]{1,249}$", n))])
    error_message = "topic names have letters, digits, dots, underscores and hyphens."
  }
}

variable "max_message_bytes" {
  description = "Largest record the brokers take: the largest event and its headers."
  type        = number
  default     = 2097152

  validation {
    condition     = var.max_message_bytes >= 1048576 && var.max_message_bytes <= 8388608
    error_message = "max_message_bytes must be 1 MiB (the largest event) to 8 MiB."
  }
}

variable "open_monitoring" {
  description = "Open the brokers' Prometheus exporters (ports 11001 and 11002)."
  type        = bool
  default     = true
}

variable "alarm_topic_arns" {
  description = "SNS topics that hear of alarms."
  type        = list(string)
  default     = []
}

variable "consumer_group" {
  description = "The writer's consumer group, watched for lag."
  type        = string
  default     = "flumen-writer"

  validation {
    condition     = length(var.consumer_group) > 0
    error_message = "consumer_group must not be empty."
  }
}

variable "max_lag_seconds" {
  description = "Age of the oldest unread record at which the lag alarm rings."
  type        = number
  default     = 300

  validation {
    condition     = var.max_lag_seconds > 0
    error_message = "max_lag_seconds must be positive."
  }
}
