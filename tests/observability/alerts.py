#!/usr/bin/env python3
"""Each alert fires when it should and keeps quiet when it should: `promtool test rules`, from the table below.

A case is a set of series and their values minute by minute (promtool's notation: `0+60x30` counts 60 a minute for 30 minutes). Every
alert must have a case that fires and one that does not; an alert without is an error, and so is a case without an alert.

    tests/observability/alerts.py PROMTOOL
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES = sorted((ROOT / "charts/flumen/rules").glob("*.yaml"))
RECORDING = ROOT / "charts/flumen/rules/recording.yaml"

INGEST = 'job="ingest-api",instance="a",namespace="flumen"'
WRITER = 'job="writer",instance="w",namespace="flumen"'
QUERY = 'job="query-api",instance="q",namespace="flumen"'
RELAY = 'job="alert-relay",instance="r",namespace="flumen"'
KUBE = 'namespace="flumen"'


def requests(status, per_minute, service=INGEST, route="/v1/events", method="POST", minutes=240):
    """Answers with one status."""
    return {
        f'flumen_http_requests_total{{{service},route="{route}",method="{method}",status="{status}"}}': f"0+{per_minute}x{minutes}"
    }


def acks(per_minute, late_per_minute, minutes=240):
    """Acknowledged requests, some of them later than 250 ms."""
    return {
        f"flumen_ingest_ack_seconds_count{{{INGEST}}}": f"0+{per_minute}x{minutes}",
        f'flumen_ingest_ack_seconds_bucket{{{INGEST},le="0.256"}}': f"0+{per_minute - late_per_minute}x{minutes}",
    }


def rows(per_minute, late_per_minute, minutes=240):
    """Stored events, some of them late."""
    return {
        f"flumen_writer_rows_total{{{WRITER}}}": f"0+{per_minute}x{minutes}",
        f"flumen_writer_late_rows_total{{{WRITER}}}": f"0+{late_per_minute}x{minutes}",
    }


def sources(accepted, rejected, minutes=60):
    """What one application sends."""
    name = f'flumen_ingest_source_events_total{{{INGEST},source="shop",outcome='
    return {f'{name}"accepted"}}': f"0+{accepted}x{minutes}", f'{name}"rejected"}}': f"0+{rejected}x{minutes}"}


def up(service, *values):
    """Whether instances could be scraped; one value each."""
    return {
        f"up{{{service.replace('instance=', f'pod={chr(34)}{i}{chr(34)},instance=')}}}": f"{value}x240"
        for i, value in enumerate(values)
    }


def constant(series, value, minutes=240):
    return {series: f"{value}x{minutes}"}


def count(series, per_minute, minutes=240):
    return {series: f"0+{per_minute}x{minutes}"}


LAG = f'flumen_writer_lag_records{{{WRITER},partition="0"}}'
AGE = f'flumen_writer_age_seconds{{{WRITER},partition="0"}}'
DEAD = f'flumen_writer_dead_letters_total{{{WRITER},reason="no-source"}}'
PARTITIONS = f"flumen_writer_partitions{{{WRITER}}}"
CREATE = 'cronjob="flumen-backup-create",namespace="flumen"'
VERIFY = 'cronjob="flumen-backup-verify",namespace="flumen"'
VOLUME = 'namespace="flumen",persistentvolumeclaim="data"'
HPA = 'namespace="flumen",horizontalpodautoscaler="ingest-api"'
NODE = 'node="n1"'

# alert: (minute, series that make it fire, series that do not)
CASES = {
    "FlumenAcceptBudgetBurnsFast": (
        90,
        requests(202, 98) | requests(503, 2) | acks(98, 0),
        requests(202, 99) | requests(400, 50) | acks(99, 0),
    ),
    "FlumenAcceptBudgetBurnsSlowly": (
        200,
        requests(202, 1000) | acks(1000, 4),
        requests(202, 10000) | acks(10000, 5),
    ),
    "FlumenReadableBudgetBurnsFast": (90, rows(1000, 20), rows(1000, 0)),
    "FlumenReadableBudgetBurnsSlowly": (200, rows(1000, 4), rows(10000, 5)),
    "FlumenIngestDown": (10, up(INGEST, 0, 0), up(INGEST, 0, 1)),
    "FlumenIngestInstanceDown": (20, up(INGEST, 0, 1), up(INGEST, 1, 1)),
    "FlumenIngestRefuses": (15, requests(202, 90) | requests(503, 10), requests(202, 99) | requests(503, 1)),
    "FlumenIngestCannotReachKafka": (
        5,
        constant(f"flumen_kafka_available{{{INGEST}}}", 0),
        constant(f"flumen_kafka_available{{{INGEST}}}", 1),
    ),
    "FlumenIngestSaturated": (
        30,
        count(f'flumen_ingest_events_total{{{INGEST},outcome="saturated"}}', 5),
        constant(f'flumen_ingest_events_total{{{INGEST},outcome="saturated"}}', 7),
    ),
    "FlumenProducerRejected": (50, sources(70, 30), sources(95, 5)),
    "FlumenWriterDown": (10, up(WRITER, 0), up(WRITER, 1)),
    "FlumenWriterStuck": (
        20,
        constant(LAG, 500)
        | constant(f"flumen_writer_rows_total{{{WRITER}}}", 9)
        | constant(f"flumen_writer_duplicates_total{{{WRITER}}}", 0)
        | constant(PARTITIONS, 6),
        # A topic of nothing but rubbish is progress as well.
        constant(LAG, 500)
        | constant(f"flumen_writer_rows_total{{{WRITER}}}", 9)
        | constant(f"flumen_writer_duplicates_total{{{WRITER}}}", 0)
        | constant(PARTITIONS, 6)
        | count(DEAD, 60),
    ),
    "FlumenAgeHigh": (10, constant(AGE, 90), constant(AGE, 2)),
    "FlumenLagGrowing": (90, {LAG: "200000+1000x240"}, {LAG: "400000-1000x240"}),
    "FlumenCheckpointOutOfRange": (
        1,
        constant(f"flumen_writer_checkpoint_out_of_range{{{WRITER}}}", 1),
        constant(f"flumen_writer_checkpoint_out_of_range{{{WRITER}}}", 0),
    ),
    "FlumenDeadLetters": (10, count(DEAD, 1), constant(DEAD, 4)),
    "FlumenDeadLettersPilingUp": (15, count(DEAD, 1200), count(DEAD, 6)),
    "FlumenDatabaseOut": (
        5,
        constant(f"flumen_writer_database_outage{{{WRITER}}}", 1),
        constant(f"flumen_writer_database_outage{{{WRITER}}}", 0),
    ),
    "FlumenCheckpointConflicts": (
        30,
        count(f"flumen_writer_checkpoint_conflicts_total{{{WRITER}}}", 1),
        constant(f"flumen_writer_checkpoint_conflicts_total{{{WRITER}}}", 3),
    ),
    "FlumenRebalancing": (
        30,
        count(f"flumen_writer_assignments_total{{{WRITER}}}", 2),
        constant(f"flumen_writer_assignments_total{{{WRITER}}}", 40),
    ),
    "FlumenQueryDown": (10, up(QUERY, 0), up(QUERY, 1, 0)),
    "FlumenQueryInstanceDown": (20, up(QUERY, 1, 0), up(QUERY, 1)),
    "FlumenQueryFails": (
        15,
        requests(200, 90, QUERY, method="GET") | requests(503, 10, QUERY, method="GET"),
        requests(200, 90, QUERY, method="GET") | requests(404, 10, QUERY, method="GET"),
    ),
    "FlumenQuerySlow": (
        40,
        count(f'flumen_http_request_seconds_bucket{{{QUERY},route="/v1/events",le="2.5"}}', 90)
        | count(f'flumen_http_request_seconds_bucket{{{QUERY},route="/v1/events",le="5.0"}}', 100)
        | count(f'flumen_http_request_seconds_bucket{{{QUERY},route="/v1/events",le="+Inf"}}', 100),
        # A feed that waits for something to be stored is not slow.
        count(f'flumen_http_request_seconds_bucket{{{QUERY},route="/v1/feed",le="5.0"}}', 10)
        | count(f'flumen_http_request_seconds_bucket{{{QUERY},route="/v1/feed",le="+Inf"}}', 100)
        | count(f'flumen_http_request_seconds_bucket{{{QUERY},route="/v1/events",le="0.1"}}', 100)
        | count(f'flumen_http_request_seconds_bucket{{{QUERY},route="/v1/events",le="+Inf"}}', 100),
    ),
    "FlumenQueryPoolExhausted": (
        15,
        constant(f"flumen_query_connections_awaited{{{QUERY}}}", 9) | constant(f"flumen_query_connections_max{{{QUERY}}}", 8),
        constant(f"flumen_query_connections_awaited{{{QUERY}}}", 8) | constant(f"flumen_query_connections_max{{{QUERY}}}", 8),
    ),
    "FlumenRelayDown": (15, up(RELAY, 0), up(RELAY, 0, 1)),
    "FlumenRelayFailing": (
        15,
        constant(f"flumen_relay_oldest_seconds{{{RELAY}}}", 900),
        constant(f"flumen_relay_oldest_seconds{{{RELAY}}}", 20),
    ),
    "FlumenRelayDeadLetters": (
        15,
        constant(f"flumen_relay_dead_letters{{{RELAY}}}", 1),
        constant(f"flumen_relay_dead_letters{{{RELAY}}}", 0),
    ),
    "FlumenRelayOutboxFails": (
        15,
        constant(f"flumen_relay_outbox_bytes{{{RELAY}}}", 60000000) | constant(f"flumen_relay_outbox_limit_bytes{{{RELAY}}}", 67108864),
        constant(f"flumen_relay_outbox_bytes{{{RELAY}}}", 4096)
        | constant(f"flumen_relay_outbox_limit_bytes{{{RELAY}}}", 67108864)
        | constant(f"flumen_relay_outbox_broken{{{RELAY}}}", 0),
    ),
    "FlumenWatchdog": (1, {}, None),
    "FlumenKafkaUnderReplicated": (
        10,
        constant('kafka_topic_partition_under_replicated_partition{topic="events",partition="0"}', 1),
        constant('kafka_topic_partition_under_replicated_partition{topic="events",partition="0"}', 0),
    ),
    "FlumenKafkaBrokerMissing": (90, {"kafka_brokers": "3x60 2x180"}, {"kafka_brokers": "3x240"}),
    "FlumenKafkaExporterDown": (20, {}, {"kafka_brokers": "3x240"}),
    "FlumenPostgresDown": (5, {'pg_up{instance="p"}': "0x60"}, {'pg_up{instance="p"}': "1x60"}),
    "FlumenPostgresExporterDown": (20, {}, {'pg_up{instance="p"}': "1x60"}),
    "FlumenPostgresConnections": (
        10,
        {
            'pg_stat_activity_count{instance="p",state="active"}': "60x60",
            'pg_stat_activity_count{instance="p",state="idle"}': "30x60",
            'pg_settings_max_connections{instance="p"}': "100x60",
        },
        {
            'pg_stat_activity_count{instance="p",state="active"}': "60x60",
            'pg_settings_max_connections{instance="p"}': "100x60",
        },
    ),
    "FlumenPostgresReplicationLag": (
        10,
        {'pg_replication_lag_seconds{instance="p"}': "90x60", 'pg_replication_is_replica{instance="p"}': "1x60"},
        # A primary that nobody writes to tells a lag that is none.
        {'pg_replication_lag_seconds{instance="p"}': "90x60", 'pg_replication_is_replica{instance="p"}': "0x60"},
    ),
    "FlumenPostgresLongTransaction": (
        10,
        {'pg_stat_activity_max_tx_duration{instance="p",state="idle in transaction"}': "4000x60"},
        {'pg_stat_activity_max_tx_duration{instance="p",state="active"}': "40x60"},
    ),
    "FlumenPostgresDeadlocks": (
        10,
        count('pg_stat_database_deadlocks{instance="p",datname="flumen"}', 1),
        constant('pg_stat_database_deadlocks{instance="p",datname="flumen"}', 2),
    ),
    "FlumenPostgresGrowsFast": (
        600,
        {'pg_database_size_bytes{instance="p",datname="flumen"}': "20000000000+10000000x700"},
        {'pg_database_size_bytes{instance="p",datname="flumen"}': "20000000000+1000x700"},
    ),
    "FlumenNginxDown": (5, {'nginx_up{instance="n"}': "0x60"}, {'nginx_up{instance="n"}': "1x60"}),
    "FlumenNginxDropsConnections": (
        20,
        {'nginx_connections_accepted{instance="n"}': "0+60x60", 'nginx_connections_handled{instance="n"}': "0+50x60"},
        {'nginx_connections_accepted{instance="n"}': "0+60x60", 'nginx_connections_handled{instance="n"}': "0+60x60"},
    ),
    "FlumenBackupTooOld": (
        1800,
        constant(f"kube_cronjob_status_last_successful_time{{{CREATE}}}", 0, 2000),
        {f"kube_cronjob_status_last_successful_time{{{CREATE}}}": "0x1000 60000x1000"},
    ),
    "FlumenBackupUnverified": (
        # Never succeeded at all is as bad.
        90,
        constant(f"kube_cronjob_info{{{VERIFY}}}", 1),
        constant(f"kube_cronjob_info{{{VERIFY}}}", 1)
        | constant(f"kube_cronjob_status_last_successful_time{{{VERIFY}}}", 0),
    ),
    "FlumenCertificateExpires": (
        90,
        constant('certmanager_certificate_expiration_timestamp_seconds{name="door",exported_namespace="flumen"}', 864000),
        constant('certmanager_certificate_expiration_timestamp_seconds{name="door",exported_namespace="flumen"}', 8640000),
    ),
    "FlumenLogsSilent": (
        60,
        constant('fluentbit_output_proc_records_total{name="cloudwatch"}', 7),
        count('fluentbit_output_proc_records_total{name="cloudwatch"}', 7),
    ),
    "FlumenLogsFailing": (
        60,
        count('fluentbit_output_retries_failed_total{name="cloudwatch"}', 1)
        | constant('fluentbit_output_errors_total{name="cloudwatch"}', 0),
        constant('fluentbit_output_retries_failed_total{name="cloudwatch"}', 4)
        | constant('fluentbit_output_errors_total{name="cloudwatch"}', 0),
    ),
    "FlumenPodCrashLooping": (
        20,
        constant(f'kube_pod_container_status_waiting_reason{{{KUBE},pod="w-1",container="writer",reason="CrashLoopBackOff"}}', 1),
        constant(f'kube_pod_container_status_waiting_reason{{{KUBE},pod="w-1",container="writer",reason="ContainerCreating"}}', 1),
    ),
    "FlumenReplicasMissing": (
        30,
        constant(f'kube_deployment_spec_replicas{{{KUBE},deployment="writer"}}', 3)
        | constant(f'kube_deployment_status_replicas_available{{{KUBE},deployment="writer"}}', 2),
        constant(f'kube_deployment_spec_replicas{{{KUBE},deployment="writer"}}', 3)
        | constant(f'kube_deployment_status_replicas_available{{{KUBE},deployment="writer"}}', 3),
    ),
    "FlumenNodeNotReady": (
        20,
        constant(f'kube_node_status_condition{{{NODE},condition="Ready",status="true"}}', 0),
        constant(f'kube_node_status_condition{{{NODE},condition="Ready",status="true"}}', 1),
    ),
    "FlumenNodePressure": (
        20,
        constant(f'kube_node_status_condition{{{NODE},condition="DiskPressure",status="true"}}', 1),
        constant(f'kube_node_status_condition{{{NODE},condition="DiskPressure",status="true"}}', 0),
    ),
    "FlumenQuotaNearlyFull": (
        30,
        constant(f'kube_resourcequota{{{KUBE},resourcequota="q",resource="limits.memory",type="used"}}', 95)
        | constant(f'kube_resourcequota{{{KUBE},resourcequota="q",resource="limits.memory",type="hard"}}', 100),
        constant(f'kube_resourcequota{{{KUBE},resourcequota="q",resource="limits.memory",type="used"}}', 60)
        | constant(f'kube_resourcequota{{{KUBE},resourcequota="q",resource="limits.memory",type="hard"}}', 100),
    ),
    "FlumenVolumeFilling": (
        500,
        {f"kubelet_volume_stats_available_bytes{{{VOLUME}}}": "2000000-2000x600", f"kubelet_volume_stats_capacity_bytes{{{VOLUME}}}": "20000000x600"},
        {f"kubelet_volume_stats_available_bytes{{{VOLUME}}}": "2000000x600", f"kubelet_volume_stats_capacity_bytes{{{VOLUME}}}": "20000000x600"},
    ),
    "FlumenScaledToTheMost": (
        60,
        constant(f"kube_horizontalpodautoscaler_status_current_replicas{{{HPA}}}", 6)
        | constant(f"kube_horizontalpodautoscaler_spec_max_replicas{{{HPA}}}", 6)
        | constant(f"kube_horizontalpodautoscaler_spec_min_replicas{{{HPA}}}", 2),
        constant(f"kube_horizontalpodautoscaler_status_current_replicas{{{HPA}}}", 4)
        | constant(f"kube_horizontalpodautoscaler_spec_max_replicas{{{HPA}}}", 6)
        | constant(f"kube_horizontalpodautoscaler_spec_min_replicas{{{HPA}}}", 2),
    ),
}


def test(alert, minute, series, fires):
    """One test group: whether the alert fires at that minute."""
    return {
        "interval": "1m",
        "name": f"{alert} {'fires' if fires else 'keeps quiet'}",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'clamp_max(count(ALERTS{{alertname="{alert}", alertstate="firing"}}), 1)',
                "eval_time": f"{minute}m",
                "exp_samples": [{"value": 1}] if fires else [],
            }
        ],
    }


def run(promtool, rules, tests):
    """Runs the tests of one file of rules; only the burn rates need the recorded series."""
    files = [rules, RECORDING] if rules.name == "slo.yaml" else [rules]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        # JSON is YAML.
        json.dump({"rule_files": [str(path) for path in files], "evaluation_interval": "1m", "tests": tests}, file)
        file.flush()
        done = subprocess.run([promtool, "test", "rules", file.name], text=True, capture_output=True)
    if done.returncode:
        sys.exit(f"{rules.name}:\n{done.stdout}{done.stderr}")


def main():
    promtool = sys.argv[1]
    known = {name for file in RULES for name in re.findall(r"- alert: (\w+)", file.read_text())}
    untested, unknown = known - CASES.keys(), CASES.keys() - known
    if untested or unknown:
        sys.exit(f"alerts without a case: {sorted(untested)}; cases without an alert: {sorted(unknown)}")
    cases = 0
    for file in RULES:
        tests = []
        for alert in re.findall(r"- alert: (\w+)", file.read_text()):
            minute, firing, quiet = CASES[alert]
            tests.append(test(alert, minute, firing, True))
            if quiet is not None:
                tests.append(test(alert, minute, quiet, False))
        if tests:
            run(promtool, file, tests)
        cases += len(tests)
    print(f"  {len(known)} alerts, {cases} cases: each fires when it should and keeps quiet when it should")


if __name__ == "__main__":
    main()
