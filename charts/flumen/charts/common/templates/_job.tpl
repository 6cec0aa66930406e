{{/* The pod of a job that runs `flumen`. Dict: root, name, args, activeDeadlineSeconds, database, kafka; env (text), initContainers (text). */}}
{{- define "common.jobPod" -}}
{{- $root := .root -}}
{{- $operator := merge (dict "name" "flumen-operator") . -}}
metadata:
  labels:
    {{- include "common.labels" . | nindent 4 }}
  annotations:
    {{- include "common.secretsVersion" $root | nindent 4 }}
spec:
  serviceAccountName: flumen-operator
  automountServiceAccountToken: false
  enableServiceLinks: false
  restartPolicy: {{ .restartPolicy | default "OnFailure" }}
  securityContext:
    {{- include "common.podSecurity" . | nindent 4 }}
  {{- with include "common.scheduling" (dict "root" $root "values" $root.Values.operator) }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with .initContainers }}
  initContainers:
    {{- . | trim | nindent 4 }}
  {{- end }}
  containers:
    {{- include "common.jobContainer" . | trim | nindent 4 }}
  {{- $volumes := printf "%s\n%s" (.volumes | default "" | trim) (ternary (include "common.volumes" $operator | trim) "" (default false .config)) | trim }}
  {{- with $volumes }}
  volumes:
    {{- . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "common.jobContainer" -}}
{{- $root := .root -}}
- name: {{ .container | default .name }}
  image: {{ include "common.image" (dict "root" $root "image" "flumen") }}
  imagePullPolicy: {{ $root.Values.image.pullPolicy }}
  args:
    {{- range .args }}
    - {{ . | quote }}
    {{- end }}
    {{- if .config }}
    - --config
    - /etc/flumen/config/config.toml
    {{- end }}
  {{- $env := .env | default "" | trim }}
  {{- if .config }}
  {{- $env = printf "%s\n%s" (include "common.environment" (dict "prefix" "FLUMEN" "values" (mergeOverwrite (dict "kafka" (include "common.kafka" $root | fromYaml) "database" (include "common.database" $root | fromYaml)) (deepCopy $root.Values.operator.config))) | trim) $env | trim }}
  {{- end }}
  {{- with $env }}
  env:
    {{- . | nindent 4 }}
  {{- end }}
  resources:
    {{- toYaml (.resources | default $root.Values.operator.resources) | nindent 4 }}
  securityContext:
    {{- include "common.containerSecurity" . | nindent 4 }}
  {{- $mounts := printf "%s\n%s" (.mounts | default "" | trim) (ternary (include "common.mounts" (merge (dict "name" "flumen-operator") .) | trim) "" (default false .config)) | trim }}
  {{- with $mounts }}
  volumeMounts:
    {{- . | nindent 4 }}
  {{- end }}
{{- end }}
