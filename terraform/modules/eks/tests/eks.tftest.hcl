mock_provider "aws" {
  override_during = plan

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/mock" }
  }
  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::111122223333:oidc-provider/oidc-eks.eu-central-1.api.aws/id/MOCK" }
  }
  mock_resource "aws_eks_cluster" {
    defaults = {
      arn                   = "arn:aws:eks:eu-central-1:111122223333:cluster/flumen-test"
      endpoint              = "https://mock"
      certificate_authority = [{ data = "bW9jaw==" }]
      identity              = [{ oidc = [{ issuer = "https://oidc-eks.eu-central-1.api.aws/id/MOCK" }] }]
    }
  }
}

variables {
  name                            = "flumen-test"
  subnet_ids                      = ["subnet-a", "subnet-b", "subnet-c"]
  control_plane_security_group_id = "sg-control"
  node_security_group_id          = "sg-nodes"
  kms_key_arn                     = "arn:aws:kms:eu-central-1:111122223333:key/eks"
  logs_kms_key_arn                = "arn:aws:kms:eu-central-1:111122223333:key/logs"
  access_entries = {
    admins = { principal_arn = "arn:aws:iam::111122223333:role/admins", policy = "ClusterAdmin" }
    smoke  = { principal_arn = "arn:aws:iam::111122223333:role/smoke", kubernetes_groups = ["flumen:smoke"] }
    team   = { principal_arn = "arn:aws:iam::111122223333:role/team", policy = "View", namespaces = ["flumen"] }
  }
  node_groups = {
    general = { instance_types = ["m7g.large"], min_size = 3, max_size = 9 }
  }
}

run "private_encrypted_logged_and_in_standard_support" {
  command = plan

  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_public_access == false && aws_eks_cluster.this.vpc_config[0].endpoint_private_access
    error_message = "the API is public by default"
  }
  assert {
    condition     = aws_eks_cluster.this.encryption_config[0].resources == toset(["secrets"]) && aws_eks_cluster.this.encryption_config[0].provider[0].key_arn == var.kms_key_arn
    error_message = "Secrets are not encrypted by our key"
  }
  assert {
    condition     = length(aws_eks_cluster.this.enabled_cluster_log_types) == 5 && aws_cloudwatch_log_group.control_plane.retention_in_days == 365
    error_message = "a log of the control plane is missing"
  }
  assert {
    condition     = aws_eks_cluster.this.upgrade_policy[0].support_type == "STANDARD" && aws_eks_cluster.this.deletion_protection
    error_message = "extended support would be charged, or the cluster can be deleted by mistake"
  }
}

run "access_by_entries_only" {
  command = plan

  assert {
    condition     = aws_eks_cluster.this.access_config[0].authentication_mode == "API" && aws_eks_cluster.this.access_config[0].bootstrap_cluster_creator_admin_permissions == false
    error_message = "the creator is an admin for ever, or aws-auth is read"
  }
  assert {
    condition     = length(aws_eks_access_entry.this) == 3 && length(aws_eks_access_policy_association.this) == 2
    error_message = "an entry with groups alone must not get an access policy"
  }
  assert {
    condition     = aws_eks_access_policy_association.this["admins"].policy_arn == "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy" && aws_eks_access_policy_association.this["team"].access_scope[0].type == "namespace"
    error_message = "scopes mixed up"
  }
}

run "network_and_identity_come_before_the_nodes" {
  command = plan

  assert {
    condition     = toset(keys(aws_eks_addon.before_nodes)) == toset(["vpc-cni", "kube-proxy", "eks-pod-identity-agent"])
    error_message = "nodes would not get ready"
  }
  assert {
    condition     = jsondecode(aws_eks_addon.before_nodes["vpc-cni"].configuration_values).enableNetworkPolicy == "true"
    error_message = "NetworkPolicies would be decoration"
  }
  assert {
    condition     = one(aws_eks_addon.before_nodes["vpc-cni"].pod_identity_association).service_account == "aws-node" && aws_eks_addon.before_nodes["vpc-cni"].service_account_role_arn == null
    error_message = "the CNI has no role by Pod Identity"
  }
  assert {
    condition     = length(aws_iam_openid_connect_provider.this) == 0
    error_message = "Pod Identity needs no OIDC provider"
  }
}

run "irsa_by_switch" {
  command = plan
  variables { pod_identity = false }

  assert {
    condition     = toset(keys(aws_eks_addon.before_nodes)) == toset(["vpc-cni", "kube-proxy"]) && length(aws_iam_openid_connect_provider.this) == 1
    error_message = "IRSA needs the provider and not the agent"
  }
  assert {
    condition     = jsondecode(aws_iam_role.addon["vpc-cni"].assume_role_policy).Statement[0].Condition.StringEquals["oidc-eks.eu-central-1.api.aws/id/MOCK:sub"] == "system:serviceaccount:kube-system:aws-node"
    error_message = "any service account could take the CNI's role"
  }
}

run "nodes_hold_no_more_than_they_need" {
  command = plan

  assert {
    condition     = aws_launch_template.node["general"].metadata_options[0].http_tokens == "required" && aws_launch_template.node["general"].metadata_options[0].http_put_response_hop_limit == 1
    error_message = "pods reach the node's credentials"
  }
  assert {
    condition     = aws_launch_template.node["general"].block_device_mappings[0].ebs[0].encrypted == "true" && aws_launch_template.node["general"].vpc_security_group_ids == toset(["sg-nodes"])
    error_message = "disks in the clear, or nodes outside of their security group"
  }
  assert {
    condition     = toset(keys(aws_iam_role_policy_attachment.node)) == toset(["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"])
    error_message = "nodes have more rights than joining and pulling"
  }
}

run "public_api_for_named_ranges" {
  command = plan
  variables { public_access_cidrs = ["203.0.113.7/32"] }

  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_public_access && aws_eks_cluster.this.vpc_config[0].public_access_cidrs == toset(["203.0.113.7/32"])
    error_message = "the allow-list is not applied"
  }
}

run "refuses_the_whole_internet" {
  command = plan
  variables { public_access_cidrs = ["0.0.0.0/0"] }
  expect_failures = [var.public_access_cidrs]
}

run "refuses_a_cluster_without_admin" {
  command = plan
  variables { access_entries = { smoke = { principal_arn = "arn:aws:iam::111122223333:role/smoke", kubernetes_groups = ["flumen:smoke"] } } }
  expect_failures = [var.access_entries]
}

run "refuses_a_version_out_of_support" {
  command = plan
  variables { kubernetes_version = "1.29" }
  expect_failures = [var.kubernetes_version]
}

run "refuses_an_empty_node_group" {
  command = plan
  variables { node_groups = { general = { instance_types = ["m7g.large"], min_size = 3, max_size = 2 } } }
  expect_failures = [var.node_groups]
}
