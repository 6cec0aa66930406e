locals {
  zone_id = var.zone_id != null ? var.zone_id : aws_route53_zone.this[0].zone_id
  names   = toset([for host in var.hosts : "${host}.${var.domain}"])
  first   = sort(tolist(local.names))[0]
}

resource "aws_route53_zone" "this" {
  count = var.zone_id == null ? 1 : 0

  name    = var.domain
  comment = "${var.name}, by Terraform"

  tags = var.tags

  lifecycle {
    prevent_destroy = true # a new zone has other name servers: the parent would point nowhere
  }
}

resource "aws_route53_record" "caa" {
  count = var.zone_id == null ? 1 : 0

  zone_id = local.zone_id
  name    = var.domain
  type    = "CAA"
  ttl     = 3600
  records = [for issuer in var.caa_issuers : "0 issue \"${issuer}\""]
}

resource "aws_acm_certificate" "this" {
  domain_name               = local.first
  subject_alternative_names = setsubtract(local.names, [local.first])
  validation_method         = "DNS"
  key_algorithm             = "EC_prime256v1"

  tags = merge(var.tags, { Name = var.name })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "validation" {
  for_each = local.names

  zone_id         = local.zone_id
  name            = one([for option in aws_acm_certificate.this.domain_validation_options : option.resource_record_name if option.domain_name == each.key])
  type            = one([for option in aws_acm_certificate.this.domain_validation_options : option.resource_record_type if option.domain_name == each.key])
  records         = [for option in aws_acm_certificate.this.domain_validation_options : option.resource_record_value if option.domain_name == each.key]
  ttl             = 300
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "this" {
  count = var.wait_for_certificate ? 1 : 0

  certificate_arn         = aws_acm_certificate.this.arn
  validation_record_fqdns = [for record in aws_route53_record.validation : record.fqdn]
}
