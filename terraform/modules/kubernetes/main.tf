# From an empty cluster to one in which ArgoCD does the rest. Everything here is what ArgoCD itself needs to start (secrets, load
# balancers, names, certificates); applications are ArgoCD's.

locals {
  versions = merge({
    "argo-cd"                      = "10.1.1"
    "external-secrets"             = "2.9.0"
    "aws-load-balancer-controller" = "3.5.0"
    "external-dns"                 = "1.21.1"
    "cert-manager"                 = "v1.21.1"
    "cluster-autoscaler"           = "9.56.0"
    "cloudnative-pg"               = "0.29.0"
  }, var.chart_versions)

  replicas = var.highly_available ? 2 : 1

  # IRSA names the role on the service account; with Pod Identity the map is empty and so are the annotations.
  annotations = { for account in ["external-secrets", "load-balancers", "external-dns", "cert-manager", "autoscaler"] : account =>
    contains(keys(var.role_arns), account) ? { "eks.amazonaws.com/role-arn" = var.role_arns[account] } : {}
  }

  installs_external_dns = var.components.external_dns && var.domain != null

  releases = { for name, release in {
    external-secrets = {
      wanted     = var.components.external_secrets
      chart      = "external-secrets"
      repository = "https://charts.external-secrets.io"
      namespace  = "external-secrets"
      values = {
        replicaCount   = local.replicas
        leaderElect    = var.highly_available
        serviceAccount = { name = "external-secrets", annotations = local.annotations["external-secrets"] }
      }
    }
    aws-load-balancer-controller = {
      wanted     = var.components.load_balancers
      chart      = "aws-load-balancer-controller"
      repository = "https://aws.github.io/eks-charts"
      namespace  = "kube-system"
      values = {
        clusterName    = var.cluster.name
        region         = var.cluster.region
        vpcId          = var.cluster.vpc_id
        replicaCount   = local.replicas
        serviceAccount = { name = "aws-load-balancer-controller", annotations = local.annotations["load-balancers"] }
        # scripts/destroy finds what the controller made by these.
        defaultTags = { "flumen:environment" = var.environment }
        # Only Services that ask for it become load balancers of this controller.
        enableServiceMutatorWebhook = false
      }
    }
    external-dns = {
      wanted     = local.installs_external_dns
      chart      = "external-dns"
      repository = "https://kubernetes-sigs.github.io/external-dns/"
      namespace  = "external-dns"
      values = {
        provider       = { name = "aws" }
        domainFilters  = compact([var.domain])
        policy         = "sync" # records of removed previews go
        txtOwnerId     = var.cluster.name
        sources        = ["ingress"]
        serviceAccount = { name = "external-dns", annotations = local.annotations["external-dns"] }
        env            = [{ name = "AWS_DEFAULT_REGION", value = var.cluster.region }]
      }
    }
    cert-manager = {
      wanted     = var.components.cert_manager
      chart      = "cert-manager"
      repository = "https://charts.jetstack.io"
      namespace  = "cert-manager"
      values = {
        crds           = { enabled = true, keep = true }
        replicaCount   = local.replicas
        serviceAccount = { name = "cert-manager", annotations = local.annotations["cert-manager"] }
        # Challenges are checked through the VPC's resolver: nodes have no way to port 53 outside.
        extraArgs = ["--dns01-recursive-nameservers-only"]
      }
    }
    cluster-autoscaler = {
      wanted     = var.components.autoscaler
      chart      = "cluster-autoscaler"
      repository = "https://kubernetes.github.io/autoscaler"
      namespace  = "kube-system"
      values = {
        cloudProvider = "aws"
        awsRegion     = var.cluster.region
        autoDiscovery = { clusterName = var.cluster.name }
        rbac          = { serviceAccount = { name = "cluster-autoscaler", annotations = local.annotations["autoscaler"] } }
        extraArgs     = { balance-similar-node-groups = true, skip-nodes-with-system-pods = false }
      }
    }
    cloudnative-pg = {
      wanted     = var.postgresql != null
      chart      = "cloudnative-pg"
      repository = "https://cloudnative-pg.github.io/charts"
      namespace  = "cnpg-system"
      values     = { replicaCount = local.replicas }
    }
  } : name => release if release.wanted }

  cluster_annotations = merge(
    { for name, value in var.facts : "flumen.dev/${name}" => value },
    {
      "flumen.dev/cluster" = var.cluster.name
      "flumen.dev/region"  = var.cluster.region
    },
  )

  cluster_labels = merge(
    {
      "argocd.argoproj.io/secret-type" = "cluster"
      "flumen.dev/environment"         = var.environment
    },
    { for component, here in {
      external-secrets             = var.components.external_secrets
      aws-load-balancer-controller = var.components.load_balancers
      external-dns                 = var.components.external_dns
      cert-manager                 = var.components.cert_manager
      cluster-autoscaler           = var.components.autoscaler
    } : "platform.flumen.dev/${component}" => here ? "terraform" : "argocd" },
  )
}

# The default class of the platform: encrypted gp3, volumes that go with their claims.
resource "kubernetes_storage_class_v1" "gp3" {
  metadata {
    name        = "gp3"
    annotations = { "storageclass.kubernetes.io/is-default-class" = "true" }
  }

  storage_provisioner    = "ebs.csi.aws.com"
  volume_binding_mode    = "WaitForFirstConsumer" # the disk is made in the zone of its pod
  reclaim_policy         = "Delete"
  allow_volume_expansion = true
  parameters             = { type = "gp3", encrypted = "true" }
}

resource "kubernetes_namespace_v1" "flumen" {
  metadata {
    name = var.namespace
    labels = {
      "pod-security.kubernetes.io/enforce" = "restricted"
      "pod-security.kubernetes.io/warn"    = "restricted"
      "flumen.dev/environment"             = var.environment
    }
  }
}

resource "helm_release" "argocd" {
  name             = "argocd"
  chart            = "argo-cd"
  repository       = "https://argoproj.github.io/argo-helm"
  version          = local.versions["argo-cd"]
  namespace        = "argocd"
  create_namespace = true
  wait             = true
  timeout          = 900
  atomic           = true
  cleanup_on_fail  = true
  max_history      = 5

  values = [yamlencode({
    global         = { networkPolicy = { create = true, defaultDenyIngress = true } }
    configs        = { params = { "server.insecure" = false }, cm = { "admin.enabled" = true, "timeout.reconciliation" = "180s" } }
    server         = { replicas = local.replicas }
    repoServer     = { replicas = local.replicas }
    applicationSet = { replicas = local.replicas }
    "redis-ha"     = { enabled = var.highly_available }
  })]
}

# ArgoCD's picture of its own cluster. ApplicationSets with the cluster generator read labels and annotations from here.
resource "kubernetes_secret_v1" "cluster" {
  metadata {
    name        = "in-cluster"
    namespace   = helm_release.argocd.namespace
    labels      = local.cluster_labels
    annotations = local.cluster_annotations
  }

  data = {
    name   = "in-cluster"
    server = "https://kubernetes.default.svc"
    config = jsonencode({ tlsClientConfig = { insecure = false } })
  }
}

resource "helm_release" "platform" {
  for_each = local.releases

  name             = each.key
  chart            = each.value.chart
  repository       = each.value.repository
  version          = local.versions[each.value.chart]
  namespace        = each.value.namespace
  create_namespace = true
  wait             = true
  timeout          = 600
  atomic           = true
  cleanup_on_fail  = true
  max_history      = 5
  values           = [yamlencode(each.value.values)]
}

# Objects of the CRDs above: a chart of ours, since a plan cannot know kinds that do not exist yet.
resource "helm_release" "foundation" {
  name            = "foundation"
  chart           = "${path.module}/charts/foundation"
  namespace       = var.namespace
  wait            = true
  timeout         = 900
  cleanup_on_fail = true
  max_history     = 5

  values = [yamlencode({
    region         = var.cluster.region
    environment    = var.environment
    secretStore    = { enabled = var.components.external_secrets }
    clusterIssuer  = { enabled = var.components.cert_manager && var.acme_email != null && var.hosted_zone_id != null, email = var.acme_email, hostedZoneId = var.hosted_zone_id, domain = var.domain }
    rootApp        = { enabled = var.gitops != null, repository = try(var.gitops.repository, ""), revision = try(var.gitops.revision, ""), path = try(var.gitops.path, "") }
    postgresql     = { enabled = var.postgresql != null, instances = try(var.postgresql.instances, 0), storage = "${try(var.postgresql.storage_gib, 0)}Gi", version = try(var.postgresql.version, "") }
    smokeTestGroup = "flumen:smoke"
  })]

  depends_on = [helm_release.argocd, helm_release.platform, kubernetes_namespace_v1.flumen, kubernetes_storage_class_v1.gp3]
}
