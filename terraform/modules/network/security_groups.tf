# Security groups allow the paths of the design and no others:
#
#   outside -> load_balancer -> nodes -> database    5432
#                                  | \-> kafka       9098 (IAM), 9096 (SCRAM), 9094 (mTLS)
#                                  | \-> endpoints   443
#                                  \---> internet    443
#   control_plane <-> nodes
#
# DNS, time and instance metadata of AWS do not pass security groups.

locals {
  security_groups = {
    load_balancer = "Public load balancer: HTTPS in, public listeners of the APIs out"
    control_plane = "EKS control plane: API in from nodes, kubelet and webhooks out"
    nodes         = "Nodes and pods"
    database      = "PostgreSQL: in from nodes only, nothing out"
    kafka         = "Kafka: in from nodes only, nothing out"
    endpoints     = "Interface endpoints: HTTPS in from nodes only"
  }

  # Ports on which the control plane calls pods: kubelet, metrics-server, and the webhooks of the platform.
  control_plane_to_nodes = { https = 443, metrics-server = 4443, webhook-8443 = 8443, webhook-9443 = 9443, kubelet = 10250, metrics-server-eks = 10251, webhook-6443 = 6443 }

  ingress = merge(
    { for cidr in var.load_balancer_cidrs : "load_balancer https ${cidr}" => { group = "load_balancer", cidr = cidr, port = 443, what = "HTTPS from ${cidr}" } },
    { for cidr in var.load_balancer_cidrs : "load_balancer http ${cidr}" => { group = "load_balancer", cidr = cidr, port = 80, what = "HTTP from ${cidr}, answered by a redirect to HTTPS" } },
    { for name, port in var.load_balancer_target_ports : "nodes ${name}" => { group = "nodes", from = "load_balancer", port = port, what = "${name} from the load balancer" } },
    { for name, port in local.control_plane_to_nodes : "nodes ${name}" => { group = "nodes", from = "control_plane", port = port, what = "${name} from the control plane" } },
    { "control_plane api" = { group = "control_plane", from = "nodes", port = 443, what = "Kubernetes API from nodes" } },
    { "database postgresql" = { group = "database", from = "nodes", port = 5432, what = "PostgreSQL from nodes" } },
    { for name, port in var.kafka_ports : "kafka ${name}" => { group = "kafka", from = "nodes", port = port, what = "Kafka ${name} from nodes" } },
    { "endpoints https" = { group = "endpoints", from = "nodes", port = 443, what = "AWS APIs from nodes" } },
  )

  egress = merge(
    { for name, port in var.load_balancer_target_ports : "load_balancer ${name}" => { group = "load_balancer", to = "nodes", port = port, what = "${name} on nodes" } },
    { for name, port in local.control_plane_to_nodes : "control_plane ${name}" => { group = "control_plane", to = "nodes", port = port, what = "${name} on nodes" } },
    { "nodes api" = { group = "nodes", to = "control_plane", port = 443, what = "Kubernetes API" } },
    { "nodes postgresql" = { group = "nodes", to = "database", port = 5432, what = "PostgreSQL" } },
    { for name, port in var.kafka_ports : "nodes kafka ${name}" => { group = "nodes", to = "kafka", port = port, what = "Kafka ${name}" } },
    { "nodes endpoints" = { group = "nodes", to = "endpoints", port = 443, what = "AWS APIs" } },
    { for name, port in var.node_egress_ports : "nodes internet ${name}" => { group = "nodes", cidr = "0.0.0.0/0", port = port, what = "${name} to the internet" } },
  )
}

resource "aws_security_group" "this" {
  for_each = local.security_groups

  name        = "${var.name}-${replace(each.key, "_", "-")}"
  description = each.value
  vpc_id      = aws_vpc.this.id

  tags = merge(var.tags, { Name = "${var.name}-${replace(each.key, "_", "-")}" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each = local.ingress

  security_group_id            = aws_security_group.this[each.value.group].id
  referenced_security_group_id = try(aws_security_group.this[each.value.from].id, null)
  cidr_ipv4                    = try(each.value.cidr, null)
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  description                  = each.value.what

  tags = var.tags
}

resource "aws_vpc_security_group_egress_rule" "this" {
  for_each = local.egress

  security_group_id            = aws_security_group.this[each.value.group].id
  referenced_security_group_id = try(aws_security_group.this[each.value.to].id, null)
  cidr_ipv4                    = try(each.value.cidr, null)
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  description                  = each.value.what

  tags = var.tags
}

# Pods talk to pods on any node; inside the cluster NetworkPolicies draw the lines.
resource "aws_vpc_security_group_ingress_rule" "nodes_self" {
  security_group_id            = aws_security_group.this["nodes"].id
  referenced_security_group_id = aws_security_group.this["nodes"].id
  ip_protocol                  = "-1"
  description                  = "Pod to pod; NetworkPolicies decide further"

  tags = var.tags
}

resource "aws_vpc_security_group_egress_rule" "nodes_self" {
  security_group_id            = aws_security_group.this["nodes"].id
  referenced_security_group_id = aws_security_group.this["nodes"].id
  ip_protocol                  = "-1"
  description                  = "Pod to pod; NetworkPolicies decide further"

  tags = var.tags
}

# Image layers come from S3 through the gateway endpoint, whose addresses are public ones.
resource "aws_vpc_security_group_egress_rule" "nodes_s3" {
  security_group_id = aws_security_group.this["nodes"].id
  prefix_list_id    = aws_vpc_endpoint.s3.prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "S3 through the gateway endpoint"

  tags = var.tags
}
