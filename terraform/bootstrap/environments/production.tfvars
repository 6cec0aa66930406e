# Two of each controller, spread by the scheduler: about two m7g.large of the three nodes' room is left to Flumen.
environment = "production"
account_id  = "222222222222" # yours
region      = "eu-central-1"
gitops      = { repository = "https://github.com/acme/flumen" } # yours
acme_email  = "ops@example.com"
