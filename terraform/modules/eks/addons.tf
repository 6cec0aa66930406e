locals {
  # The add-ons that call AWS, each with a role of its own rather than the node's.
  addon_roles = {
    vpc-cni = {
      service_account = "aws-node"
      policy_arn      = "${local.aws_policy}/AmazonEKS_CNI_Policy"
    }
    aws-ebs-csi-driver = {
      service_account = "ebs-csi-controller-sa"
      policy_arn      = "${local.aws_policy}/service-role/AmazonEBSCSIDriverPolicy"
    }
  }

  addons_before_nodes = toset(concat(["vpc-cni", "kube-proxy"], var.pod_identity ? ["eks-pod-identity-agent"] : []))
  addons_after_nodes  = toset(["coredns", "aws-ebs-csi-driver", "metrics-server"])

  addon_configuration = {
    vpc-cni = jsonencode({
      enableNetworkPolicy = "true" # the charts' NetworkPolicies are enforced by it
      env                 = { ENABLE_PREFIX_DELEGATION = "true", WARM_PREFIX_TARGET = "1" }
    })
    coredns = jsonencode({
      replicaCount              = 2
      topologySpreadConstraints = [{ maxSkew = 1, topologyKey = "topology.kubernetes.io/zone", whenUnsatisfiable = "ScheduleAnyway", labelSelector = { matchLabels = { k8s-app = "kube-dns" } } }]
    })
    aws-ebs-csi-driver = jsonencode({ controller = { extraVolumeTags = var.tags } })
  }

  pod_identity_trust = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "PodIdentity"
      Effect    = "Allow"
      Principal = { Service = "pods.eks.amazonaws.com" }
      Action    = ["sts:AssumeRole", "sts:TagSession"]
    }]
  })

  irsa_trust = var.pod_identity ? {} : { for addon, role in local.addon_roles : addon => jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "ServiceAccount"
      Effect    = "Allow"
      Principal = { Federated = aws_iam_openid_connect_provider.this[0].arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = { StringEquals = {
        "${replace(aws_eks_cluster.this.identity[0].oidc[0].issuer, "https://", "")}:aud" = "sts.amazonaws.com"
        "${replace(aws_eks_cluster.this.identity[0].oidc[0].issuer, "https://", "")}:sub" = "system:serviceaccount:kube-system:${role.service_account}"
      } }
    }]
  }) }
}

resource "aws_iam_role" "addon" {
  for_each = local.addon_roles

  name               = "${var.name}-${each.key}"
  assume_role_policy = var.pod_identity ? local.pod_identity_trust : local.irsa_trust[each.key]

  tags = var.tags
}

resource "aws_iam_role_policy_attachment" "addon" {
  for_each = local.addon_roles

  role       = aws_iam_role.addon[each.key].name
  policy_arn = each.value.policy_arn
}

resource "aws_eks_addon" "before_nodes" {
  for_each = local.addons_before_nodes

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  addon_version               = lookup(var.addon_versions, each.key, null)
  configuration_values        = lookup(local.addon_configuration, each.key, null)
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"
  service_account_role_arn    = !var.pod_identity && contains(keys(local.addon_roles), each.key) ? aws_iam_role.addon[each.key].arn : null

  dynamic "pod_identity_association" {
    for_each = var.pod_identity && contains(keys(local.addon_roles), each.key) ? [local.addon_roles[each.key]] : []
    content {
      role_arn        = aws_iam_role.addon[each.key].arn
      service_account = pod_identity_association.value.service_account
    }
  }

  tags = var.tags

  depends_on = [aws_iam_role_policy_attachment.addon]
}

resource "aws_eks_addon" "after_nodes" {
  for_each = local.addons_after_nodes

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  addon_version               = lookup(var.addon_versions, each.key, null)
  configuration_values        = lookup(local.addon_configuration, each.key, null)
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"
  service_account_role_arn    = !var.pod_identity && contains(keys(local.addon_roles), each.key) ? aws_iam_role.addon[each.key].arn : null

  dynamic "pod_identity_association" {
    for_each = var.pod_identity && contains(keys(local.addon_roles), each.key) ? [local.addon_roles[each.key]] : []
    content {
      role_arn        = aws_iam_role.addon[each.key].arn
      service_account = pod_identity_association.value.service_account
    }
  }

  tags = var.tags

  depends_on = [aws_eks_node_group.this, aws_iam_role_policy_attachment.addon]
}
