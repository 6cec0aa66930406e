# Staging: the same shape as production, smaller and without second copies. Prices are list prices of eu-central-1 for a month, on
# demand, rounded, without traffic; check them against the AWS calculator before you rely on them.
#
#   EKS control plane                               75
#   2 x t4g.large nodes                            110
#   1 NAT gateway                                   40
#   4 interface endpoints in 3 zones               105   (network.interface_endpoints = [] saves it; images then pass NAT)
#   MSK, 3 x kafka.m7g.large with 50 GiB           510   (kafka.kind = "serverless" is about 600; Kafka in the cluster: kafka = null)
#   RDS db.t4g.medium, single, 50 GiB               60
#   8 KMS keys, logs, alarms, secrets               40
#                                         about    940   of which nothing scales with time but MSK's and RDS's disks
#
# scripts/destroy staging takes it all away again; see docs/terraform.md.

environment        = "staging"
account_id         = "111111111111" # yours
region             = "eu-central-1"
availability_zones = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
repository         = "acme/flumen" # yours

network = {
  cidr                = "10.10.0.0/16"
  nat_gateways        = "single"
  load_balancer_cidrs = ["203.0.113.0/24"] # your office or VPN; staging is closed to everybody else
  flow_logs_days      = 30
  node_egress_ports   = { https = 443, smtp = 587 } # alert-relay's mails; without smtp when it sends by an HTTP API
}

cluster = {
  public_access_cidrs = ["203.0.113.0/24"] # who runs kubectl and the bootstrap
  admin_arns          = { platform = "arn:aws:iam::111111111111:role/platform-admins" }
  node_groups = {
    general = { instance_types = ["t4g.large"], min_size = 2, max_size = 6 }
  }
}

kafka = {
  # The charts log in by SCRAM; IAM is for KEDA, where it is asked to, and for operators.
  authentication = { iam = true, scram = true }
  instance_type  = "kafka.m7g.large" # the smallest with KRaft
  volume_gib     = 50
  volume_max_gib = 200
  topics         = { events = { partitions = 6, retention_hours = 72 } }
}

database = {
  deployment      = "single"
  instance_class  = "db.t4g.medium"
  storage_gib     = 50
  storage_max_gib = 200
  backup_days     = 7
}

backups = {
  lock_days      = 1
  retention_days = 31
}

dns = {
  domain = "staging.events.example.com"
  hosts  = ["ingest", "query", "*"] # * for previews, fb-<n>
}

# The images of every environment are made and kept here; production pulls them by digest.
registry = { pull_account_ids = ["222222222222"] } # production's

github = {
  # Images are pushed from main and from pull requests that ask for a preview; jobs of the environment sweep them.
  push_subjects = ["ref:refs/heads/main", "pull_request", "environment:staging"]
}
