{{/* Objects have fixed names: there is one release of Flumen in a namespace, and Terraform gives rights to service accounts by name. */}}

{{- define "common.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "common.labels" -}}
{{ include "common.selector" . }}
app.kubernetes.io/part-of: flumen
app.kubernetes.io/version: {{ .root.Values.image.tag | default .root.Chart.AppVersion | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
flumen.dev/environment: {{ .root.Values.environment }}
{{- with .root.Values.preview.number }}
flumen.dev/preview: {{ . | quote }}
{{- end }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A digest wins over a tag: what was tested is what runs. */}}
{{- define "common.image" -}}
{{- $digest := index .root.Values.image.digests .image -}}
{{- $repository := printf "%s/%s" .root.Values.image.registry .image -}}
{{- if $digest -}}
{{ $repository }}@{{ $digest }}
{{- else -}}
{{ $repository }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* What a rotation changes: External Secrets fetches again, a job is another job, pods are replaced. */}}
{{- define "common.secretsVersion" -}}
flumen.dev/secrets-version: {{ .Values.secrets.version | int64 | toString | quote }}
{{- end }}

{{/* Order of installing for ArgoCD. Helm has its own order of kinds. */}}
{{- define "common.wave" -}}
{{- if eq .root.Values.hooks "argocd" -}}
argocd.argoproj.io/sync-wave: {{ .wave | quote }}
{{- end -}}
{{- end }}

{{/*
What must be there before the migrate job: an ordinary object in an early wave for ArgoCD, a hook that stays for Helm.
Dict: root, wave (ArgoCD), weight (Helm).
*/}}
{{- define "common.before" -}}
{{- if eq .root.Values.hooks "argocd" -}}
argocd.argoproj.io/sync-wave: {{ .wave | quote }}
{{- else if eq .root.Values.hooks "helm" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-weight: {{ .weight | quote }}
helm.sh/hook-delete-policy: before-hook-creation
{{- end -}}
{{- end }}
