locals {
  ours = { StringEquals = { "aws:ResourceTag/elbv2.k8s.aws/cluster" = var.cluster_name } }
  made = { StringEquals = { "aws:RequestTag/elbv2.k8s.aws/cluster" = var.cluster_name } }

  # What the AWS Load Balancer Controller does, narrowed to load balancers that carry this cluster's tag. Reading cannot be narrowed.
  load_balancer_statements = [
    {
      Sid    = "See"
      Effect = "Allow"
      Action = [
        "ec2:DescribeAccountAttributes", "ec2:DescribeAddresses", "ec2:DescribeAvailabilityZones", "ec2:DescribeInternetGateways", "ec2:DescribeVpcs", "ec2:DescribeVpcPeeringConnections",
        "ec2:DescribeSubnets", "ec2:DescribeSecurityGroups", "ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces", "ec2:DescribeTags", "ec2:DescribeRouteTables",
        "ec2:GetSecurityGroupsForVpc", "ec2:DescribeIpamPools",
        "elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DescribeLoadBalancerAttributes", "elasticloadbalancing:DescribeListeners",
        "elasticloadbalancing:DescribeListenerCertificates", "elasticloadbalancing:DescribeListenerAttributes", "elasticloadbalancing:DescribeSSLPolicies",
        "elasticloadbalancing:DescribeRules", "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetGroupAttributes",
        "elasticloadbalancing:DescribeTargetHealth", "elasticloadbalancing:DescribeTags", "elasticloadbalancing:DescribeTrustStores", "elasticloadbalancing:DescribeCapacityReservation",
        "acm:ListCertificates", "acm:DescribeCertificate",
        "wafv2:GetWebACL", "wafv2:GetWebACLForResource", "shield:GetSubscriptionState",
      ]
      Resource = "*"
    },
    {
      Sid       = "ServiceLinkedRole"
      Effect    = "Allow"
      Action    = ["iam:CreateServiceLinkedRole"]
      Resource  = "arn:${local.partition}:iam::${local.account}:role/aws-service-role/elasticloadbalancing.amazonaws.com/*"
      Condition = { StringEquals = { "iam:AWSServiceName" = "elasticloadbalancing.amazonaws.com" } }
    },
    {
      Sid      = "MakeSecurityGroups"
      Effect   = "Allow"
      Action   = ["ec2:CreateSecurityGroup"]
      Resource = ["arn:${local.partition}:ec2:${local.region}:${local.account}:vpc/${var.vpc_id}", "arn:${local.partition}:ec2:${local.region}:${local.account}:security-group/*"]
    },
    {
      Sid       = "TagNewSecurityGroups"
      Effect    = "Allow"
      Action    = ["ec2:CreateTags"]
      Resource  = "arn:${local.partition}:ec2:${local.region}:${local.account}:security-group/*"
      Condition = { StringEquals = { "ec2:CreateAction" = "CreateSecurityGroup", "aws:RequestTag/elbv2.k8s.aws/cluster" = var.cluster_name } }
    },
    {
      Sid       = "TagOwnSecurityGroups"
      Effect    = "Allow"
      Action    = ["ec2:CreateTags", "ec2:DeleteTags"]
      Resource  = "arn:${local.partition}:ec2:${local.region}:${local.account}:security-group/*"
      Condition = local.ours
    },
    {
      Sid       = "RulesInThisVpc"
      Effect    = "Allow"
      Action    = ["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"]
      Resource  = "arn:${local.partition}:ec2:${local.region}:${local.account}:security-group/*"
      Condition = { ArnEquals = { "ec2:Vpc" = "arn:${local.partition}:ec2:${local.region}:${local.account}:vpc/${var.vpc_id}" } }
    },
    {
      Sid       = "DeleteOwnSecurityGroups"
      Effect    = "Allow"
      Action    = ["ec2:DeleteSecurityGroup"]
      Resource  = "arn:${local.partition}:ec2:${local.region}:${local.account}:security-group/*"
      Condition = local.ours
    },
    {
      Sid       = "MakeLoadBalancers"
      Effect    = "Allow"
      Action    = ["elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:CreateTargetGroup"]
      Resource  = "*"
      Condition = local.made
    },
    {
      # New listeners and rules have no tag to look at yet; the load balancer they belong to has.
      Sid      = "ListenersAndRules"
      Effect   = "Allow"
      Action   = ["elasticloadbalancing:CreateListener", "elasticloadbalancing:DeleteListener", "elasticloadbalancing:CreateRule", "elasticloadbalancing:DeleteRule"]
      Resource = ["arn:${local.partition}:elasticloadbalancing:${local.region}:${local.account}:loadbalancer/*/k8s-*", "arn:${local.partition}:elasticloadbalancing:${local.region}:${local.account}:listener/*/k8s-*", "arn:${local.partition}:elasticloadbalancing:${local.region}:${local.account}:listener-rule/*/k8s-*"]
    },
    {
      Sid    = "TagNew"
      Effect = "Allow"
      Action = ["elasticloadbalancing:AddTags"]
      Resource = [
        "arn:${local.partition}:elasticloadbalancing:${local.region}:${local.account}:targetgroup/*/*", "arn:${local.partition}:elasticloadbalancing:${local.region}:${local.account}:loadbalancer/*",
        "arn:${local.partition}:elasticloadbalancing:${local.region}:${local.account}:listener/*", "arn:${local.partition}:elasticloadbalancing:${local.region}:${local.account}:listener-rule/*",
      ]
      Condition = { StringEquals = { "elasticloadbalancing:CreateAction" = ["CreateTargetGroup", "CreateLoadBalancer", "CreateListener", "CreateRule"], "aws:RequestTag/elbv2.k8s.aws/cluster" = var.cluster_name } }
    },
    {
      Sid    = "TagOwn"
      Effect = "Allow"
      Action = ["elasticloadbalancing:AddTags", "elasticloadbalancing:RemoveTags"]
      Resource = [
        "arn:${local.partition}:elasticloadbalancing:${local.region}:${local.account}:targetgroup/*/*", "arn:${local.partition}:elasticloadbalancing:${local.region}:${local.account}:loadbalancer/*",
        "arn:${local.partition}:elasticloadbalancing:${local.region}:${local.account}:listener/*", "arn:${local.partition}:elasticloadbalancing:${local.region}:${local.account}:listener-rule/*",
      ]
      Condition = local.ours
    },
    {
      Sid    = "ChangeOwn"
      Effect = "Allow"
      Action = [
        "elasticloadbalancing:ModifyLoadBalancerAttributes", "elasticloadbalancing:SetIpAddressType", "elasticloadbalancing:SetSecurityGroups", "elasticloadbalancing:SetSubnets",
        "elasticloadbalancing:DeleteLoadBalancer", "elasticloadbalancing:ModifyTargetGroup", "elasticloadbalancing:ModifyTargetGroupAttributes", "elasticloadbalancing:DeleteTargetGroup",
        "elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:ModifyListener", "elasticloadbalancing:ModifyListenerAttributes",
        "elasticloadbalancing:AddListenerCertificates", "elasticloadbalancing:RemoveListenerCertificates", "elasticloadbalancing:ModifyRule", "elasticloadbalancing:SetRulePriorities",
        "elasticloadbalancing:SetWebAcl", "wafv2:AssociateWebACL", "wafv2:DisassociateWebACL",
      ]
      Resource  = "*"
      Condition = local.ours
    },
  ]
}
