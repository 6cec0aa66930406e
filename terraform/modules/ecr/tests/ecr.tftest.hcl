mock_provider "aws" {
  override_during = plan

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_resource "aws_ecr_repository" {
    defaults = {
      arn            = "arn:aws:ecr:eu-central-1:111122223333:repository/flumen/mock"
      repository_url = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/flumen/mock"
    }
  }
}

variables {
  name        = "flumen-test"
  kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/images"
}

run "tags_never_move_and_pushes_are_scanned" {
  command = plan

  assert {
    condition     = length(aws_ecr_repository.this) == 5 && alltrue([for r in aws_ecr_repository.this : r.image_tag_mutability == "IMMUTABLE" && r.image_scanning_configuration[0].scan_on_push && r.encryption_configuration[0].kms_key == var.kms_key_arn])
    error_message = "a repository lets tags move, is not scanned or not encrypted"
  }
  assert {
    condition     = output.registry == "111122223333.dkr.ecr.eu-central-1.amazonaws.com/flumen"
    error_message = "the registry for the charts is wrong"
  }
}

run "releases_stay_and_pull_requests_go" {
  command = plan

  assert {
    condition     = [for r in jsondecode(aws_ecr_lifecycle_policy.this["writer"].policy).rules : try(r.selection.tagPatternList, ["untagged"])] == [["v*"], ["pr-*"], ["sha-*"], ["untagged"]]
    error_message = "one pattern a rule, releases first"
  }
  assert {
    condition     = jsondecode(aws_ecr_lifecycle_policy.this["writer"].policy).rules[0].selection.countNumber == 9999
    error_message = "releases expire"
  }
  assert {
    condition     = jsondecode(aws_ecr_lifecycle_policy.this["writer"].policy).rules[1].selection.countNumber == 7 && jsondecode(aws_ecr_lifecycle_policy.this["writer"].policy).rules[2].selection.countNumber == 50
    error_message = "retention moved"
  }
}

run "nobody_else_pulls_unless_named" {
  command = plan

  assert {
    condition     = length(aws_ecr_repository_policy.pull) == 0 && length(aws_ecr_registry_scanning_configuration.this) == 0
    error_message = "switches are off by default"
  }
}

run "another_account_pulls_and_cannot_push" {
  command = plan
  variables {
    pull_account_ids  = ["444455556666"]
    enhanced_scanning = true
  }

  assert {
    condition     = jsondecode(aws_ecr_repository_policy.pull["writer"].policy).Statement[0].Principal.AWS == ["arn:aws:iam::444455556666:root"] && !anytrue([for a in jsondecode(aws_ecr_repository_policy.pull["writer"].policy).Statement[0].Action : strcontains(a, "Put")])
    error_message = "the policy names somebody else, or lets them push"
  }
  assert {
    condition     = aws_ecr_registry_scanning_configuration.this[0].scan_type == "ENHANCED"
    error_message = "the switch does nothing"
  }
}

run "refuses_to_keep_too_few" {
  command = plan
  variables { commits_kept = 3 }
  expect_failures = [var.commits_kept]
}

run "refuses_what_is_no_account" {
  command = plan
  variables { pull_account_ids = ["*"] }
  expect_failures = [var.pull_account_ids]
}
