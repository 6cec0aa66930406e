{{- define "flumen.brokers" -}}
{{- if .Values.kafka.dev.enabled -}}kafka:9092{{- else -}}{{ .Values.kafka.brokers }}{{- end -}}
{{- end }}

{{/* Each service: what common.pod needs to know of it. Dict: root, name. */}}
{{- define "flumen.service" -}}
{{- $v := .root.Values -}}
{{- if eq .name "ingest-api" -}}
{{- toYaml (dict "prefix" "FLUMEN_INGEST_API" "key" "ingestApi" "public" true "keys" true "kafka" true "database" false "ports" (dict "http" 8080 "admin" 9080)) -}}
{{- else if eq .name "query-api" -}}
{{- toYaml (dict "prefix" "FLUMEN_QUERY_API" "key" "queryApi" "public" true "keys" true "kafka" false "database" true "ports" (dict "http" 8081 "admin" 9081)) -}}
{{- else if eq .name "writer" -}}
{{- toYaml (dict "prefix" "FLUMEN_WRITER" "key" "writer" "public" false "keys" false "kafka" true "database" true "ports" (dict "admin" 9082)) -}}
{{- else if eq .name "alert-relay" -}}
{{- toYaml (dict "prefix" "FLUMEN_ALERT_RELAY" "key" "alertRelay" "public" true "keys" false "kafka" false "database" false "ports" (dict "http" 8083 "admin" 9083)) -}}
{{- end -}}
{{- end }}

{{/* All of it in one dict, for fromYaml's sake without what cannot travel as text. */}}
{{- define "flumen.pod" -}}
{{- $it := include "flumen.service" . | fromYaml -}}
{{- $_ := set $it "root" .root -}}
{{- $_ := set $it "name" .name -}}
{{- $_ := set $it "extraEnv" (.extraEnv | default "") -}}
{{- $_ := set $it "values" (index .root.Values $it.key) -}}
{{- include "common.pod" $it -}}
{{- end }}

{{- define "flumen.enabled" -}}
{{- $it := include "flumen.service" . | fromYaml -}}
{{- if (index .root.Values $it.key).enabled -}}yes{{- end -}}
{{- end }}

{{- define "flumen.wantsNetworkPolicy" -}}
{{- if .Values.networkPolicy.enabled -}}yes{{- end -}}
{{- end }}

{{/* Connection string of a role in a cluster of CloudNativePG or of ours, as text for a template of External Secrets. */}}
{{- define "flumen.databaseHost" -}}
{{- if eq .Values.database.kind "cnpg" -}}{{ .Values.database.cnpg.name }}-rw{{- else -}}postgresql{{- end -}}
{{- end }}
