# What AWS would answer, as far as our plans look at it.

mock_data "aws_partition" {
  defaults = { partition = "aws" }
}
mock_data "aws_region" {
  defaults = { region = "eu-central-1" }
}
mock_data "aws_caller_identity" {
  defaults = { account_id = "111122223333" }
}
mock_resource "aws_vpc" {
  defaults = { id = "vpc-mock" }
}
mock_resource "aws_subnet" {
  defaults = { id = "subnet-mock" }
}
mock_resource "aws_security_group" {
  defaults = { id = "sg-mock" }
}
mock_resource "aws_kms_key" {
  defaults = { arn = "arn:aws:kms:eu-central-1:111122223333:key/mock", key_id = "mock" }
}
mock_resource "aws_iam_role" {
  defaults = { arn = "arn:aws:iam::111122223333:role/mock" }
}
mock_resource "aws_cloudwatch_log_group" {
  defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:mock" }
}
mock_resource "aws_sns_topic" {
  defaults = { arn = "arn:aws:sns:eu-central-1:111122223333:alerts" }
}
mock_resource "aws_eks_cluster" {
  defaults = {
    endpoint              = "https://mock"
    certificate_authority = [{ data = "bW9jaw==" }]
    identity              = [{ oidc = [{ issuer = "https://oidc-eks.eu-central-1.api.aws/id/MOCK" }] }]
  }
}
mock_resource "aws_iam_openid_connect_provider" {
  defaults = { arn = "arn:aws:iam::111122223333:oidc-provider/mock" }
}
mock_resource "aws_msk_cluster" {
  defaults = {
    arn                        = "arn:aws:kafka:eu-central-1:111122223333:cluster/flumen-mock/0000-1"
    cluster_uuid               = "0000-1"
    bootstrap_brokers_sasl_iam = "b-1:9098"
  }
}
mock_resource "aws_msk_configuration" {
  defaults = { arn = "arn:aws:kafka:eu-central-1:111122223333:configuration/mock/1", latest_revision = 1 }
}
mock_resource "aws_db_instance" {
  defaults = {
    arn                = "arn:aws:rds:eu-central-1:111122223333:db:flumen-mock"
    address            = "db.mock"
    resource_id        = "db-MOCK"
    master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:rds!db-mock", kms_key_id = "mock", secret_status = "active" }]
  }
}
mock_resource "aws_ecr_repository" {
  defaults = { arn = "arn:aws:ecr:eu-central-1:111122223333:repository/flumen/mock", repository_url = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/flumen/mock" }
}
mock_resource "aws_backup_vault" {
  defaults = { arn = "arn:aws:backup:eu-central-1:111122223333:backup-vault:mock" }
}
mock_resource "aws_route53_zone" {
  defaults = { zone_id = "Z0MOCK", name_servers = ["ns-1.example.org"] }
}
mock_resource "aws_acm_certificate" {
  defaults = { arn = "arn:aws:acm:eu-central-1:111122223333:certificate/mock" }
}
mock_resource "aws_secretsmanager_secret" {
  defaults = { arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:mock" }
}
