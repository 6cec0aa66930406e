# Vault Agent beside Flumen: logs in by AppRole, renders the keys file and the reader's credentials, and tells the services at once.
# A secret that is missing ends the agent loudly instead of writing an empty file.
vault {
  address = "http://vault:8200"
}

auto_auth {
  method "approle" {
    config = {
      role_id_file_path                   = "/run/flumen/vault/role-id"
      secret_id_file_path                 = "/run/flumen/vault/secret-id"
      remove_secret_id_file_after_reading = false
    }
  }
}

template_config {
  exit_on_retry_failure         = true
  static_secret_render_interval = "10s"
}

template {
  source               = "/etc/vault/templates/keys.toml.ctmpl"
  destination          = "/run/flumen/keys.toml"
  perms                = "0660"
  error_on_missing_key = true
  exec {
    command = ["/etc/vault/reload", "http://ingest-api:9080/reload", "http://query-api:9081/reload"]
    timeout = "30s"
  }
}

template {
  source               = "/etc/vault/templates/query-api.toml.ctmpl"
  destination          = "/run/flumen/query-api.toml"
  perms                = "0660"
  error_on_missing_key = true
  exec {
    command = ["/etc/vault/reload", "http://query-api:9081/reload"]
    timeout = "30s"
  }
}
