terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.69, < 7"
    }
    random = {
      source  = "hashicorp/random"
      version = ">= 3.9, < 4"
    }
  }

  # Settings by environment: terraform init -backend-config=environments/staging.s3.tfbackend
  # For Terraform Cloud see cloud_override.tf.example.
  backend "s3" {}
}

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id] # the wrong credentials change nothing

  default_tags {
    tags = local.tags
  }
}
