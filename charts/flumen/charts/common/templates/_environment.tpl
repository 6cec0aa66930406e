{{/*
Settings as environment variables: {body: {max_bytes: 8MiB}} is FLUMEN_INGEST_API__BODY__MAX_BYTES=8MiB. The services refuse what they do
not know and name the key. Dict: prefix, values.
*/}}
{{- define "common.environment" -}}
{{- $prefix := .prefix -}}
{{- range $key, $value := .values }}
{{- $name := printf "%s__%s" $prefix ($key | upper) }}
{{- if kindIs "map" $value }}
{{- include "common.environment" (dict "prefix" $name "values" $value) }}
{{- else if kindIs "float64" $value }}
- name: {{ $name }}
  value: {{ if eq (floor $value) $value }}{{ int64 $value | toString | quote }}{{ else }}{{ $value | toString | quote }}{{ end }}
{{- else }}
- name: {{ $name }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* Where Kafka is and how it is spoken to, for those who speak to it; the password is in the mounted file. */}}
{{- define "common.kafka" -}}
{{- $kafka := .Values.kafka -}}
{{- $security := dict "protocol" $kafka.security.protocol "authentication" $kafka.security.authentication -}}
{{- if eq $kafka.security.protocol "tls" -}}
{{- if $kafka.security.ca.configMap -}}
{{- $_ := set $security "ca_file" "/etc/flumen/kafka-ca/ca.crt" -}}
{{- end -}}
{{- if $kafka.security.clientSecret -}}
{{- $_ := set $security "certificate_file" "/etc/flumen/kafka-client/tls.crt" -}}
{{- $_ := set $security "key_file" "/etc/flumen/kafka-client/tls.key" -}}
{{- end -}}
{{- end -}}
{{- toYaml (dict "brokers" (required "kafka.brokers is empty: give host:port of at least one broker, or kafka.dev.enabled=true" (include "flumen.brokers" .)) "topic" $kafka.topic "security" $security) -}}
{{- end }}

{{/* How the database is spoken to; where it is and who logs in is in the mounted file. */}}
{{- define "common.database" -}}
{{- $database := dict "ssl_mode" .Values.database.sslMode -}}
{{- if .Values.database.ca.configMap }}{{- $_ := set $database "ssl_root_cert" "/etc/flumen/database-ca/ca.crt" }}{{- end -}}
{{- toYaml $database -}}
{{- end }}

{{/* Whether a workload finds secrets in a file. */}}
{{- define "common.secretFile" -}}
{{- if or (has .name (list "writer" "query-api" "flumen-operator" "alert-relay")) (hasPrefix "scram-" .root.Values.kafka.security.authentication) -}}yes{{- end -}}
{{- end }}
