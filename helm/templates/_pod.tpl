{{/* The pod: one text for StatefulSet, Deployment and `helm test`, so that a test sees what the service sees. */}}

{{/* cxone.text: a number of YAML as people write it; Helm would make 6.7108864e+07 of 67108864. */}}
{{- define "cxone.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}
{{- int64 . -}}
{{- else -}}
{{- . -}}
{{- end -}}
{{- end -}}

{{/* cxone.drainS: seconds of the service's drain; it ends itself within them, whatever blocks. */}}
{{- define "cxone.drainS" -}}
{{- .Values.settings.STREAM_DRAIN_S | default 25 | int -}}
{{- end -}}

{{/* cxone.settings: all settings of the service but its instance's name, as a JSON object. */}}
{{- define "cxone.settings" -}}
{{- $settings := dict -}}
{{- range $name, $value := .Values.settings -}}
{{- $_ := set $settings $name (include "cxone.text" $value) -}}
{{- end -}}
{{- with .Values.cxone -}}
{{- if .region -}}{{- $_ := set $settings "CXONE_REGION" .region -}}{{- end -}}
{{- if .baseUrl -}}{{- $_ := set $settings "CXONE_BASE_URL" .baseUrl -}}{{- end -}}
{{- $_ := set $settings "CXONE_CLIENT_ID_FILE" "/etc/cxone-delta-stream/secrets/cxone/client-id" -}}
{{- $_ := set $settings "CXONE_CLIENT_SECRET_FILE" "/etc/cxone-delta-stream/secrets/cxone/client-secret" -}}
{{- if .authority.configMap -}}{{- $_ := set $settings "SSL_CERT_FILE" "/etc/cxone-delta-stream/secrets/cxone/ca.crt" -}}{{- end -}}
{{- end -}}
{{- with .Values.kafka -}}
{{- $_ := set $settings "KAFKA_BOOTSTRAP_SERVERS" .bootstrapServers -}}
{{- $_ := set $settings "KAFKA_GROUP_ID" (include "cxone.groupId" $) -}}
{{- $_ := set $settings "KAFKA_INPUT_TOPIC" (join "," .inputTopics) -}}
{{- $_ := set $settings "KAFKA_OUTCOME_TOPIC" .outcomeTopic -}}
{{- if .deadLetterTopic -}}{{- $_ := set $settings "KAFKA_DEAD_LETTER_TOPIC" .deadLetterTopic -}}{{- end -}}
{{- end -}}
{{- range $name, $value := include "cxone.kafkaSettings" . | fromJson -}}
{{- $_ := set $settings $name $value -}}
{{- end -}}
{{- if include "cxone.hasSchemas" . -}}{{- $_ := set $settings "STREAM_SCHEMAS_DIR" "/etc/cxone-delta-stream/schemas" -}}{{- end -}}
{{- if include "cxone.mappingConfigMap" . -}}{{- $_ := set $settings "STREAM_MAPPING_FILE" "/etc/cxone-delta-stream/mapping/mapping.toml" -}}{{- end -}}
{{- $_ := set $settings "STREAM_HTTP_ADDRESS" (printf "%s:%d" .Values.http.host (int .Values.http.port)) -}}
{{- toJson $settings -}}
{{- end -}}

{{- define "cxone.hasSchemas" -}}
{{- if or .Values.schemas.files .Values.schemas.existingConfigMaps -}}true{{- end -}}
{{- end -}}

{{- define "cxone.mappingConfigMap" -}}
{{- .Values.mapping.existingConfigMap | default (ternary (printf "%s-mapping" (include "cxone.fullname" .)) "" (ne .Values.mapping.content "")) -}}
{{- end -}}

{{- define "cxone.securityContext" -}}
{{- with .Values.podSecurity }}
{{- range $name := list "fsGroup" "runAsGroup" "runAsUser" }}
{{- with get $.Values.podSecurity $name }}
{{ $name }}: {{ include "cxone.text" . }}
{{- end }}
{{- end }}
{{- end }}
fsGroupChangePolicy: OnRootMismatch
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* cxone.container: without probes; call it with (dict "root" $ "name" … "arguments" … "instance" true|false). */}}
{{- define "cxone.container" -}}
{{- $root := .root -}}
name: {{ .name }}
image: {{ include "cxone.image" $root | quote }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
args: {{ toJson .arguments }}
env:
  {{- range $name, $value := include "cxone.settings" $root | fromJson }}
  - name: {{ $name }}
    value: {{ $value | quote }}
  {{- end }}
  {{- if .instance }}
  - name: KAFKA_INSTANCE_ID
    valueFrom:
      fieldRef:
        fieldPath: metadata.name
  {{- end }}
  {{- with $root.Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
resources:
  {{- toYaml $root.Values.resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  capabilities:
    drop: [ALL]
  privileged: false
  readOnlyRootFilesystem: true
volumeMounts:
  - name: secrets
    mountPath: /etc/cxone-delta-stream/secrets
    readOnly: true
  {{- if include "cxone.hasSchemas" $root }}
  - name: schemas
    mountPath: /etc/cxone-delta-stream/schemas/datastores
    readOnly: true
  {{- end }}
  {{- if include "cxone.mappingConfigMap" $root }}
  - name: mapping
    mountPath: /etc/cxone-delta-stream/mapping
    readOnly: true
  {{- end }}
  - name: tmp
    mountPath: /tmp
  {{- with $root.Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "cxone.volumes" -}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- include "cxone.secretSources" . | nindent 6 }}
{{- if include "cxone.hasSchemas" . }}
- name: schemas
  projected:
    sources:
      {{- if .Values.schemas.files }}
      - configMap:
          name: {{ include "cxone.fullname" . }}-schemas
      {{- end }}
      {{- range .Values.schemas.existingConfigMaps }}
      - configMap:
          name: {{ . }}
      {{- end }}
{{- end }}
{{- with include "cxone.mappingConfigMap" . }}
- name: mapping
  configMap:
    name: {{ . }}
    items:
      - key: {{ ternary $.Values.mapping.key "mapping.toml" (ne $.Values.mapping.existingConfigMap "") }}
        path: mapping.toml
{{- end }}
- name: tmp
  emptyDir:
    sizeLimit: 16Mi
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* cxone.secretSources: everything secret in one projected volume: an id and its secret change at the same moment. */}}
{{- define "cxone.secretSources" -}}
{{- $login := include "cxone.kafkaLogin" . | fromJson -}}
{{- $made := include "cxone.madeSecret" . -}}
{{- with .Values.cxone -}}
- secret:
    name: {{ .existingSecret | default $made }}
    items:
      - key: {{ ternary .secretKeys.clientId "client-id" (ne .existingSecret "") }}
        path: cxone/client-id
      - key: {{ ternary .secretKeys.clientSecret "client-secret" (ne .existingSecret "") }}
        path: cxone/client-secret
{{- if .authority.configMap }}
- configMap:
    name: {{ .authority.configMap }}
    items:
      - key: {{ .authority.key }}
        path: cxone/ca.crt
{{- end }}
{{- end }}
{{- with $login.authority }}
- {{ .kind }}:
    name: {{ .name }}
    items:
      - key: {{ .key }}
        path: kafka/ca.crt
{{- end }}
{{- with $login.client }}
- secret:
    name: {{ .secret }}
    items:
      - key: {{ .certificate }}
        path: kafka/client.crt
      - key: {{ .key }}
        path: kafka/client.key
      {{- if .password }}
      - key: {{ .password }}
        path: kafka/client.password
      {{- end }}
{{- end }}
{{- with $login.sasl }}
- secret:
    name: {{ .secret }}
    items:
      {{- if not .username }}
      - key: {{ .usernameKey }}
        path: kafka/username
      {{- end }}
      - key: {{ .passwordKey }}
        path: kafka/password
{{- if and (eq .mechanism "OAUTHBEARER") $.Values.kafka.sasl.oauth.authority.configMap }}
- configMap:
    name: {{ $.Values.kafka.sasl.oauth.authority.configMap }}
    items:
      - key: {{ $.Values.kafka.sasl.oauth.authority.key }}
        path: kafka/oauth-ca.crt
{{- end }}
{{- end }}
{{- end -}}

{{/* cxone.podTemplate: metadata and spec of the service's pods; call it with (dict "root" $ "instance" … "revision" …). */}}
{{- define "cxone.podTemplate" -}}
{{- $root := .root -}}
metadata:
  annotations:
    kubectl.kubernetes.io/default-container: stream
    {{- with include "cxone.configChecksum" $root }}
    checksum/config: {{ . }}
    {{- end }}
    {{- with $root.Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  labels:
    {{- include "cxone.labels" $root | nindent 4 }}
    app.kubernetes.io/component: stream
    {{- with $root.Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "cxone.podSpec" $root | nindent 2 }}
  terminationGracePeriodSeconds: {{ add (include "cxone.drainS" $root | int) 10 }}
  {{- if $root.Values.topologySpread.enabled }}
  topologySpreadConstraints:
    {{- range $root.Values.topologySpread.keys }}
    - topologyKey: {{ . }}
      maxSkew: 1
      whenUnsatisfiable: {{ $root.Values.topologySpread.whenUnsatisfiable }}
      labelSelector:
        matchLabels:
          {{- include "cxone.streamLabels" $root | nindent 10 }}
      matchLabelKeys: [{{ $.revision }}]
    {{- end }}
  {{- end }}
  containers:
    - {{ include "cxone.container" (dict "root" $root "name" "stream" "arguments" (list "run") "instance" .instance) | nindent 6 | trim }}
      ports:
        - name: http
          containerPort: {{ $root.Values.http.port }}
      {{- include "cxone.probes" $root | trim | nindent 6 }}
{{- end -}}

{{/* cxone.podSpec: what the service's pods and the pod of `helm test` have in common. */}}
{{- define "cxone.podSpec" -}}
automountServiceAccountToken: false
enableServiceLinks: false
serviceAccountName: {{ include "cxone.serviceAccountName" . }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  {{- include "cxone.securityContext" . | trim | nindent 2 }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  {{- include "cxone.volumes" . | nindent 2 }}
{{- end -}}

{{/* Alive is a loop that turns; ready is being in the group. Neither says that the API is well: a restart would not mend it. */}}
{{- define "cxone.probes" -}}
{{- range $kind, $path := dict "startup" "/livez" "liveness" "/livez" "readiness" "/readyz?scope=kafka" }}
{{ $kind }}Probe:
  httpGet:
    path: {{ $path }}
    port: http
  {{- toYaml (get $.Values.probes $kind) | nindent 2 }}
{{- end }}
{{- end -}}

{{/* cxone.configChecksum: of what the service reads at its start only; secrets of others are not known here. */}}
{{- define "cxone.configChecksum" -}}
{{- $made := list -}}
{{- if .Values.kafka.sasl.password -}}{{- $made = append $made (list .Values.kafka.sasl.username .Values.kafka.sasl.password) -}}{{- end -}}
{{- if .Values.schemas.files -}}{{- $made = append $made .Values.schemas.files -}}{{- end -}}
{{- if .Values.mapping.content -}}{{- $made = append $made .Values.mapping.content -}}{{- end -}}
{{- if $made -}}{{- $made | toJson | sha256sum -}}{{- end -}}
{{- end -}}
