# Production: every part survives the loss of a zone, data survives the loss of a region. Prices as in staging.tfvars.
#
#   EKS control plane                               75
#   3 x m7g.large nodes (up to 12)                 215
#   3 NAT gateways                                 115
#   4 interface endpoints in 3 zones               105
#   MSK, 3 x kafka.m7g.large with 500 GiB          660
#   RDS db.m7g.large Multi-AZ, 400 GiB             430   (db.m7g.xlarge: 750; a read replica: 215 more, with master_password = "generated")
#   copies in the second region                     60   and growing with what is stored
#   8 + 1 KMS keys, logs, alarms, secrets           80
#                                         about  1 740   order of cost: MSK, RDS, nodes, NAT
#
# Savings plans or reserved instances take a third off nodes and RDS once the sizes have settled.

environment        = "production"
account_id         = "222222222222" # yours
region             = "eu-central-1"
backup_region      = "eu-west-1"
availability_zones = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
repository         = "acme/flumen" # yours

network = {
  cidr                = "10.20.0.0/16"
  nat_gateways        = "per_zone"
  load_balancer_cidrs = ["0.0.0.0/0"]               # producers and third parties; narrow it if you know them
  node_egress_ports   = { https = 443, smtp = 587 } # alert-relay's mails; without smtp when it sends by an HTTP API
}

cluster = {
  public_access_cidrs = ["203.0.113.0/24"] # who runs kubectl and the bootstrap
  admin_arns          = { platform = "arn:aws:iam::222222222222:role/platform-admins" }
  node_groups = {
    general = { instance_types = ["m7g.large"], min_size = 3, max_size = 12 }
  }
}

kafka = {
  # The charts log in by SCRAM; IAM is for KEDA, where it is asked to, and for operators.
  authentication = { iam = true, scram = true }
  instance_type  = "kafka.m7g.large"
  volume_gib     = 500
  volume_max_gib = 2000
  topics         = { events = { partitions = 24, retention_hours = 168 } }
}

database = {
  deployment      = "multi_az_instance"
  instance_class  = "db.m7g.large"
  storage_gib     = 400
  storage_max_gib = 4000
  backup_days     = 35
}

backups = {
  lock_mode      = "GOVERNANCE" # COMPLIANCE cannot be undone by anybody before the days are over
  lock_days      = 30
  retention_days = 180
}

# What staging has run is what production runs: the same images, by digest, from staging's account.
registry = { create = false, address = "111111111111.dkr.ecr.eu-central-1.amazonaws.com/flumen" } # yours

dns          = { domain = "events.example.com" }
github       = {}
alert_emails = ["ops@example.com"]
