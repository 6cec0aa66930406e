mock_provider "aws" {
  override_during = plan

  mock_resource "aws_route53_zone" {
    defaults = { zone_id = "Z0MADE", name_servers = ["ns-1.example.org"] }
  }
  mock_resource "aws_acm_certificate" {
    defaults = {
      arn = "arn:aws:acm:eu-central-1:111122223333:certificate/mock"
      domain_validation_options = [
        { domain_name = "ingest.events.example.com", resource_record_name = "_i.events.example.com", resource_record_type = "CNAME", resource_record_value = "i.acm-validations.aws" },
        { domain_name = "query.events.example.com", resource_record_name = "_q.events.example.com", resource_record_type = "CNAME", resource_record_value = "q.acm-validations.aws" },
      ]
    }
  }
}

variables {
  name   = "flumen-test"
  domain = "events.example.com"
}

run "a_zone_of_its_own" {
  command = plan

  assert {
    condition     = length(aws_route53_zone.this) == 1 && output.zone_id == "Z0MADE" && output.name_servers == tolist(["ns-1.example.org"])
    error_message = "the zone is not made, or its name servers are not told"
  }
  assert {
    condition     = contains(aws_route53_record.caa[0].records, "0 issue \"amazon.com\"")
    error_message = "the load balancer's certificate would not be issued"
  }
}

run "each_host_is_validated" {
  command = plan

  assert {
    condition     = aws_acm_certificate.this.domain_name == "ingest.events.example.com" && aws_acm_certificate.this.subject_alternative_names == toset(["query.events.example.com"])
    error_message = "a host is not in the certificate"
  }
  assert {
    condition     = aws_route53_record.validation["query.events.example.com"].name == "_q.events.example.com" && aws_route53_record.validation["query.events.example.com"].records == toset(["q.acm-validations.aws"])
    error_message = "validation records mixed up"
  }
}

run "an_existing_zone_is_used_as_it_is" {
  command = plan
  variables {
    zone_id              = "Z0GIVEN"
    wait_for_certificate = false
  }

  assert {
    condition     = length(aws_route53_zone.this) == 0 && length(aws_route53_record.caa) == 0 && output.zone_id == "Z0GIVEN" && length(aws_acm_certificate_validation.this) == 0
    error_message = "somebody else's zone is changed beyond the validation records"
  }
}

run "refuses_what_is_no_domain" {
  command = plan
  variables { domain = "https://events" }
  expect_failures = [var.domain]
}

run "refuses_to_shut_amazon_out" {
  command = plan
  variables { caa_issuers = ["letsencrypt.org"] }
  expect_failures = [var.caa_issuers]
}
