locals {
  dimension  = local.clustered ? "DBClusterIdentifier" : "DBInstanceIdentifier"
  identifier = local.clustered ? aws_rds_cluster.this[0].cluster_identifier : aws_db_instance.this[0].identifier

  alarms = {
    cpu             = { metric = "CPUUtilization", compare = "GreaterThanThreshold", threshold = 85, periods = 15, what = "CPU above 85 percent for 15 minutes" }
    storage         = { metric = "FreeStorageSpace", compare = "LessThanThreshold", threshold = floor(var.storage_gib * 0.1) * 1073741824, periods = 5, what = "less than a tenth of the disk is free" }
    memory          = { metric = "FreeableMemory", compare = "LessThanThreshold", threshold = 268435456, periods = 15, what = "less than 256 MiB of memory are free" }
    transaction-ids = { metric = "MaximumUsedTransactionIDs", compare = "GreaterThanThreshold", threshold = 1000000000, periods = 5, what = "vacuum falls behind: half of the transaction ids are used" }
    slot-lag        = { metric = "OldestReplicationSlotLag", compare = "GreaterThanThreshold", threshold = 10737418240, periods = 15, what = "a replication slot holds back 10 GiB of WAL" }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-postgresql-${each.key}"
  alarm_description   = "PostgreSQL: ${each.value.what}"
  namespace           = "AWS/RDS"
  metric_name         = each.value.metric
  dimensions          = { (local.dimension) = local.identifier }
  statistic           = each.value.compare == "LessThanThreshold" ? "Minimum" : "Maximum"
  period              = 60
  evaluation_periods  = each.value.periods
  comparison_operator = each.value.compare
  threshold           = each.value.threshold
  treat_missing_data  = "missing"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns

  tags = var.tags
}

resource "aws_cloudwatch_metric_alarm" "replica_lag" {
  count = local.clustered ? 0 : var.read_replica_count

  alarm_name          = "${var.name}-postgresql-replica-${count.index + 1}"
  alarm_description   = "PostgreSQL: read replica ${count.index + 1} is more than 60 s behind"
  namespace           = "AWS/RDS"
  metric_name         = "ReplicaLag"
  dimensions          = { DBInstanceIdentifier = aws_db_instance.replica[count.index].identifier }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 5
  comparison_operator = "GreaterThanThreshold"
  threshold           = 60
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns

  tags = var.tags
}

resource "aws_db_event_subscription" "this" {
  count = length(var.alarm_topic_arns)

  name             = "${var.name}-postgresql-${count.index + 1}"
  sns_topic        = var.alarm_topic_arns[count.index]
  source_type      = local.clustered ? "db-cluster" : "db-instance"
  source_ids       = [local.identifier]
  event_categories = local.clustered ? ["failover", "failure", "maintenance", "notification"] : ["availability", "failover", "failure", "low storage", "maintenance", "recovery"]

  tags = var.tags
}
