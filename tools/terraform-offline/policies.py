#!/usr/bin/env python3
"""Audits every IAM policy that `terraform test` rendered.

usage: policies.py LOG [LOG ...]          each LOG is the output of: terraform test -json -verbose

Walks the plans in the logs, takes every attribute that holds a policy document, and checks each document once:
- parliament: actions, resources and condition keys exist and fit together, no privilege escalation
- no wildcard in an allowed action (`*`, `service:*`, `s3:Get*`), but for the key policy's statement without which a key locks out everybody
- every statement has a Sid that says what it is for

Prints one line a finding; exits 1 when there was one, or when no policy was found at all.
"""
import json
import sys

from parliament import analyze_policy_string

ATTRIBUTES = ('policy', 'assume_role_policy')
DOCUMENTS = ('aws_ecr_lifecycle_policy',)  # `policy` there is no IAM policy

# Statement ids of reviewed exceptions, with the reason.
WILDCARD_ACTION = {
    'TheAccountDecidesByIam': 'key policy: without the account in it nobody could ever change the key',
    'TlsOnly': 'a denial',
}
# parliament's findings that do not hold here, with the reason.
IGNORED = {
    'UNKNOWN_FEDERATION_SOURCE': 'parliament knows SAML and web identities of three vendors; ours are named by exact subject and tested',
    'UNKNOWN_CONDITION_FOR_ACTION': {'elasticloadbalancing:CreateAction', 'kms:EncryptionContext:'},  # newer than parliament's data
    'MISMATCHED_TYPE': {'ArnLike requires a value of type Arn but given String'},  # an encryption context that is an ARN, as AWS documents it
    # What the load balancer controller makes or owns: bound by the cluster's tag in the condition. And calls that AWS does not narrow.
    'RESOURCE_STAR': {"['elasticloadbalancing:CreateTargetGroup']", 'elasticloadbalancing:DeregisterTargets', "'ec2:GetSecurityGroupsForVpc', 'wafv2:GetWebACL'"},
    'UNKNOWN_PREFIX': 'services younger than the data of parliament 1.6.4',
    'UNKNOWN_ACTION': {
        'wafv2:', 'ec2:GetSecurityGroupsForVpc', 'ec2:DescribeIpamPools', 'elasticloadbalancing:DescribeTrustStores',
        'elasticloadbalancing:DescribeListenerAttributes', 'elasticloadbalancing:ModifyListenerAttributes',
        'elasticloadbalancing:DescribeCapacityReservation', 'elasticloadbalancing:SetRulePriorities',
    },
}


def documents(event):
    """Yields (address, attribute, document) of every policy in a plan that `terraform test -json -verbose` printed."""
    for change in event.get('test_plan', {}).get('resource_changes') or []:
        after = change['change'].get('after') or {}
        for attribute in ATTRIBUTES:
            text = after.get(attribute)
            if isinstance(text, str) and text.lstrip().startswith('{') and change['type'] not in DOCUMENTS:
                yield change['address'], attribute, text


def as_list(value):
    return value if isinstance(value, list) else [value]


def own_rules(document):
    for statement in as_list(document['Statement']):
        sid = statement.get('Sid', '')
        if not sid:
            yield 'a statement has no Sid that says what it is for'
        if statement['Effect'] != 'Allow':
            continue
        for action in as_list(statement.get('Action', [])):
            if '*' in action and sid not in WILDCARD_ACTION:
                yield f'{sid}: wildcard action {action}'
        if 'NotAction' in statement or 'NotPrincipal' in statement:
            yield f'{sid}: allows everything but something'


def audit(text):
    document = json.loads(text)
    yield from own_rules(document)
    trusts = any('Principal' in s for s in as_list(document['Statement']))
    for finding in analyze_policy_string(text, ignore_private_auditors=True).findings:
        detail = f'{finding.detail}'
        if finding.issue == 'MALFORMED' and trusts and 'Resource' in detail:
            continue  # trust policies and policies on a resource name no other
        if finding.issue == 'RESOURCE_STAR' and trusts:
            continue  # in a policy on a resource, * is that resource
        ignored = IGNORED.get(finding.issue)
        if isinstance(ignored, str) or (ignored and any(part in detail for part in ignored)):
            continue
        yield f'{finding.issue}: {detail} {finding.location.get("string", "") if finding.location else ""}'


def main(paths):
    seen, bad = {}, 0
    for path in paths:
        with open(path) as log:
            for line in log:
                if '"type":"test_plan"' not in line:
                    continue
                for address, attribute, text in documents(json.loads(line)):
                    seen.setdefault(text, (address, attribute))
    for text, (address, attribute) in seen.items():
        for finding in audit(text):
            bad += 1
            print(f'{address}.{attribute}: {finding}')
    print(f'{len(seen)} policy documents audited, {bad} findings')
    return 1 if bad or not seen else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
