"""The dashboards of our own services."""

from grafana import (
    BAD,
    BLUE,
    GOOD,
    GREY,
    VIOLET,
    WARN,
    Dashboard,

    board,
    heat,
    instance,
    lines,
    namespace,
    number,
    quantiles,
    runbook,
    table,
    variable,
)

NS = 'namespace=~"$namespace"'
INGEST = f'{NS}, job=~".*ingest-api.*", instance=~"$instance"'
WRITER = f'{NS}, instance=~"$instance"'
QUERY = f'{NS}, job=~".*query-api.*", instance=~"$instance"'
STATUS = {"^2..": GOOD, "^4..": WARN, "^5..": BAD, "^3..": GREY}
OUTCOMES = {"accepted": GOOD, "rejected": WARN, "saturated": VIOLET, "unavailable|not-acknowledged|refused": BAD}
UP = {1: ("up", GOOD), 0: ("down", BAD)}


def rate(metric, matchers, by=""):
    """The rate of a counter, summed."""
    group = f" by ({by})" if by else ""
    return f"sum{group} (rate({metric}{{{matchers}}}[$__rate_interval]))"


def overview():
    """What an operator asks first."""
    d = Dashboard(
        "flumen-overview",
        "Flumen: overview",
        "Is everything that is accepted stored, and how soon? Begin here; every panel leads on to where the cause can be seen.",
        [namespace("flumen_build_info")],
    )
    to_ingest, to_writer, to_query = board("flumen-ingest", "Ingest"), board("flumen-writer", "Writer"), board("flumen-query", "Query")
    d.row("Now")
    d.add(number("Accepted", "Events a second that producers were told are safe.", "cps", f'sum(rate(flumen_ingest_events_total{{{NS}, outcome="accepted"}}[$__rate_interval]))', to_ingest), 4, 4)
    d.add(number("Stored", "Events a second that became rows. Over time the same as accepted, without what was sent twice.", "cps", f"sum(rate(flumen_writer_rows_total{{{NS}}}[$__rate_interval]))", to_writer), 4, 4)
    d.add(number("Lag", "Records in Kafka that are not rows yet.", "short", f"sum(flumen_writer_lag_records{{{NS}}})", to_writer, [(None, GOOD), (10000, WARN), (1000000, BAD)]), 4, 4)
    d.add(number("Age", "How long the oldest of them waits. Alarm above a minute.", "s", f"max(flumen_writer_age_seconds{{{NS}}})", to_writer, [(None, GOOD), (5, WARN), (60, BAD)]), 4, 4)
    d.add(number("Dead letters, 24 h", "Records that could not become rows within a day.", "short", f"sum(increase(flumen_writer_dead_letters_total{{{NS}}}[24h])) or vector(0)", runbook("FlumenDeadLetters"), [(None, GOOD), (1, WARN), (1000, BAD)], 0), 4, 4)
    d.add(number("Database", "Whether the writer can write.", "none", f"max(flumen_writer_database_outage{{{NS}}})", board("flumen-postgresql", "PostgreSQL"), words={0: ("writes", GOOD), 1: ("out", BAD)}), 4, 4)
    d.row("The promises")
    d.add(number("Accepted in time, 24 h", "Requests acknowledged within 250 ms; the promise is 99.9 %.", "percentunit", "1 - avg(flumen:accept_errors:ratio_rate1d)", runbook("FlumenAcceptBudgetBurnsFast"), [(None, BAD), (0.999, GOOD)], 3), 4, 7)
    d.add(number("Readable in time, 24 h", "Events readable within 5 s; the promise is 99.9 %.", "percentunit", "1 - avg(flumen:readable_late:ratio_rate1d)", runbook("FlumenReadableBudgetBurnsFast"), [(None, BAD), (0.999, GOOD)], 3), 4, 7)
    d.add(lines("Use of the error budgets", "How fast the month's budget is used: at 1 it lasts for the month, at 14.4 for two days.", "none", [("accept, 1 h", "max(flumen:accept_errors:ratio_rate1h) / 0.001"), ("readable, 1 h", "max(flumen:readable_late:ratio_rate1h) / 0.001"), ("accept, 5 m", "max(flumen:accept_errors:ratio_rate5m) / 0.001"), ("readable, 5 m", "max(flumen:readable_late:ratio_rate5m) / 0.001")], runbook("FlumenAcceptBudgetBurnsFast"), thresholds=[(None, GOOD), (14.4, BAD)]), 16, 7)
    d.row("The path of an event")
    d.add(lines("Accepted and stored", "Both lines lie on each other when all is well; stored below accepted means that lag grows.", "cps", [("accepted", "sum(flumen:accepted_events:rate1m{" + NS + "})"), ("stored", "sum(flumen:stored_events:rate1m{" + NS + "})"), ("dead letters", f"sum(rate(flumen_writer_dead_letters_total{{{NS}}}[$__rate_interval]))")], to_writer, colours={"accepted": BLUE, "stored": GOOD, "dead letters": BAD}), 12)
    d.add(lines("Lag and age", "Records that wait in Kafka, and for how long the oldest does.", "short", [("lag, records", "sum(flumen:lag_records:sum{" + NS + "})"), ("age, seconds", "max(flumen:age_seconds:max{" + NS + "})")], to_writer), 12)
    d.add(lines("Answers to producers", "By status. 503 asks them to come again, 4xx is a mistake of theirs.", "reqps", [("{{status}}", rate("flumen_http_requests_total", f'{NS}, job=~".*ingest-api.*"', "status"))], to_ingest, stacked=True, colours=STATUS), 8)
    d.add(lines("Answers to readers", "By status.", "reqps", [("{{status}}", rate("flumen_http_requests_total", f'{NS}, job=~".*query-api.*"', "status"))], to_query, stacked=True, colours=STATUS), 8)
    d.add(lines("Time until accepted", "From the first record of a request to the last acknowledgement.", "s", quantiles("flumen_ingest_ack_seconds", NS), to_ingest), 8)
    d.row("What runs")
    d.add(table("Processes", "Versions that run now. Two of one service are a release under way.", "none", f"sum by (service, version, revision, namespace) (flumen_build_info{{{NS}}})", board("flumen-kubernetes", "Kubernetes"), {"Value": "processes"}), 10, 7)
    d.add(lines("Processes that answer", "Targets that Prometheus could scrape, by job.", "none", [("{{job}}", f'sum by (job) (up{{{NS}, job=~".*(ingest-api|writer|query-api|alert-relay).*"}})')], board("flumen-kubernetes", "Kubernetes")), 7, 7)
    d.add(table("Alerts", "What is raised now.", "none", f'ALERTS{{alertname=~"Flumen.*", alertstate="firing", severity=~"page|ticket"}} or on () vector(0)', runbook("README"), hidden=("Time", "Value", "__name__")), 7, 7)
    return d


def ingest():
    """Producers' side."""
    d = Dashboard(
        "flumen-ingest",
        "Flumen: ingest",
        "Who sends what, what is answered and how fast; slow and outlying applications and routes.",
        [namespace("flumen_ingest_events_total"), instance("flumen_ingest_events_total"), variable("application", "Application", 'label_values(flumen_ingest_source_events_total{namespace=~"$namespace"}, source)')],
    )
    app = f'{NS}, instance=~"$instance", source=~"$application"'
    kafka = board("flumen-kafka", "Kafka")
    d.row("Events")
    d.add(lines("Events by application", "Accepted events by source, the twelve largest. Sources beyond the limit of series are counted as `other`.", "cps", [("{{source}}", f'topk(12, sum by (source) (rate(flumen_ingest_source_events_total{{{app}, outcome="accepted"}}[$__rate_interval])))')], board("flumen-overview", "Overview"), stacked=True), 12)
    d.add(lines("Events by outcome", "What became of all events of all requests.", "cps", [("{{outcome}}", rate("flumen_ingest_events_total", f'{NS}, instance=~"$instance"', "outcome"))], runbook("FlumenIngestRefuses"), stacked=True, colours=OUTCOMES), 12)
    d.add(table("Outlying applications", "Share of events that were not accepted, by application: the first is most likely the one that calls.", "percentunit", f'topk(10, sum by (source) (rate(flumen_ingest_source_events_total{{{app}, outcome!="accepted"}}[15m])) / sum by (source) (rate(flumen_ingest_source_events_total{{{app}}}[15m])))', runbook("FlumenProducerRejected"), {"Value": "not accepted"}), 8)
    d.add(lines("Rejected events", "By what is wrong with them.", "cps", [("{{kind}}", f'sum by (kind) (rate(flumen_ingest_rejected_events_total{{{NS}, instance=~"$instance"}}[$__rate_interval])) > 0 or on () vector(0)')], runbook("FlumenProducerRejected")), 8)
    d.add(heat("Events of one request", "Producers that batch cost a tenth of those that do not.", "short", f'sum by (le) (increase(flumen_ingest_events_per_request_bucket{{{NS}, instance=~"$instance"}}[$__rate_interval]))', board("flumen-overview", "Overview")), 8)
    d.row("Requests")
    d.add(lines("Share of answers", "Of all answers, by status.", "percentunit", [("{{status}}", f"sum by (status) (rate(flumen_http_requests_total{{{INGEST}}}[$__rate_interval])) / on () group_left sum(rate(flumen_http_requests_total{{{INGEST}}}[$__rate_interval]))")], runbook("FlumenIngestRefuses"), stacked=True, colours=STATUS, maximum=1), 8)
    d.add(heat("Time until accepted", "From the first record of a request to the last acknowledgement.", "s", f'sum by (le) (increase(flumen_ingest_ack_seconds_bucket{{{NS}, instance=~"$instance"}}[$__rate_interval]))', runbook("FlumenAcceptBudgetBurnsFast")), 8)
    d.add(lines("Time of a request", "From its head to the head of its answer; a slow upload is in it.", "s", quantiles("flumen_http_request_seconds", INGEST), runbook("FlumenAcceptBudgetBurnsFast")), 8)
    d.add(table("Slowest routes", "The 99th percentile by route over 15 minutes.", "s", f"topk(10, histogram_quantile(0.99, sum by (route, le) (rate(flumen_http_request_seconds_bucket{{{INGEST}}}[15m]))))", board("flumen-overview", "Overview"), {"Value": "p99"}), 8)
    d.add(lines("Slowest processes", "The 99th percentile of acknowledgement by process: one that stands out is ill itself.", "s", [("{{instance}}", f'topk(8, histogram_quantile(0.99, sum by (instance, le) (rate(flumen_ingest_ack_seconds_bucket{{{NS}, instance=~"$instance"}}[$__rate_interval]))))')], board("flumen-kubernetes", "Kubernetes")), 8)
    d.add(lines("Requests being worked on", "By process.", "short", [("{{instance}}", f"flumen_http_requests_in_flight{{{INGEST}}}")], runbook("FlumenIngestSaturated")), 8)
    d.row("Bounds")
    d.add(lines("Bytes in flight", "Bodies that are read or wait for their acknowledgement; beyond `body.max_in_flight_bytes` producers get 503.", "bytes", [("{{instance}}", f'flumen_ingest_in_flight_bytes{{{NS}, instance=~"$instance"}}')], runbook("FlumenIngestSaturated")), 6)
    d.add(lines("Queue to Kafka", "Bytes that wait for their acknowledgement.", "bytes", [("{{instance}}", f'flumen_kafka_queue_bytes{{{NS}, instance=~"$instance"}}')], kafka), 6)
    d.add(lines("Bodies", "Bytes of bodies a second, unpacked.", "Bps", [("unpacked", rate("flumen_ingest_body_bytes_total", f'{NS}, instance=~"$instance"'))], board("flumen-overview", "Overview")), 6)
    d.add(lines("Processor and memory", "Cores used and resident bytes, by process.", "none", [("cores {{instance}}", f"rate(process_cpu_seconds_total{{{INGEST}}}[$__rate_interval])")], board("flumen-kubernetes", "Kubernetes")), 6)
    d.add(lines("Resident memory", "By process; bounded by its settings.", "bytes", [("{{instance}}", f"process_resident_memory_bytes{{{INGEST}}}")], board("flumen-kubernetes", "Kubernetes")), 6)
    d.add(lines("Open files", "By process, connections among them.", "short", [("{{instance}}", f"process_open_fds{{{INGEST}}}")], board("flumen-kubernetes", "Kubernetes")), 6)
    d.add(lines("Records to Kafka", "By what became of them.", "cps", [("{{outcome}}", rate("flumen_kafka_produced_records_total", f'{NS}, instance=~"$instance"', "outcome"))], kafka), 6)
    d.add(lines("Round trip to Kafka", "To the slowest broker, 99th percentile.", "s", [("{{instance}}", f"flumen_kafka_broker_round_trip_seconds{{{INGEST}}}")], kafka), 6)
    return d


def writer():
    """From Kafka into PostgreSQL."""
    d = Dashboard(
        "flumen-writer",
        "Flumen: writer",
        "Batches on their way from Kafka into PostgreSQL: how many, how large, how long, and what holds them up.",
        [namespace("flumen_writer_rows_total"), instance("flumen_writer_rows_total")],
    )
    pg = board("flumen-postgresql", "PostgreSQL")
    d.row("Flow")
    d.add(lines("Records", "Taken from Kafka, stored, stored before, and set aside.", "cps", [("taken", rate("flumen_writer_records_total", WRITER)), ("stored", rate("flumen_writer_rows_total", WRITER)), ("stored before", rate("flumen_writer_duplicates_total", WRITER)), ("dead letters", rate("flumen_writer_dead_letters_total", WRITER))], board("flumen-overview", "Overview"), colours={"taken": BLUE, "stored$": GOOD, "stored before": GREY, "dead letters": BAD}), 8)
    d.add(lines("Lag by partition", "Records behind the end of the log.", "short", [("{{partition}}", f"sum by (partition) (flumen_writer_lag_records{{{WRITER}}})")], runbook("FlumenLagGrowing"), stacked=True), 8)
    d.add(lines("Age by partition", "How long the oldest record waits that is not stored yet.", "s", [("{{partition}}", f"max by (partition) (flumen_writer_age_seconds{{{WRITER}}})")], runbook("FlumenAgeHigh")), 8)
    d.row("Batches")
    d.add(lines("Flushes by what triggered them", "`age` means idle, `rows` or `bytes` means busy.", "cps", [("{{trigger}}", rate("flumen_writer_batches_total", WRITER, "trigger"))], board("flumen-overview", "Overview"), stacked=True), 8)
    d.add(lines("Flushes by path", "`fast` is one COPY; `staged` had duplicates; `bisected` had rows that PostgreSQL refuses.", "cps", [("{{path}}", rate("flumen_writer_flushes_total", WRITER, "path"))], runbook("FlumenDeadLetters"), stacked=True, colours={"fast": GOOD, "staged": WARN, "bisected|failed|conflict|abandoned": BAD}), 8)
    d.add(lines("Records of a batch", "Larger batches cost PostgreSQL less a row.", "short", quantiles("flumen_writer_batch_records", WRITER, percents=(50, 95)), board("flumen-overview", "Overview")), 8)
    d.row("Database write time")
    d.add(heat("A flush", "From sealed to committed, without outages.", "s", f"sum by (le) (increase(flumen_writer_flush_seconds_bucket{{{WRITER}}}[$__rate_interval]))", pg), 8)
    d.add(lines("By step", "`prepare` gets a connection and makes partitions, `write` is COPY, counts and checkpoint, `commit` waits for the disk and the standby.", "s", quantiles("flumen_writer_database_write_seconds", WRITER, by=("step",), percents=(50, 99)), pg), 8)
    d.add(lines("Time from accepted to readable", "Of the oldest record of each batch, until its commit.", "s", quantiles("flumen_writer_stored_age_seconds", WRITER), runbook("FlumenReadableBudgetBurnsFast"), thresholds=[(None, GOOD), (5, BAD)]), 8)
    d.row("Trouble")
    d.add(lines("Dead letters by reason", "Records a second that could not become rows.", "cps", [("{{reason}}", rate("flumen_writer_dead_letters_total", WRITER, "reason"))], runbook("FlumenDeadLetters"), stacked=True), 8)
    d.add(lines("Outages of the database", "1 while PostgreSQL cannot be written; the attempts made meanwhile.", "none", [("out", f"max(flumen_writer_database_outage{{{WRITER}}})"), ("attempts a second", rate("flumen_writer_database_outage_retries_total", WRITER))], runbook("FlumenDatabaseOut"), colours={"out": BAD}), 8)
    d.add(lines("Group", "Partitions each writer owns; together always all of them.", "none", [("{{instance}}", f"flumen_writer_partitions{{{WRITER}}}")], runbook("FlumenRebalancing"), stacked=True), 8)
    d.add(lines("Rebalances", "Assignments, revocations and conflicts of checkpoints in an hour.", "none", [("assignments", f"sum(increase(flumen_writer_assignments_total{{{WRITER}}}[1h]))"), ("revocations", f"sum(increase(flumen_writer_revocations_total{{{WRITER}}}[1h]))"), ("conflicts", f"sum(increase(flumen_writer_checkpoint_conflicts_total{{{WRITER}}}[1h]))")], runbook("FlumenRebalancing"), colours={"conflicts": BAD}), 8)
    d.add(lines("Paused partitions", "Not read since the batches are full or too many records are bad.", "none", [("paused {{instance}}", f"flumen_writer_paused_partitions{{{WRITER}}}"), ("throttled {{instance}}", f"flumen_writer_dead_letters_throttled{{{WRITER}}}")], runbook("FlumenDeadLettersPilingUp")), 8)
    d.add(number("Checkpoint", "Whether the next offset lies within the log.", "none", f"max(flumen_writer_checkpoint_out_of_range{{{WRITER}}})", runbook("FlumenCheckpointOutOfRange"), words={0: ("within the log", GOOD), 1: ("out of range", BAD)}), 8)
    d.row("Process")
    writer_process = f'{NS}, job=~".*writer.*", instance=~"$instance"'
    d.add(lines("Prefetched", "Bytes fetched from Kafka that wait to be taken.", "bytes", [("{{instance}}", f'flumen_kafka_prefetched_bytes{{{NS}, instance=~"$instance"}}')], board("flumen-kafka", "Kafka")), 6)
    d.add(lines("Resident memory", "By process; bounded by its settings.", "bytes", [("{{instance}}", f"process_resident_memory_bytes{{{writer_process}}}")], board("flumen-kubernetes", "Kubernetes")), 6)
    d.add(lines("Processor", "Cores used, by process.", "none", [("{{instance}}", f"rate(process_cpu_seconds_total{{{writer_process}}}[$__rate_interval])")], board("flumen-kubernetes", "Kubernetes")), 6)
    d.add(lines("Housekeeping", "Partitions made and remembered ids forgotten in an hour.", "none", [("partitions", f"sum(increase(flumen_writer_table_partitions_created_total{{{WRITER}}}[1h]))"), ("ids", f"sum(increase(flumen_writer_expired_ids_total{{{WRITER}}}[1h]))")], pg), 6)
    return d


def query():
    """Readers' side."""
    d = Dashboard(
        "flumen-query",
        "Flumen: query",
        "Pages, feeds, tails and exports: who waits for what, and whether it is PostgreSQL or us.",
        [namespace("flumen_query_events_served_total"), instance("flumen_query_events_served_total"), variable("route", "Route", f'label_values(flumen_http_requests_total{{{NS}, job=~".*query-api.*"}}, route)')],
    )
    pg = board("flumen-postgresql", "PostgreSQL")
    routed = f'{QUERY}, route=~"$route"'
    own = f'{NS}, instance=~"$instance"'
    d.row("Requests")
    d.add(lines("By route", "Answers a second.", "reqps", [("{{route}}", rate("flumen_http_requests_total", routed, "route"))], board("flumen-overview", "Overview"), stacked=True), 8)
    d.add(lines("By status", "Answers a second.", "reqps", [("{{status}}", rate("flumen_http_requests_total", routed, "status"))], runbook("FlumenQueryFails"), stacked=True, colours=STATUS), 8)
    d.add(lines("Time by route", "99th percentile from head to head. A feed or an event that is waited for takes as long as the client asked.", "s", quantiles("flumen_http_request_seconds", routed, by=("route",), percents=(99,)), runbook("FlumenQuerySlow")), 8)
    d.row("Database read time")
    d.add(heat("All reads", "From asking for a connection to the last row.", "s", f"sum by (le) (increase(flumen_query_database_seconds_bucket{{{own}}}[$__rate_interval]))", pg), 8)
    d.add(lines("By kind", "99th percentile of the time spent with PostgreSQL, by what was read.", "s", quantiles("flumen_query_database_seconds", own, by=("kind",), percents=(99,)), pg), 8)
    d.add(lines("Reads that failed", "By reason: a time-out is the reader's question, unavailable is PostgreSQL.", "cps", [("{{reason}}", rate("flumen_query_failures_total", own, "reason"))], runbook("FlumenQueryFails"), stacked=True, colours={"unavailable": BAD, "timeout": WARN}), 8)
    d.add(lines("Connections", "Of the pool to PostgreSQL.", "short", [("open", f"sum(flumen_query_connections_open{{{own}}})"), ("idle", f"sum(flumen_query_connections_idle{{{own}}})"), ("most", f"sum(flumen_query_connections_max{{{own}}})"), ("requests that wait for one", f"sum(flumen_query_connections_awaited{{{own}}})")], runbook("FlumenQueryPoolExhausted"), colours={"requests.*": BAD}), 8)
    d.row("What is read")
    d.add(lines("Events", "Shown, a second.", "cps", [("{{instance}}", rate("flumen_query_events_served_total", own, "instance"))], board("flumen-overview", "Overview"), stacked=True), 8)
    d.add(lines("Bytes", "Of events shown, a second.", "Bps", [("{{instance}}", rate("flumen_query_event_bytes_served_total", own, "instance"))], board("flumen-overview", "Overview"), stacked=True), 8)
    d.add(lines("Tails, exports, waits", "Open tails and exports, and requests that wait for something to be stored.", "short", [("tails", f"sum(flumen_query_tails{{{own}}})"), ("exports", f"sum(flumen_query_exports{{{own}}})"), ("waiting", f"sum(flumen_query_waiting{{{own}}})")], board("flumen-overview", "Overview")), 8)
    d.add(lines("Answers not sent yet", "Bytes that slow clients have not taken; bounded.", "bytes", [("{{instance}}", f"flumen_query_answer_bytes{{{own}}}")], runbook("FlumenQueryFails")), 8)
    d.add(lines("Exports", "Their bytes a second, before they are compressed.", "Bps", [("{{instance}}", rate("flumen_query_export_bytes_total", own, "instance"))], board("flumen-overview", "Overview")), 8)
    d.row("Process")
    d.add(lines("Resident memory", "By process.", "bytes", [("{{instance}}", f"process_resident_memory_bytes{{{QUERY}}}")], board("flumen-kubernetes", "Kubernetes")), 8)
    d.add(lines("Processor", "Cores used, by process.", "none", [("{{instance}}", f"rate(process_cpu_seconds_total{{{QUERY}}}[$__rate_interval])")], board("flumen-kubernetes", "Kubernetes")), 8)
    d.add(lines("Requests being worked on", "By process.", "short", [("{{instance}}", f"flumen_http_requests_in_flight{{{QUERY}}}")], runbook("FlumenQueryPoolExhausted")), 8)
    return d


def relay():
    """Alerts on their way to a mailbox."""
    d = Dashboard(
        "flumen-alert-relay",
        "Flumen: alert-relay",
        "Whether the mails get out.",
        [namespace("flumen_relay_webhooks_total"), instance("flumen_relay_webhooks_total")],
    )
    own = f'{NS}, instance=~"$instance"'
    overview_board = board("flumen-overview", "Overview")
    d.row("Now")
    d.add(number("Oldest alert", "That is not sent and does not wait for the end of quiet hours.", "s", f"max(flumen_relay_oldest_seconds{{{own}}})", runbook("FlumenRelayFailing"), [(None, GOOD), (60, WARN), (300, BAD)]), 4, 4)
    d.add(number("Last mail", "How long ago a mail was sent.", "s", f"time() - max(flumen_relay_last_sent_timestamp_seconds{{{own}}} > 0) or vector(0)", runbook("FlumenRelayFailing")), 4, 4)
    d.add(number("Given up", "Mails set aside since they could not be sent.", "none", f"sum(flumen_relay_dead_letters{{{own}}})", runbook("FlumenRelayDeadLetters"), [(None, GOOD), (1, BAD)]), 4, 4)
    d.add(number("Outbox", "Share of its bound that is used; beyond it webhooks get 503.", "percentunit", f"sum(flumen_relay_outbox_bytes{{{own}}}) / sum(flumen_relay_outbox_limit_bytes{{{own}}})", runbook("FlumenRelayOutboxFails"), [(None, GOOD), (0.5, WARN), (0.8, BAD)], 1), 4, 4)
    d.add(number("Outbox writes", "Whether it can be written.", "none", f"max(flumen_relay_outbox_broken{{{own}}})", runbook("FlumenRelayOutboxFails"), words={0: ("writes", GOOD), 1: ("broken", BAD)}), 4, 4)
    d.add(number("Quiet hours", "Alerts that wait for their end.", "none", f"sum(flumen_relay_quiet_alerts{{{own}}})", overview_board), 4, 4)
    d.row("In")
    d.add(lines("Webhooks", "By sender and what became of them.", "reqps", [("{{source}} {{outcome}}", rate("flumen_relay_webhooks_total", own, "source, outcome"))], runbook("FlumenRelayDown"), stacked=True, colours={".*accepted": GOOD, ".*(saturated|unavailable)": BAD, ".*(rejected|unauthorized)": WARN}), 8)
    d.add(lines("Alerts", "Taken, and passed over since they were known.", "cps", [("{{outcome}}", rate("flumen_relay_alerts_total", own, "outcome"))], overview_board, stacked=True), 8)
    d.add(lines("Waiting", "Alerts that are not in a mail yet, and mails that are not sent.", "short", [("alerts", f"sum(flumen_relay_outbox_alerts{{{own}}})"), ("mails", f"sum(flumen_relay_outbox_mails{{{own}}})")], runbook("FlumenRelayFailing")), 8)
    d.row("Out")
    d.add(lines("Attempts", "To send a mail, by what became of them.", "cps", [("{{outcome}}", rate("flumen_relay_mails_total", own, "outcome"))], runbook("FlumenRelayFailing"), stacked=True, colours={"sent": GOOD, "postponed": WARN, "refused|dead": BAD}), 8)
    d.add(lines("Failures", "Failed attempts by reason.", "cps", [("{{reason}}", rate("flumen_relay_failures_total", own, "reason"))], runbook("FlumenRelayFailing"), stacked=True), 8)
    d.add(lines("Time until sent", "From the making of a mail to its acceptance by the other side.", "s", quantiles("flumen_relay_delivery_seconds", own), runbook("FlumenRelayFailing")), 8)
    d.add(lines("Time of an attempt", "With the mail server or the API.", "s", quantiles("flumen_relay_send_seconds", own), runbook("FlumenRelayFailing")), 8)
    d.add(lines("Storms", "Digests made, alerts only counted in a mail, and alerts that Alertmanager itself left out, in an hour.", "none", [("digests", f"sum(increase(flumen_relay_digests_total{{{own}}}[1h]))"), ("only counted", f"sum(increase(flumen_relay_condensed_alerts_total{{{own}}}[1h]))"), ("left out", f"sum(increase(flumen_relay_truncated_alerts_total{{{own}}}[1h]))")], overview_board), 8)
    d.add(lines("Memory", "Resident, by process.", "bytes", [("{{instance}}", f'process_resident_memory_bytes{{{NS}, job=~".*alert-relay.*", instance=~"$instance"}}')], board("flumen-kubernetes", "Kubernetes")), 8)
    return d


