{{/* The names and labels of everything that this chart makes. */}}

{{- define "cxone.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* 52 characters leave room for what Kubernetes and this chart append to it. */}}
{{- define "cxone.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "cxone.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "cxone.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "cxone.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "cxone.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{/* What a selector may use: it never changes in the life of a release. */}}
{{- define "cxone.selectorLabels" -}}
app.kubernetes.io/name: {{ include "cxone.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "cxone.streamLabels" -}}
{{ include "cxone.selectorLabels" . }}
app.kubernetes.io/component: stream
{{- end -}}

{{- define "cxone.labels" -}}
{{ include "cxone.selectorLabels" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | trimAll "-._" | quote }}
app.kubernetes.io/part-of: cxone-delta-stream
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "cxone.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* Two releases never share a group by accident: each would get half of the events. */}}
{{- define "cxone.groupId" -}}
{{- .Values.kafka.groupId | default (printf "%s.%s" .Release.Namespace .Release.Name) -}}
{{- end -}}

{{/* The name of the secret with what was given in values, where nobody made one before. */}}
{{- define "cxone.madeSecret" -}}
{{ include "cxone.fullname" . }}-credentials
{{- end -}}
