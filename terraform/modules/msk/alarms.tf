locals {
  # CloudWatch sees what Prometheus in the cluster cannot when the cluster itself is in trouble.
  cluster_alarms = local.provisioned ? {
    offline-partitions = { metric = "OfflinePartitionsCount", statistic = "Maximum", threshold = 0, periods = 3, what = "partitions without a leader: producers get 503" }
    active-controller  = { metric = "ActiveControllerCount", statistic = "Average", threshold = 1, periods = 5, what = "more than one controller claims the cluster" }
  } : {}

  broker_alarms = local.provisioned ? merge([for broker in range(1, var.broker_count + 1) : {
    "disk-${broker}"             = { metric = "KafkaDataLogsDiskUsed", broker = broker, threshold = 85, periods = 2, what = "disk of broker ${broker} is 85 percent full" }
    "under-replicated-${broker}" = { metric = "UnderReplicatedPartitions", broker = broker, threshold = 0, periods = 15, what = "broker ${broker} has partitions with a replica missing for 15 minutes" }
    "cpu-${broker}"              = { metric = "CpuUser", broker = broker, threshold = 60, periods = 15, what = "broker ${broker} has no CPU left for the loss of another" }
  }]...) : {}
}

resource "aws_cloudwatch_metric_alarm" "cluster" {
  for_each = local.cluster_alarms

  alarm_name          = "${var.name}-kafka-${each.key}"
  alarm_description   = "Kafka: ${each.value.what}"
  namespace           = "AWS/Kafka"
  metric_name         = each.value.metric
  dimensions          = { "Cluster Name" = aws_msk_cluster.this[0].cluster_name }
  statistic           = each.value.statistic
  period              = 60
  evaluation_periods  = each.value.periods
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "missing"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns

  tags = var.tags
}

resource "aws_cloudwatch_metric_alarm" "broker" {
  for_each = local.broker_alarms

  alarm_name          = "${var.name}-kafka-${each.key}"
  alarm_description   = "Kafka: ${each.value.what}"
  namespace           = "AWS/Kafka"
  metric_name         = each.value.metric
  dimensions          = { "Cluster Name" = aws_msk_cluster.this[0].cluster_name, "Broker ID" = tostring(each.value.broker) }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = each.value.periods
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "breaching" # a broker that says nothing is in trouble
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns

  tags = var.tags
}

# How old the oldest record is that the writer has not read.
resource "aws_cloudwatch_metric_alarm" "lag" {
  for_each = local.provisioned ? var.topics : {}

  alarm_name          = "${var.name}-kafka-lag-${each.key}"
  alarm_description   = "Kafka: ${var.consumer_group} is more than ${var.max_lag_seconds} s behind on ${each.key}"
  namespace           = "AWS/Kafka"
  metric_name         = "EstimatedMaxTimeLag"
  dimensions          = { "Cluster Name" = aws_msk_cluster.this[0].cluster_name, "Consumer Group" = var.consumer_group, Topic = each.key }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 5
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.max_lag_seconds
  treat_missing_data  = "missing"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns

  tags = var.tags
}
