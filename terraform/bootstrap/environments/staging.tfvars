# What runs in the cluster costs only the nodes' room: ArgoCD and the controllers take about one t4g.large.
environment      = "staging"
account_id       = "111111111111" # yours
region           = "eu-central-1"
gitops           = { repository = "https://github.com/acme/flumen" } # yours
acme_email       = "ops@example.com"
highly_available = false
