output "zone_id" {
  description = "Hosted zone; ExternalDNS and cert-manager write into it alone."
  value       = local.zone_id
}

output "name_servers" {
  description = "What the parent zone must delegate to; empty for an existing zone."
  value       = var.zone_id == null ? aws_route53_zone.this[0].name_servers : []
}

output "certificate_arn" {
  description = "Certificate of the public load balancer."
  value       = var.wait_for_certificate ? aws_acm_certificate_validation.this[0].certificate_arn : aws_acm_certificate.this.arn
}

output "domain" {
  description = "Domain of this environment."
  value       = var.domain
}
