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

variable "domain" {
  description = "Domain of this environment, for example events.example.com."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "domain must be a domain name in lower case."
  }
}

variable "zone_id" {
  description = "Existing public hosted zone that holds the domain. Null: a zone is made, and its name servers go to the parent zone."
  type        = string
  default     = null
}

variable "hosts" {
  description = "Hosts on the public load balancer, each a name in the certificate."
  type        = set(string)
  default     = ["ingest", "query"]

  validation {
    condition     = length(var.hosts) > 0 && alltrue([for h in var.hosts : can(regex("^[a-z0-9*]([a-z0-9-]*[a-z0-9])?$", h))])
    error_message = "hosts are single labels, or * for previews."
  }
}

variable "caa_issuers" {
  description = "Who may issue certificates for the domain."
  type        = list(string)
  default     = ["amazon.com", "letsencrypt.org"]

  validation {
    condition     = contains(var.caa_issuers, "amazon.com")
    error_message = "caa_issuers must include amazon.com, or the load balancer's certificate is not issued."
  }
}

variable "wait_for_certificate" {
  description = "Wait until the certificate is issued. Off on the first apply of a zone that its parent does not know yet."
  type        = bool
  default     = true
}
