mock_provider "helm" {
  override_during = plan
}
mock_provider "kubernetes" {
  override_during = plan
}

variables {
  cluster        = { name = "flumen-staging", region = "eu-central-1", vpc_id = "vpc-1" }
  environment    = "staging"
  domain         = "events.example.com"
  hosted_zone_id = "Z0MOCK"
  acme_email     = "ops@example.com"
  gitops         = { repository = "https://github.com/acme/flumen" }
  facts          = { "kafka.bootstrap" = "b-1:9098", "database.host" = "db" }
}

run "the_platform_is_complete_and_pinned" {
  command = plan

  assert {
    condition     = toset(keys(helm_release.platform)) == toset(["external-secrets", "aws-load-balancer-controller", "external-dns", "cert-manager", "cluster-autoscaler"])
    error_message = "a component is missing, or PostgreSQL is there unasked"
  }
  assert {
    condition     = helm_release.argocd.version == "10.1.1" && alltrue([for r in helm_release.platform : can(regex("^v?[0-9]+\\.[0-9]+\\.[0-9]+$", r.version))])
    error_message = "a chart is not pinned"
  }
}

run "argocd_learns_the_facts" {
  command = plan

  assert {
    condition     = kubernetes_secret_v1.cluster.metadata[0].annotations["flumen.dev/kafka.bootstrap"] == "b-1:9098" && kubernetes_secret_v1.cluster.metadata[0].labels["argocd.argoproj.io/secret-type"] == "cluster"
    error_message = "the cluster secret does not carry the facts"
  }
  assert {
    condition     = kubernetes_secret_v1.cluster.metadata[0].labels["platform.flumen.dev/cert-manager"] == "terraform"
    error_message = "ArgoCD would install a second cert-manager"
  }
}

run "argocd_can_take_a_component_over" {
  command = plan
  variables { components = { cert_manager = false } }

  assert {
    condition     = !contains(keys(helm_release.platform), "cert-manager") && kubernetes_secret_v1.cluster.metadata[0].labels["platform.flumen.dev/cert-manager"] == "argocd"
    error_message = "two owners or none"
  }
  assert {
    condition     = yamldecode(helm_release.foundation.values[0]).clusterIssuer.enabled == false
    error_message = "an issuer without cert-manager"
  }
}

run "flumen_runs_restricted" {
  command = plan

  assert {
    condition     = kubernetes_namespace_v1.flumen.metadata[0].labels["pod-security.kubernetes.io/enforce"] == "restricted" && kubernetes_storage_class_v1.gp3.parameters["encrypted"] == "true"
    error_message = "pods run unrestricted, or disks are in the clear"
  }
}

run "pod_identity_needs_no_annotation_irsa_does" {
  command = plan
  variables { role_arns = { "external-secrets" = "arn:aws:iam::111122223333:role/eso" } }

  assert {
    condition     = yamldecode(helm_release.platform["external-secrets"].values[0]).serviceAccount.annotations == { "eks.amazonaws.com/role-arn" = "arn:aws:iam::111122223333:role/eso" }
    error_message = "IRSA does not reach the service account"
  }
  assert {
    condition     = yamldecode(helm_release.platform["cert-manager"].values[0]).serviceAccount.annotations == {}
    error_message = "a role where none was given"
  }
}

run "postgresql_in_the_cluster_by_choice" {
  command = plan
  variables { postgresql = { instances = 3 } }

  assert {
    condition     = contains(keys(helm_release.platform), "cloudnative-pg") && yamldecode(helm_release.foundation.values[0]).postgresql.instances == 3 && output.postgresql_service == "flumen-postgresql-rw.flumen.svc"
    error_message = "the operator or the cluster is missing"
  }
}

run "refuses_secrets_as_facts" {
  command = plan
  variables { facts = { "database.password" = "x" } }
  expect_failures = [var.facts]
}

run "refuses_an_unknown_environment" {
  command = plan
  variables { environment = "prod" }
  expect_failures = [var.environment]
}

run "refuses_an_unknown_chart" {
  command = plan
  variables { chart_versions = { "argocd" = "1" } }
  expect_failures = [var.chart_versions]
}
