{{/* What KEDA's Kafka scaler wants to know (its fields: pkg/scalers/kafka_scaler.go of KEDA 2.21). */}}

{{/* cxone.lagThreshold: events behind for each pod; two rounds of all its requests is what it does at once anyway. */}}
{{- define "cxone.lagThreshold" -}}
{{- $perRound := mul (.Values.settings.STREAM_BATCH_SIZE | default 1000 | int) (.Values.settings.CXONE_MAX_IN_FLIGHT | default 8 | int) -}}
{{- include "cxone.text" (.Values.autoscaling.lagThreshold | default (mul 2 $perRound)) -}}
{{- end -}}

{{- define "cxone.kedaSasl" -}}
{{- if .sasl -}}
{{- get (dict "PLAIN" "plaintext" "SCRAM-SHA-256" "scram_sha256" "SCRAM-SHA-512" "scram_sha512" "OAUTHBEARER" "oauthbearer") .sasl.mechanism -}}
{{- else -}}
none
{{- end -}}
{{- end -}}

{{/* cxone.kedaAuthentication: the spec of a TriggerAuthentication. What is no secret it reads from the container. */}}
{{- define "cxone.kedaAuthentication" -}}
{{- $secrets := list -}}
{{- $configMaps := list -}}
{{- $variables := list -}}
{{- with .login.authority -}}
{{- $authority := dict "parameter" "ca" "name" .name "key" .key -}}
{{- if eq .kind "secret" -}}{{- $secrets = append $secrets $authority -}}{{- else -}}{{- $configMaps = append $configMaps $authority -}}{{- end -}}
{{- end -}}
{{- with .login.client -}}
{{- $secrets = append $secrets (dict "parameter" "cert" "name" .secret "key" .certificate) -}}
{{- $secrets = append $secrets (dict "parameter" "key" "name" .secret "key" .key) -}}
{{- if .password -}}{{- $secrets = append $secrets (dict "parameter" "keyPassword" "name" .secret "key" .password) -}}{{- end -}}
{{- end -}}
{{- with .login.sasl -}}
{{- if not .username -}}
{{- $secrets = append $secrets (dict "parameter" "username" "name" .secret "key" .usernameKey) -}}
{{- else -}}
{{- $variables = append $variables (dict "parameter" "username" "name" (ternary "KAFKA_CONFIG_SASL_OAUTHBEARER_CLIENT_ID" "KAFKA_CONFIG_SASL_USERNAME" (eq .mechanism "OAUTHBEARER")) "containerName" "stream") -}}
{{- end -}}
{{- $secrets = append $secrets (dict "parameter" "password" "name" .secret "key" .passwordKey) -}}
{{- if eq .mechanism "OAUTHBEARER" -}}
{{- $variables = append $variables (dict "parameter" "oauthTokenEndpointUri" "name" "KAFKA_CONFIG_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL" "containerName" "stream") -}}
{{- if $.root.Values.kafka.sasl.oauth.scope -}}
{{- $variables = append $variables (dict "parameter" "scopes" "name" "KAFKA_CONFIG_SASL_OAUTHBEARER_SCOPE" "containerName" "stream") -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $spec := dict -}}
{{- if $secrets -}}{{- $_ := set $spec "secretTargetRef" $secrets -}}{{- end -}}
{{- if $configMaps -}}{{- $_ := set $spec "configMapTargetRef" $configMaps -}}{{- end -}}
{{- if $variables -}}{{- $_ := set $spec "env" $variables -}}{{- end -}}
{{- toYaml $spec -}}
{{- end -}}
