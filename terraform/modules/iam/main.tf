# A role for each service account, with what it does and no more; ingest-api never sees the database, query-api never sees Kafka.
# Charts name the service accounts; with Pod Identity nothing else is needed there, with IRSA they carry the role's ARN.

data "aws_partition" "current" {}
data "aws_region" "current" {}
data "aws_caller_identity" "current" {}

locals {
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region
  account   = data.aws_caller_identity.current.account_id

  service_accounts = merge(
    {
      ingest-api       = { namespace = var.namespace, name = "ingest-api" }
      writer           = { namespace = var.namespace, name = "writer" }
      query-api        = { namespace = var.namespace, name = "query-api" }
      alert-relay      = { namespace = var.namespace, name = "alert-relay" }
      flumen-operator  = { namespace = var.namespace, name = "flumen-operator" }
      external-secrets = { namespace = "external-secrets", name = "external-secrets" }
      load-balancers   = { namespace = "kube-system", name = "aws-load-balancer-controller" }
      autoscaler       = { namespace = "kube-system", name = "cluster-autoscaler" }
      keda             = { namespace = "keda", name = "keda-operator" }
    },
    var.hosted_zone_id == null ? {} : {
      external-dns = { namespace = "external-dns", name = "external-dns" }
      cert-manager = { namespace = "cert-manager", name = "cert-manager" }
    },
  )

  # arn:aws:kafka:REGION:ACCOUNT:cluster/NAME/UUID -> .../topic/NAME/UUID/TOPIC
  kafka_cluster = try(var.kafka.cluster_arn, "")
  kafka_topic   = var.kafka == null ? "" : "${replace(local.kafka_cluster, ":cluster/", ":topic/")}/${var.kafka.topic}"
  kafka_topics  = var.kafka == null ? "" : "${replace(local.kafka_cluster, ":cluster/", ":topic/")}/*"
  kafka_group   = var.kafka == null ? "" : "${replace(local.kafka_cluster, ":cluster/", ":group/")}/${var.kafka.group}"
  kafka_groups  = var.kafka == null ? "" : "${replace(local.kafka_cluster, ":cluster/", ":group/")}/*"

  zone_arn   = "arn:${local.partition}:route53:::hostedzone/${coalesce(var.hosted_zone_id, "-")}"
  backup_arn = try(var.backup_bucket.arn, "")

  kafka_statements = { for account, statements in {
    ingest-api = [
      { Sid = "Connect", Effect = "Allow", Action = ["kafka-cluster:Connect", "kafka-cluster:WriteDataIdempotently"], Resource = local.kafka_cluster },
      { Sid = "Produce", Effect = "Allow", Action = ["kafka-cluster:DescribeTopic", "kafka-cluster:WriteData"], Resource = local.kafka_topic },
    ]
    writer = [
      { Sid = "Connect", Effect = "Allow", Action = ["kafka-cluster:Connect"], Resource = local.kafka_cluster },
      { Sid = "Consume", Effect = "Allow", Action = ["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"], Resource = local.kafka_topic },
      { Sid = "Group", Effect = "Allow", Action = ["kafka-cluster:DescribeGroup", "kafka-cluster:AlterGroup"], Resource = local.kafka_group },
    ]
    keda = [
      { Sid = "Connect", Effect = "Allow", Action = ["kafka-cluster:Connect"], Resource = local.kafka_cluster },
      { Sid = "SeeTheLag", Effect = "Allow", Action = ["kafka-cluster:DescribeTopic"], Resource = local.kafka_topic },
      { Sid = "SeeTheGroup", Effect = "Allow", Action = ["kafka-cluster:DescribeGroup"], Resource = local.kafka_group },
    ]
    # Topics, ACLs and quotas by flumen provision; replay of dead letters; clean-up of previews.
    flumen-operator = [
      {
        Sid      = "Administer"
        Effect   = "Allow"
        Action   = ["kafka-cluster:Connect", "kafka-cluster:DescribeCluster", "kafka-cluster:AlterCluster", "kafka-cluster:DescribeClusterDynamicConfiguration", "kafka-cluster:WriteDataIdempotently"]
        Resource = local.kafka_cluster
      },
      {
        Sid    = "Topics"
        Effect = "Allow"
        Action = [
          "kafka-cluster:CreateTopic", "kafka-cluster:DescribeTopic", "kafka-cluster:AlterTopic", "kafka-cluster:DeleteTopic",
          "kafka-cluster:DescribeTopicDynamicConfiguration", "kafka-cluster:AlterTopicDynamicConfiguration", "kafka-cluster:ReadData", "kafka-cluster:WriteData",
        ]
        Resource = local.kafka_topics
      },
      { Sid = "Groups", Effect = "Allow", Action = ["kafka-cluster:DescribeGroup", "kafka-cluster:AlterGroup", "kafka-cluster:DeleteGroup"], Resource = local.kafka_groups },
    ]
  } : account => statements if var.kafka != null }

  database_statements = var.database == null ? {} : { for account, role in var.database.roles : account => [{
    Sid      = "LogIn"
    Effect   = "Allow"
    Action   = ["rds-db:connect"]
    Resource = "arn:${local.partition}:rds-db:${local.region}:${local.account}:dbuser:${var.database.resource_id}/${role}"
  }] }

  backup_statements = { for account, statements in {
    # No deletion: the lifecycle of the bucket does that, and a stolen job cannot.
    flumen-operator = [
      { Sid = "FindBackups", Effect = "Allow", Action = ["s3:ListBucket", "s3:GetBucketLocation"], Resource = local.backup_arn },
      {
        Sid      = "WriteAndReadBackups"
        Effect   = "Allow"
        Action   = ["s3:PutObject", "s3:GetObject", "s3:GetObjectVersion", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
        Resource = ["${local.backup_arn}/backups/*", "${local.backup_arn}/archive/*"]
      },
      { Sid = "Encrypt", Effect = "Allow", Action = ["kms:GenerateDataKey", "kms:Decrypt"], Resource = try(var.backup_bucket.kms_key_arn, "") },
    ]
  } : account => statements if var.backup_bucket != null }

  platform_statements = merge(
    {
      external-secrets = [
        { Sid = "ReadThisEnvironment", Effect = "Allow", Action = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"], Resource = var.secrets.arn_patterns },
        {
          Sid       = "Decrypt"
          Effect    = "Allow"
          Action    = ["kms:Decrypt"]
          Resource  = var.secrets.kms_key_arns
          Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${local.region}.amazonaws.com" } }
        },
      ]
      load-balancers = local.load_balancer_statements
      autoscaler = [
        {
          Sid    = "See"
          Effect = "Allow"
          Action = [
            "autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingInstances", "autoscaling:DescribeLaunchConfigurations", "autoscaling:DescribeScalingActivities",
            "autoscaling:DescribeTags", "ec2:DescribeImages", "ec2:DescribeInstanceTypes", "ec2:DescribeLaunchTemplateVersions", "ec2:GetInstanceTypesFromInstanceRequirements",
          ]
          Resource = "*"
        },
        { Sid = "SeeNodeGroups", Effect = "Allow", Action = ["eks:DescribeNodegroup"], Resource = "arn:${local.partition}:eks:${local.region}:${local.account}:nodegroup/${var.cluster_name}/*/*" },
        {
          Sid       = "ScaleThisCluster"
          Effect    = "Allow"
          Action    = ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"]
          Resource  = "arn:${local.partition}:autoscaling:${local.region}:${local.account}:autoScalingGroup:*:autoScalingGroupName/*"
          Condition = { StringEquals = { "aws:ResourceTag/k8s.io/cluster-autoscaler/${var.cluster_name}" = "owned" } }
        },
      ]
    },
    { for account, statements in {
      external-dns = [
        { Sid = "Change", Effect = "Allow", Action = ["route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets", "route53:ListTagsForResource"], Resource = local.zone_arn },
        { Sid = "Find", Effect = "Allow", Action = ["route53:ListHostedZones"], Resource = "*" },
      ]
      # Only the TXT records by which Let's Encrypt checks the domain.
      cert-manager = [
        {
          Sid      = "Challenge"
          Effect   = "Allow"
          Action   = ["route53:ChangeResourceRecordSets"]
          Resource = local.zone_arn
          Condition = {
            "ForAllValues:StringEquals" = { "route53:ChangeResourceRecordSetsRecordTypes" = ["TXT"] }
            "ForAllValues:StringLike"   = { "route53:ChangeResourceRecordSetsNormalizedRecordNames" = ["_acme-challenge.*"] }
          }
        },
        { Sid = "Look", Effect = "Allow", Action = ["route53:ListResourceRecordSets"], Resource = local.zone_arn },
        { Sid = "Wait", Effect = "Allow", Action = ["route53:GetChange"], Resource = "arn:${local.partition}:route53:::change/*" },
        { Sid = "Find", Effect = "Allow", Action = ["route53:ListHostedZonesByName"], Resource = "*" },
      ]
    } : account => statements if var.hosted_zone_id != null },
  )

  statements = { for account in keys(local.service_accounts) : account => concat(
    try(local.kafka_statements[account], []),
    try(local.database_statements[account], []),
    try(local.backup_statements[account], []),
    try(local.platform_statements[account], []),
  ) }

  # Known before apply, so that a role without rights gets no empty policy.
  has_rights = toset(concat(
    var.kafka == null ? [] : ["ingest-api", "writer", "keda", "flumen-operator"],
    var.database == null ? [] : keys(var.database.roles),
    var.backup_bucket == null ? [] : ["flumen-operator"],
    ["external-secrets", "load-balancers", "autoscaler"],
    var.hosted_zone_id == null ? [] : ["external-dns", "cert-manager"],
  ))

  trust = { for account, who in local.service_accounts : account => var.pod_identity ? jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "PodIdentity"
      Effect    = "Allow"
      Principal = { Service = "pods.eks.amazonaws.com" }
      Action    = ["sts:AssumeRole", "sts:TagSession"]
      Condition = { StringEquals = {
        "aws:SourceAccount"                         = local.account
        "aws:RequestTag/kubernetes-namespace"       = who.namespace
        "aws:RequestTag/kubernetes-service-account" = who.name
      } }
    }]
    }) : jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "ServiceAccount"
      Effect    = "Allow"
      Principal = { Federated = try(var.oidc.provider_arn, "") }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = { StringEquals = {
        "${try(var.oidc.issuer, "")}:aud" = "sts.amazonaws.com"
        "${try(var.oidc.issuer, "")}:sub" = "system:serviceaccount:${who.namespace}:${who.name}"
      } }
    }]
  }) }
}

resource "aws_iam_role" "service_account" {
  for_each = local.service_accounts

  name               = "${var.name}-${each.key}"
  description        = "Service account ${each.value.namespace}/${each.value.name} of ${var.cluster_name}"
  assume_role_policy = local.trust[each.key]

  tags = var.tags
}

resource "aws_iam_role_policy" "service_account" {
  for_each = local.has_rights

  name   = "what-${each.key}-does"
  role   = aws_iam_role.service_account[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements[each.key] })
}

resource "aws_eks_pod_identity_association" "this" {
  for_each = var.pod_identity ? local.service_accounts : {}

  cluster_name    = var.cluster_name
  namespace       = each.value.namespace
  service_account = each.value.name
  role_arn        = aws_iam_role.service_account[each.key].arn

  tags = var.tags
}
