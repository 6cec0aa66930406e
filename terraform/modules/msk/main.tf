# Kafka. Three copies of every record, two of which must confirm before ingest-api says 202; TLS everywhere; no public access,
# no unauthenticated access, no topics by accident.

locals {
  provisioned = var.kind == "provisioned"
  cluster_arn = local.provisioned ? aws_msk_cluster.this[0].arn : aws_msk_serverless_cluster.this[0].arn
  scram       = local.provisioned && var.authentication.scram

  server_properties = merge(
    {
      "auto.create.topics.enable"      = "false"
      "default.replication.factor"     = "3"
      "min.insync.replicas"            = "2"
      "unclean.leader.election.enable" = "false"
      "num.partitions"                 = "12"
      "log.retention.hours"            = "168"
      "message.max.bytes"              = tostring(var.max_message_bytes)
      "replica.fetch.max.bytes"        = tostring(var.max_message_bytes)
      "compression.type"               = "producer"
      # The writer keeps its place in PostgreSQL; the broker's copy only feeds lag tools, so it may not expire while the writer is down.
      "offsets.retention.minutes" = "43200"
    },
    var.deny_without_acl ? { "allow.everyone.if.no.acl.found" = "false" } : {},
  )
}

resource "aws_cloudwatch_log_group" "brokers" {
  count = local.provisioned ? 1 : 0

  name              = "/flumen/${var.name}/msk"
  retention_in_days = 365
  kms_key_id        = var.logs_kms_key_arn

  tags = var.tags
}

resource "aws_msk_configuration" "this" {
  count = local.provisioned ? 1 : 0

  name              = var.name
  kafka_versions    = [var.kafka_version]
  server_properties = join("\n", [for key in sort(keys(local.server_properties)) : "${key}=${local.server_properties[key]}"])

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_msk_cluster" "this" {
  count = local.provisioned ? 1 : 0

  cluster_name           = var.name
  kafka_version          = var.kafka_version
  number_of_broker_nodes = var.broker_count
  enhanced_monitoring    = "PER_TOPIC_PER_BROKER"

  broker_node_group_info {
    instance_type   = var.instance_type
    client_subnets  = var.subnet_ids
    security_groups = [var.security_group_id]
    az_distribution = "DEFAULT"

    connectivity_info {
      public_access {
        type = "DISABLED"
      }
    }

    storage_info {
      ebs_storage_info {
        volume_size = var.volume_gib
      }
    }
  }

  configuration_info {
    arn      = aws_msk_configuration.this[0].arn
    revision = aws_msk_configuration.this[0].latest_revision
  }

  client_authentication {
    unauthenticated = false

    sasl {
      iam   = var.authentication.iam
      scram = var.authentication.scram
    }

    dynamic "tls" {
      for_each = length(var.authentication.tls_cas) > 0 ? [var.authentication.tls_cas] : []
      content {
        certificate_authority_arns = tls.value
      }
    }
  }

  encryption_info {
    encryption_at_rest_kms_key_arn = var.kms_key_arn

    encryption_in_transit {
      client_broker = "TLS"
      in_cluster    = true
    }
  }

  open_monitoring {
    prometheus {
      jmx_exporter {
        enabled_in_broker = var.open_monitoring
      }
      node_exporter {
        enabled_in_broker = var.open_monitoring
      }
    }
  }

  logging_info {
    broker_logs {
      cloudwatch_logs {
        enabled   = true
        log_group = aws_cloudwatch_log_group.brokers[0].name
      }
    }
  }

  tags = var.tags

  lifecycle {
    prevent_destroy = true                                                                        # holds what is accepted and not stored yet
    ignore_changes  = [broker_node_group_info[0].storage_info[0].ebs_storage_info[0].volume_size] # grown by autoscaling
  }
}

resource "aws_msk_serverless_cluster" "this" {
  count = local.provisioned ? 0 : 1

  cluster_name = var.name

  vpc_config {
    subnet_ids         = var.subnet_ids
    security_group_ids = [var.security_group_id]
  }

  client_authentication {
    sasl {
      iam {
        enabled = true
      }
    }
  }

  tags = var.tags

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_msk_scram_secret_association" "this" {
  count = local.scram && length(var.scram_secret_arns) > 0 ? 1 : 0

  cluster_arn     = aws_msk_cluster.this[0].arn
  secret_arn_list = values(var.scram_secret_arns)
}

# The topic API exists on provisioned clusters; on MSK Serverless `flumen provision` makes the topics.
resource "aws_msk_topic" "this" {
  for_each = local.provisioned ? var.topics : {}

  cluster_arn        = aws_msk_cluster.this[0].arn
  name               = each.key
  partition_count    = each.value.partitions
  replication_factor = 3

  configs = jsonencode(merge(
    {
      "retention.ms"                   = tostring(each.value.retention_hours * 3600000)
      "cleanup.policy"                 = "delete"
      "min.insync.replicas"            = "2"
      "max.message.bytes"              = tostring(var.max_message_bytes)
      "unclean.leader.election.enable" = "false"
    },
    each.value.configs,
  ))

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_appautoscaling_target" "storage" {
  count = local.provisioned && var.volume_max_gib > var.volume_gib ? 1 : 0

  service_namespace  = "kafka"
  resource_id        = aws_msk_cluster.this[0].arn
  scalable_dimension = "kafka:broker-storage:VolumeSize"
  min_capacity       = 1
  max_capacity       = var.volume_max_gib

  tags = var.tags
}

resource "aws_appautoscaling_policy" "storage" {
  count = local.provisioned && var.volume_max_gib > var.volume_gib ? 1 : 0

  name               = "${var.name}-broker-storage"
  service_namespace  = aws_appautoscaling_target.storage[0].service_namespace
  resource_id        = aws_appautoscaling_target.storage[0].resource_id
  scalable_dimension = aws_appautoscaling_target.storage[0].scalable_dimension
  policy_type        = "TargetTrackingScaling"

  target_tracking_scaling_policy_configuration {
    target_value     = 70
    disable_scale_in = true

    predefined_metric_specification {
      predefined_metric_type = "KafkaBrokerStorageUtilization"
    }
  }
}
