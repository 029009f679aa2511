{{/* The login to Kafka, whichever way it was said, as one form that settings, mounts and KEDA are made from. */}}

{{/*
cxone.kafkaLogin: {tls, authority: {kind, name, key}, client: {secret, certificate, key, password},
sasl: {mechanism, secret, usernameKey, passwordKey, username}}; what does not apply is left out.
*/}}
{{- define "cxone.kafkaLogin" -}}
{{- $login := dict "tls" (or .Values.kafka.tls.enabled (ne .Values.kafka.strimzi.cluster "")) -}}
{{- with .Values.kafka.tls -}}
{{- if .authority.secret -}}
{{- $_ := set $login "authority" (dict "kind" "secret" "name" .authority.secret "key" .authority.key) -}}
{{- else if .authority.configMap -}}
{{- $_ := set $login "authority" (dict "kind" "configMap" "name" .authority.configMap "key" .authority.key) -}}
{{- end -}}
{{- with .client -}}
{{- if .existingSecret -}}
{{- $_ := set $login "client" (dict "secret" .existingSecret "certificate" .certificateKey "key" .privateKeyKey "password" .passwordKey) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with .Values.kafka.sasl -}}
{{- if .mechanism -}}
{{- $_ := set $login "sasl" (dict "mechanism" .mechanism "secret" (.existingSecret | default (include "cxone.madeSecret" $)) "usernameKey" (ternary .usernameKey "kafka-username" (ne .existingSecret "")) "passwordKey" (ternary .passwordKey "kafka-password" (ne .existingSecret "")) "username" (ternary .username "" (ne .existingSecret ""))) -}}
{{- end -}}
{{- end -}}
{{- with .Values.kafka.strimzi -}}
{{- if .cluster -}}
{{- $_ := set $login "authority" (dict "kind" "secret" "name" (printf "%s-cluster-ca-cert" .cluster) "key" "ca.crt") -}}
{{- end -}}
{{- if and .user (eq .authentication "tls") -}}
{{- $_ := set $login "client" (dict "secret" .user "certificate" "user.crt" "key" "user.key" "password" "") -}}
{{- else if .user -}}
{{- $_ := set $login "sasl" (dict "mechanism" "SCRAM-SHA-512" "secret" .user "usernameKey" "" "passwordKey" "password" "username" .user) -}}
{{- end -}}
{{- end -}}
{{- toJson $login -}}
{{- end -}}

{{/* cxone.kafkaSettings: the KAFKA_CONFIG_… settings of the login and of kafka.config, as a JSON object. */}}
{{- define "cxone.kafkaSettings" -}}
{{- $login := include "cxone.kafkaLogin" . | fromJson -}}
{{- $settings := dict -}}
{{- range $name, $value := .Values.kafka.config -}}
{{- $_ := set $settings (printf "KAFKA_CONFIG_%s" ($name | replace "." "_" | upper)) (include "cxone.text" $value) -}}
{{- end -}}
{{- $protocol := printf "%s%s" (ternary "sasl_" "" (hasKey $login "sasl")) (ternary "ssl" "plaintext" $login.tls) -}}
{{- if ne $protocol "plaintext" -}}
{{- $_ := set $settings "KAFKA_CONFIG_SECURITY_PROTOCOL" $protocol -}}
{{- end -}}
{{- if $login.authority -}}
{{- $_ := set $settings "KAFKA_CONFIG_SSL_CA_LOCATION" "/etc/cxone-delta-stream/secrets/kafka/ca.crt" -}}
{{- end -}}
{{- with $login.client -}}
{{- $_ := set $settings "KAFKA_CONFIG_SSL_CERTIFICATE_LOCATION" "/etc/cxone-delta-stream/secrets/kafka/client.crt" -}}
{{- $_ := set $settings "KAFKA_CONFIG_SSL_KEY_LOCATION" "/etc/cxone-delta-stream/secrets/kafka/client.key" -}}
{{- if .password -}}
{{- $_ := set $settings "KAFKA_CONFIG_SSL_KEY_PASSWORD_FILE" "/etc/cxone-delta-stream/secrets/kafka/client.password" -}}
{{- end -}}
{{- end -}}
{{- with $login.sasl -}}
{{- $_ := set $settings "KAFKA_CONFIG_SASL_MECHANISM" .mechanism -}}
{{- $oauth := eq .mechanism "OAUTHBEARER" -}}
{{- $user := ternary "KAFKA_CONFIG_SASL_OAUTHBEARER_CLIENT_ID" "KAFKA_CONFIG_SASL_USERNAME" $oauth -}}
{{- if .username -}}
{{- $_ := set $settings $user .username -}}
{{- else -}}
{{- $_ := set $settings (printf "%s_FILE" $user) "/etc/cxone-delta-stream/secrets/kafka/username" -}}
{{- end -}}
{{- $password := ternary "KAFKA_CONFIG_SASL_OAUTHBEARER_CLIENT_SECRET_FILE" "KAFKA_CONFIG_SASL_PASSWORD_FILE" $oauth -}}
{{- $_ := set $settings $password "/etc/cxone-delta-stream/secrets/kafka/password" -}}
{{- if $oauth -}}
{{- $_ := set $settings "KAFKA_CONFIG_SASL_OAUTHBEARER_METHOD" "oidc" -}}
{{- with $.Values.kafka.sasl.oauth -}}
{{- $_ := set $settings "KAFKA_CONFIG_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL" .tokenEndpointUrl -}}
{{- if .scope -}}
{{- $_ := set $settings "KAFKA_CONFIG_SASL_OAUTHBEARER_SCOPE" .scope -}}
{{- end -}}
{{- if .authority.configMap -}}
{{- $_ := set $settings "KAFKA_CONFIG_HTTPS_CA_LOCATION" "/etc/cxone-delta-stream/secrets/kafka/oauth-ca.crt" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $settings -}}
{{- end -}}

{{/* cxone.kafkaPorts: the ports of the brokers, as a JSON list of distinct numbers. */}}
{{- define "cxone.kafkaPorts" -}}
{{- $ports := list -}}
{{- range splitList "," .Values.kafka.bootstrapServers -}}
{{- $ports = append $ports (int (regexFind "[0-9]+$" (regexFind ":[0-9]+$" (trim .)) | default "9092")) -}}
{{- end -}}
{{- range .Values.networkPolicy.kafkaPorts -}}
{{- $ports = append $ports (int .) -}}
{{- end -}}
{{- $ports | uniq | toJson -}}
{{- end -}}
