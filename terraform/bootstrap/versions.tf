terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.69, < 7"
    }
    helm = {
      source  = "hashicorp/helm"
      version = ">= 3.1, < 4"
    }
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = ">= 3.0, < 4"
    }
  }

  backend "s3" {}
}

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]
}

# A token for each run; nothing about the cluster is stored but its address and certificate.
provider "kubernetes" {
  host                   = local.infra.cluster.endpoint
  cluster_ca_certificate = base64decode(local.infra.cluster.certificate_authority)

  exec {
    api_version = "client.authentication.k8s.io/v1beta1"
    command     = "aws"
    args        = ["eks", "get-token", "--cluster-name", local.infra.cluster.name, "--region", var.region]
  }
}

provider "helm" {
  kubernetes = {
    host                   = local.infra.cluster.endpoint
    cluster_ca_certificate = base64decode(local.infra.cluster.certificate_authority)

    exec = {
      api_version = "client.authentication.k8s.io/v1beta1"
      command     = "aws"
      args        = ["eks", "get-token", "--cluster-name", local.infra.cluster.name, "--region", var.region]
    }
  }
}
