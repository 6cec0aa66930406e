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

variable "cidr" {
  description = "IPv4 range of the VPC, /16 to /20. Half of it goes to the private subnets."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.cidr)) && try(tonumber(split("/", var.cidr)[1]) >= 16 && tonumber(split("/", var.cidr)[1]) <= 20, false)
    error_message = "cidr must be an IPv4 range between /16 and /20."
  }
}

variable "availability_zones" {
  description = "The three availability zones, by name. Order matters: the subnets are numbered by it, so never reorder."
  type        = list(string)

  validation {
    condition     = length(var.availability_zones) == 3 && length(distinct(var.availability_zones)) == 3
    error_message = "availability_zones must name three different zones: MSK, Multi-AZ and the node groups spread over them."
  }
}

variable "cluster_name" {
  description = "Name of the EKS cluster; the load balancer controller finds its subnets by this tag."
  type        = string
}

variable "nat_gateways" {
  description = "How private subnets reach the internet: per_zone (survives the loss of a zone), single (one third of the price), none (endpoints only; images must come from ECR)."
  type        = string
  default     = "per_zone"

  validation {
    condition     = contains(["per_zone", "single", "none"], var.nat_gateways)
    error_message = "nat_gateways must be per_zone, single or none."
  }
}

variable "interface_endpoints" {
  description = "AWS services reached by an interface endpoint in the private subnets, so that their traffic does not pass NAT. S3 always has a (free) gateway endpoint."
  type        = set(string)
  default     = ["ecr.api", "ecr.dkr", "sts", "secretsmanager"]

  validation {
    condition     = alltrue([for s in var.interface_endpoints : can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)*$", s))])
    error_message = "interface_endpoints are the last parts of the service names, for example ecr.api or sts."
  }
}

variable "load_balancer_cidrs" {
  description = "Who may open connections to the public load balancer. Empty: nobody from outside."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for c in var.load_balancer_cidrs : can(cidrnetmask(c))])
    error_message = "load_balancer_cidrs must be IPv4 ranges."
  }
}

variable "load_balancer_target_ports" {
  description = "Ports of the pods behind the load balancer: ingest-api and query-api, public listeners only. Admin listeners (9080 to 9083) are refused."
  type        = map(number)
  default     = { ingest-api = 8080, query-api = 8081 }

  validation {
    condition     = alltrue([for p in values(var.load_balancer_target_ports) : p >= 1024 && p <= 65535 && !contains([9080, 9081, 9082, 9083], p)])
    error_message = "load_balancer_target_ports must be unprivileged ports and never an admin listener (9080 to 9083)."
  }
}

variable "kafka_ports" {
  description = "Listeners of MSK that the nodes may reach: iam 9098, scram 9096, tls 9094; add monitoring 11001 and 11002 with open monitoring."
  type        = map(number)
  default     = { iam = 9098 }

  validation {
    condition     = alltrue([for p in values(var.kafka_ports) : contains([9094, 9096, 9098, 11001, 11002], p)])
    error_message = "kafka_ports must be among 9094, 9096, 9098, 11001 and 11002; the plaintext listener 9092 stays closed."
  }
}

variable "node_egress_ports" {
  description = "TCP ports that nodes may reach outside of the VPC: 443 for images, AWS and webhooks. Add 587 if alert-relay sends mail."
  type        = map(number)
  default     = { https = 443 }

  validation {
    condition     = alltrue([for p in values(var.node_egress_ports) : p > 0 && p <= 65535])
    error_message = "node_egress_ports must be TCP ports."
  }
}

variable "flow_logs_retention_days" {
  description = "How long flow logs (rejected and accepted connections) stay in CloudWatch. 0: no flow logs."
  type        = number
  default     = 365

  validation {
    condition     = contains([0, 30, 90, 180, 365, 400, 731], var.flow_logs_retention_days)
    error_message = "flow_logs_retention_days must be 0, 30, 90, 180, 365, 400 or 731."
  }
}

variable "logs_kms_key_arn" {
  description = "KMS key that encrypts the flow logs."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.logs_kms_key_arn))
    error_message = "logs_kms_key_arn must be the ARN of a KMS key."
  }
}
