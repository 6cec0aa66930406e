"""The dashboards of what Flumen stands on, by the exporters' own metrics."""

from grafana import BAD, BLUE, GOOD, GREY, WARN, Dashboard, board, instance, lines, namespace, number, runbook, table, variable

NS = 'namespace=~"$namespace"'


def postgresql():
    """postgres_exporter."""
    d = Dashboard(
        "flumen-postgresql",
        "Flumen: PostgreSQL",
        "The database as postgres_exporter sees it: connections, work, size, replication.",
        [namespace("pg_up"), instance("pg_up"), variable("datname", "Database", f"label_values(pg_database_size_bytes{{{NS}}}, datname)")],
    )
    own = f'{NS}, instance=~"$instance"'
    db = f'{own}, datname=~"$datname"'
    writer, kubernetes = board("flumen-writer", "Writer"), board("flumen-kubernetes", "Kubernetes")
    d.row("State")
    d.add(number("Up", "Whether the server answers its exporter.", "none", f"min(pg_up{{{own}}})", runbook("FlumenPostgresDown"), words={1: ("up", GOOD), 0: ("down", BAD)}), 4, 4)
    d.add(number("Connections", "In use, of max_connections.", "percentunit", f"sum(pg_stat_activity_count{{{own}}}) / sum(pg_settings_max_connections{{{own}}})", runbook("FlumenPostgresConnections"), [(None, GOOD), (0.7, WARN), (0.85, BAD)], 1), 4, 4)
    d.add(number("Size", "Of the database.", "bytes", f"sum(pg_database_size_bytes{{{db}}})", runbook("FlumenPostgresGrowsFast")), 4, 4)
    d.add(number("Longest transaction", "It holds back vacuum and the dropping of partitions.", "s", f"max(pg_stat_activity_max_tx_duration{{{db}}})", runbook("FlumenPostgresLongTransaction"), [(None, GOOD), (600, WARN), (3600, BAD)]), 4, 4)
    d.add(number("Replication lag", "Of the slowest replica.", "s", f"max(pg_replication_lag_seconds{{{own}}} and pg_replication_is_replica{{{own}}} == 1) or vector(0)", runbook("FlumenPostgresReplicationLag"), [(None, GOOD), (10, WARN), (60, BAD)]), 4, 4)
    d.add(number("Deadlocks, 24 h", "The writer tries again by itself.", "none", f"sum(increase(pg_stat_database_deadlocks{{{db}}}[24h])) or vector(0)", runbook("FlumenPostgresDeadlocks"), [(None, GOOD), (1, WARN)], 0), 4, 4)
    d.row("Work")
    d.add(lines("Rows", "Inserted, and returned to readers, a second.", "cps", [("inserted", f"sum(rate(pg_stat_database_tup_inserted{{{db}}}[$__rate_interval]))"), ("fetched", f"sum(rate(pg_stat_database_tup_fetched{{{db}}}[$__rate_interval]))"), ("deleted", f"sum(rate(pg_stat_database_tup_deleted{{{db}}}[$__rate_interval]))")], writer, colours={"inserted": BLUE}), 8)
    d.add(lines("Transactions", "Committed and rolled back, a second.", "cps", [("committed", f"sum(rate(pg_stat_database_xact_commit{{{db}}}[$__rate_interval]))"), ("rolled back", f"sum(rate(pg_stat_database_xact_rollback{{{db}}}[$__rate_interval]))")], writer, colours={"rolled back": WARN}), 8)
    d.add(lines("Connections by state", "`idle in transaction` is somebody who forgot to commit.", "short", [("{{state}}", f"sum by (state) (pg_stat_activity_count{{{db}}})")], runbook("FlumenPostgresConnections"), stacked=True), 8)
    d.add(lines("Found in memory", "Share of the blocks read that shared_buffers had.", "percentunit", [("hits", f"sum(rate(pg_stat_database_blks_hit{{{db}}}[$__rate_interval])) / (sum(rate(pg_stat_database_blks_hit{{{db}}}[$__rate_interval])) + sum(rate(pg_stat_database_blks_read{{{db}}}[$__rate_interval])))")], kubernetes, maximum=1), 8)
    d.add(lines("Temporary files", "Bytes a second: sorts and hashes that did not fit work_mem.", "Bps", [("{{datname}}", f"sum by (datname) (rate(pg_stat_database_temp_bytes{{{db}}}[$__rate_interval]))")], kubernetes), 8)
    d.add(lines("Locks", "Held, by mode.", "short", [("{{mode}}", f"sum by (mode) (pg_locks_count{{{db}}})")], runbook("FlumenDatabaseOut")), 8)
    d.row("Growth")
    d.add(lines("Size", "Of the databases.", "bytes", [("{{datname}}", f"sum by (datname) (pg_database_size_bytes{{{db}}})")], runbook("FlumenPostgresGrowsFast")), 8)
    d.add(lines("Log written ahead", "Bytes kept in pg_wal: it grows when archiving or a replica does not follow.", "bytes", [("{{instance}}", f"pg_wal_size_bytes{{{own}}}")], runbook("FlumenPostgresReplicationLag")), 8)
    d.add(lines("Checkpoints", "By time and by request, an hour; many by request mean that max_wal_size is too small for the load.", "none", [("timed", f"sum(increase(pg_stat_checkpointer_num_timed_total{{{own}}}[1h]) or increase(pg_stat_bgwriter_checkpoints_timed_total{{{own}}}[1h]))"), ("requested", f"sum(increase(pg_stat_checkpointer_num_requested_total{{{own}}}[1h]) or increase(pg_stat_bgwriter_checkpoints_req_total{{{own}}}[1h]))")], runbook("FlumenPostgresGrowsFast"), colours={"requested": WARN}), 8)
    return d


def kafka():
    """kafka_exporter, and what our own clients see."""
    d = Dashboard(
        "flumen-kafka",
        "Flumen: Kafka",
        "Brokers, topics and groups by kafka_exporter (on MSK also CloudWatch), and the same from where our own clients stand.",
        [namespace("kafka_brokers"), variable("topic", "Topic", f"label_values(kafka_topic_partitions{{{NS}}}, topic)"), variable("group", "Group", f"label_values(kafka_consumergroup_members{{{NS}}}, consumergroup)")],
    )
    topic = f'{NS}, topic=~"$topic"'
    writer, ingest = board("flumen-writer", "Writer"), board("flumen-ingest", "Ingest")
    d.row("State")
    d.add(number("Brokers", "That the exporter sees.", "none", f"max(kafka_brokers{{{NS}}})", runbook("FlumenKafkaBrokerMissing")), 4, 4)
    d.add(number("Under-replicated", "Partitions with fewer replicas in sync than they should have.", "none", f"sum(kafka_topic_partition_under_replicated_partition{{{topic}}})", runbook("FlumenKafkaUnderReplicated"), [(None, GOOD), (1, BAD)]), 4, 4)
    d.add(number("Without their preferred leader", "Partitions that another broker leads: the load is not even.", "none", f"sum(kafka_topic_partition_leader_is_preferred{{{topic}}} == bool 0)", runbook("FlumenKafkaBrokerMissing"), [(None, GOOD), (1, WARN)]), 4, 4)
    d.add(number("Members", "Of the writers' group.", "none", f'sum(kafka_consumergroup_members{{{NS}, consumergroup=~"$group"}})', writer), 4, 4)
    d.add(number("Reached by ingest", "Whether every ingest-api finds Kafka.", "none", f"min(flumen_kafka_available{{{NS}}})", runbook("FlumenIngestCannotReachKafka"), words={1: ("yes", GOOD), 0: ("no", BAD)}), 4, 4)
    d.add(number("Lag of the group", "By the offsets that Kafka was told; a signal only, the checkpoint is in PostgreSQL.", "short", f'sum(kafka_consumergroup_lag{{{NS}, consumergroup=~"$group", topic=~"$topic"}})', writer, [(None, GOOD), (10000, WARN), (1000000, BAD)]), 4, 4)
    d.row("Flow")
    d.add(lines("Records in", "Appended a second, by topic.", "cps", [("{{topic}}", f"sum by (topic) (rate(kafka_topic_partition_current_offset{{{topic}}}[$__rate_interval]))")], ingest, stacked=True), 8)
    d.add(lines("Records kept", "By topic: newest less oldest offset.", "short", [("{{topic}}", f"sum by (topic) (kafka_topic_partition_current_offset{{{topic}}} - kafka_topic_partition_oldest_offset{{{topic}}})")], writer), 8)
    d.add(lines("Lag by partition", "Of the group.", "short", [("{{topic}}/{{partition}}", f'sum by (topic, partition) (kafka_consumergroup_lag{{{NS}, consumergroup=~"$group", topic=~"$topic"}})')], runbook("FlumenLagGrowing"), stacked=True), 8)
    d.add(lines("Replicas in sync", "Least of all partitions of a topic.", "none", [("{{topic}}", f"min by (topic) (kafka_topic_partition_in_sync_replica{{{topic}}})")], runbook("FlumenKafkaUnderReplicated")), 8)
    d.row("From our side")
    d.add(lines("Brokers reached", "By process.", "none", [("{{job}} {{instance}}", f"flumen_kafka_brokers_up{{{NS}}}")], runbook("FlumenIngestCannotReachKafka")), 8)
    d.add(lines("Brokers lost", "Lost or tried to reach in vain, by process.", "none", [("{{job}} {{instance}}", f"flumen_kafka_brokers_down{{{NS}}}")], runbook("FlumenIngestCannotReachKafka")), 8)
    d.add(lines("Round trip", "To the slowest broker, 99th percentile, by process.", "s", [("{{job}} {{instance}}", f"flumen_kafka_broker_round_trip_seconds{{{NS}}}")], ingest), 8)
    d.add(lines("Acknowledgement", "From sending a request's records until all in-sync replicas have them.", "s", [(f"p{p}", f"histogram_quantile({p / 100:g}, sum by (le) (rate(flumen_kafka_ack_seconds_bucket{{{NS}}}[$__rate_interval])))") for p in (50, 99)], runbook("FlumenAcceptBudgetBurnsFast")), 8)
    return d


def nginx():
    """The seven metrics that the open exporter really has; answers by status are in the services' own."""
    d = Dashboard(
        "flumen-nginx",
        "Flumen: nginx",
        "The door. The open exporter knows connections and a total of requests; statuses come from the services behind it.",
        [namespace("nginx_up"), instance("nginx_up")],
    )
    own = f'{NS}, instance=~"$instance"'
    ingest = board("flumen-ingest", "Ingest")
    d.add(number("Up", "Whether it answers its exporter.", "none", f"min(nginx_up{{{own}}})", runbook("FlumenNginxDown"), words={1: ("up", GOOD), 0: ("down", BAD)}), 4, 8)
    d.add(lines("Connections", "What open connections do. Waiting ones are kept alive and cost little.", "short", [("reading", f"sum(nginx_connections_reading{{{own}}})"), ("writing", f"sum(nginx_connections_writing{{{own}}})"), ("waiting", f"sum(nginx_connections_waiting{{{own}}})")], ingest, stacked=True, colours={"waiting": GREY, "reading": BLUE, "writing": GOOD}), 10)
    d.add(lines("Accepted and handled", "New connections a second. A gap between the lines is connections that were dropped.", "cps", [("accepted", f"sum(rate(nginx_connections_accepted{{{own}}}[$__rate_interval]))"), ("handled", f"sum(rate(nginx_connections_handled{{{own}}}[$__rate_interval]))")], runbook("FlumenNginxDropsConnections")), 10)
    d.add(lines("Requests", "A second, all of them.", "reqps", [("{{instance}}", f"rate(nginx_http_requests_total{{{own}}}[$__rate_interval])")], ingest, stacked=True), 8)
    d.add(lines("Requests of a connection", "How well clients keep connections alive.", "none", [("requests", f"sum(rate(nginx_http_requests_total{{{own}}}[$__rate_interval])) / sum(rate(nginx_connections_accepted{{{own}}}[$__rate_interval]))")], ingest), 8)
    d.add(lines("Answers by status", "From the services behind it.", "reqps", [("{{status}}", f"sum by (status) (rate(flumen_http_requests_total{{{NS}}}[$__rate_interval]))")], ingest, stacked=True, colours={"^2..": GOOD, "^4..": WARN, "^5..": BAD}), 8)
    return d


def kubernetes():
    """kube-state-metrics, kubelet, cert-manager, Fluent Bit."""
    d = Dashboard(
        "flumen-kubernetes",
        "Flumen: Kubernetes and quotas",
        "Pods, nodes, quotas, volumes, backups, certificates and the pipeline of the logs.",
        [variable("namespace", "Namespace", 'label_values(kube_pod_info{namespace=~"flumen.*"}, namespace)')],
    )
    overview = board("flumen-overview", "Overview")
    d.row("Pods")
    d.add(lines("Pods that are missing", "Asked for and not available.", "none", [("{{deployment}}", f"kube_deployment_spec_replicas{{{NS}}} - on (namespace, deployment) kube_deployment_status_replicas_available{{{NS}}}")], runbook("FlumenReplicasMissing")), 8)
    d.add(lines("Restarts", "In an hour, by pod.", "none", [("{{pod}}/{{container}}", f"increase(kube_pod_container_status_restarts_total{{{NS}}}[1h]) > 0 or on () vector(0)")], runbook("FlumenPodCrashLooping")), 8)
    d.add(lines("Replicas of the autoscalers", "Now and at most.", "none", [("{{horizontalpodautoscaler}}", f"kube_horizontalpodautoscaler_status_current_replicas{{{NS}}}"), ("most {{horizontalpodautoscaler}}", f"kube_horizontalpodautoscaler_spec_max_replicas{{{NS}}}")], runbook("FlumenScaledToTheMost")), 8)
    d.add(lines("Processor", "Cores used by container.", "none", [("{{pod}}/{{container}}", f'sum by (pod, container) (rate(container_cpu_usage_seconds_total{{{NS}, container!=""}}[$__rate_interval]))')], overview), 8)
    d.add(lines("Throttled", "Share of the time in which a container wanted the processor and was not let.", "percentunit", [("{{pod}}/{{container}}", f"sum by (pod, container) (rate(container_cpu_cfs_throttled_periods_total{{{NS}}}[$__rate_interval])) / sum by (pod, container) (rate(container_cpu_cfs_periods_total{{{NS}}}[$__rate_interval]))")], runbook("FlumenAcceptBudgetBurnsFast")), 8)
    d.add(lines("Memory", "Working set by container; at its limit it is killed.", "bytes", [("{{pod}}/{{container}}", f'sum by (pod, container) (container_memory_working_set_bytes{{{NS}, container!=""}})')], runbook("FlumenPodCrashLooping")), 8)
    d.row("Quotas and room")
    d.add(lines("Quotas", "Share that is used; at 1 no new pod is let in.", "percentunit", [("{{namespace}} {{resource}}", f'kube_resourcequota{{{NS}, type="used"}} / ignoring (type) (kube_resourcequota{{{NS}, type="hard"}} > 0)')], runbook("FlumenQuotaNearlyFull"), maximum=1, thresholds=[(None, GOOD), (0.9, BAD)]), 8)
    d.add(lines("Volumes", "Share that is left.", "percentunit", [("{{persistentvolumeclaim}}", f"kubelet_volume_stats_available_bytes{{{NS}}} / kubelet_volume_stats_capacity_bytes{{{NS}}}")], runbook("FlumenVolumeFilling"), maximum=1, thresholds=[(None, BAD), (0.15, GOOD)]), 8)
    d.add(lines("Nodes", "By condition; only Ready should be there.", "none", [("{{condition}}", 'sum by (condition) (kube_node_status_condition{status="true"})')], runbook("FlumenNodeNotReady")), 8)
    d.row("Safety")
    d.add(table("Backups", "Age of the last good run of each job.", "s", f'time() - max by (namespace, cronjob) (kube_cronjob_status_last_successful_time{{{NS}}})', runbook("FlumenBackupTooOld"), {"Value": "age"}), 8)
    d.add(table("Certificates", "Time until they expire.", "s", "sort(certmanager_certificate_expiration_timestamp_seconds - time())", runbook("FlumenCertificateExpires"), {"Value": "left"}), 8)
    d.add(lines("Log lines", "Delivered, tried again, and lost, a second.", "cps", [("delivered {{name}}", "sum by (name) (rate(fluentbit_output_proc_records_total[$__rate_interval]))"), ("tried again {{name}}", "sum by (name) (rate(fluentbit_output_retries_total[$__rate_interval]))"), ("lost {{name}}", "sum by (name) (rate(fluentbit_output_dropped_records_total[$__rate_interval]))")], runbook("FlumenLogsFailing"), colours={"lost.*": BAD}), 8)
    return d
