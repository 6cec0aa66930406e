{{- define "common.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "common.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
privileged: false
capabilities:
  drop: [ALL]
{{- end }}

{{/* Where a pod may run. Dict: root, values, name. */}}
{{- define "common.scheduling" -}}
{{- with .values.priorityClassName | default .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.nodeSelector | default .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations | default .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Over zones and nodes; a zone that is away is no reason not to start. */}}
{{- define "common.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "common.selector" . | nindent 8 }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: {{ .root.Values.spreadOverNodes }}
    labelSelector:
      matchLabels:
        {{- include "common.selector" . | nindent 8 }}
{{- end }}

{{/* What may change while the pod runs; `flumen watch` calls /reload when it does. Dict: root, name, values, keys, tls, database, kafka. */}}
{{- define "common.mounts" -}}
{{- if include "common.secretFile" . }}
- name: config
  mountPath: /etc/flumen/config
  readOnly: true
{{- end }}
{{- if .keys }}
- name: keys
  mountPath: /etc/flumen/keys
  readOnly: true
{{- end }}
{{- if and .public .root.Values.internalTls.enabled }}
- name: tls
  mountPath: /etc/flumen/tls
  readOnly: true
{{- end }}
{{- if and .database .root.Values.database.ca.configMap }}
- name: database-ca
  mountPath: /etc/flumen/database-ca
  readOnly: true
{{- end }}
{{- if and .kafka .root.Values.kafka.security.ca.configMap }}
- name: kafka-ca
  mountPath: /etc/flumen/kafka-ca
  readOnly: true
{{- end }}
{{- if and .kafka .root.Values.kafka.security.clientSecret }}
- name: kafka-client
  mountPath: /etc/flumen/kafka-client
  readOnly: true
{{- end }}
{{- end }}

{{- define "common.volumes" -}}
{{- if include "common.secretFile" . }}
- name: config
  secret:
    secretName: {{ .name }}-config
    defaultMode: 0440
    items:
      - {key: config.toml, path: config.toml}
      {{- if eq .name "alert-relay" }}
      - {key: senders.toml, path: senders.toml}
      {{- end }}
{{- end }}
{{- if .keys }}
- name: keys
  secret:
    secretName: {{ .root.Values.secrets.keys }}
    defaultMode: 0440
    items:
      - {key: keys.toml, path: keys.toml}
{{- end }}
{{- if and .public .root.Values.internalTls.enabled }}
- name: tls
  secret:
    secretName: {{ .name }}-tls
    defaultMode: 0440
    items:
      - {key: tls.crt, path: tls.crt}
      - {key: tls.key, path: tls.key}
{{- end }}
{{- if and .database .root.Values.database.ca.configMap }}
- name: database-ca
  configMap:
    name: {{ .root.Values.database.ca.configMap }}
    items:
      - {key: {{ .root.Values.database.ca.key }}, path: ca.crt}
{{- end }}
{{- if and .kafka .root.Values.kafka.security.ca.configMap }}
- name: kafka-ca
  configMap:
    name: {{ .root.Values.kafka.security.ca.configMap }}
    items:
      - {key: {{ .root.Values.kafka.security.ca.key }}, path: ca.crt}
{{- end }}
{{- if and .kafka .root.Values.kafka.security.clientSecret }}
- name: kafka-client
  secret:
    secretName: {{ .root.Values.kafka.security.clientSecret }}
    defaultMode: 0440
    items:
      - {key: {{ .root.Values.kafka.security.clientCertificateKey }}, path: tls.crt}
      - {key: {{ .root.Values.kafka.security.clientKeyKey }}, path: tls.key}
{{- end }}
{{- end }}

{{/* The settings of a workload: what the chart knows, under what the values say. */}}
{{- define "common.settings" -}}
{{- $settings := dict "telemetry" (dict "format" "json") "shutdown" (deepCopy .values.shutdown) -}}
{{- if .database }}{{- $_ := set $settings "database" (include "common.database" .root | fromYaml) }}{{- end -}}
{{- if .kafka }}{{- $_ := set $settings "kafka" (include "common.kafka" .root | fromYaml) -}}{{- end -}}
{{- if .keys }}{{- $_ := set $settings "keys" (dict "file" "/etc/flumen/keys/keys.toml") -}}{{- end -}}
{{- if and .public .root.Values.internalTls.enabled }}{{- $_ := set $settings "listen" (dict "tls" (dict "certificate" "/etc/flumen/tls/tls.crt" "key" "/etc/flumen/tls/tls.key")) -}}{{- end -}}
{{- if eq .name "alert-relay" }}{{- $_ := set $settings "senders" (dict "file" "/etc/flumen/config/senders.toml") }}{{- $_ := set $settings "outbox" (dict "path" "/var/lib/flumen/alert-relay.redb") }}{{- end -}}
{{- if eq .name "query-api" }}{{- $_ := set $settings "feed" (dict "topic" .root.Values.kafka.topic) -}}{{- end -}}
{{- if eq .name "writer" }}{{- $_ := set $settings.kafka "consumer" (dict "group" .root.Values.kafka.group) -}}{{- end -}}
{{- toYaml (mergeOverwrite $settings (deepCopy .values.config)) -}}
{{- end }}

{{/*
The pod of a service. Dict: root, name, image, prefix (of environment variables), values, and booleans: public, keys, kafka, database.
Ports are called http (public) and admin.
*/}}
{{- define "common.pod" -}}
{{- $root := .root -}}
metadata:
  labels:
    {{- include "common.labels" . | nindent 4 }}
    {{- with .values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: {{ .name }}
    {{- /* Kafka's credentials, and the writer's of the database, are read at the start; query-api takes another password by /reload. */}}
    {{- if or (eq .name "writer") (and (eq .name "ingest-api") (hasPrefix "scram-" $root.Values.kafka.security.authentication)) }}
    {{- include "common.secretsVersion" $root | nindent 4 }}
    {{- end }}
    {{- with .values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ .name }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .values.terminationGracePeriodSeconds }}
  securityContext:
    {{- include "common.podSecurity" . | nindent 4 }}
  {{- with include "common.scheduling" . }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- include "common.spread" . | nindent 2 }}
  {{- if and $root.Values.reload.enabled (or .keys (include "common.secretFile" .) (and .public $root.Values.internalTls.enabled)) }}
  initContainers:
    # Stays beside the service: sees that a mounted Secret has changed and calls POST /reload.
    - name: reload
      image: {{ include "common.image" (dict "root" $root "image" "flumen") }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      restartPolicy: Always
      args:
        - watch
        - -v
        {{- if include "common.secretFile" . }}
        - --path=/etc/flumen/config
        {{- end }}
        {{- if .keys }}
        - --path=/etc/flumen/keys
        {{- end }}
        {{- if and .public $root.Values.internalTls.enabled }}
        - --path=/etc/flumen/tls
        {{- end }}
        - --reload=http://127.0.0.1:{{ .ports.admin }}/reload
        - --interval={{ $root.Values.reload.interval }}
      resources:
        {{- toYaml $root.Values.reload.resources | nindent 8 }}
      securityContext:
        {{- include "common.containerSecurity" . | nindent 8 }}
      volumeMounts:
        {{- include "common.mounts" (dict "root" $root "name" .name "keys" .keys "public" .public) | trim | nindent 8 }}
  {{- end }}
  containers:
    - name: {{ .name }}
      image: {{ include "common.image" (dict "root" $root "image" .name) }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      {{- if include "common.secretFile" . }}
      args: [--config, /etc/flumen/config/config.toml]
      {{- end }}
      env:
        {{- include "common.environment" (dict "prefix" .prefix "values" (include "common.settings" . | fromYaml)) | trim | nindent 8 }}
        {{- with .extraEnv }}
        {{- . | trim | nindent 8 }}
        {{- end }}
        {{- with .values.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        {{- if .ports.http }}
        - {name: http, containerPort: {{ .ports.http }}, protocol: TCP}
        {{- end }}
        - {name: admin, containerPort: {{ .ports.admin }}, protocol: TCP}
      # Neither Kafka nor PostgreSQL away is a reason to restart: /livez tells only whether the process makes progress.
      startupProbe:
        httpGet: {path: /livez, port: admin}
        periodSeconds: 1
        failureThreshold: 60
      livenessProbe:
        httpGet: {path: /livez, port: admin}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /readyz, port: admin}
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: 2
      resources:
        {{- toYaml .values.resources | nindent 8 }}
      securityContext:
        {{- include "common.containerSecurity" . | nindent 8 }}
      volumeMounts:
        {{- include "common.mounts" . | trim | nindent 8 }}
        {{- if eq .name "alert-relay" }}
        - {name: data, mountPath: /var/lib/flumen}
        {{- end }}
  volumes:
    {{- include "common.volumes" . | trim | nindent 4 }}
{{- end }}
