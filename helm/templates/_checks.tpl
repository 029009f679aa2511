{{/*
What the schema cannot say: values that are missing, or that exclude each other. All of it is told at once, one line
each, in the words of the service's own configuration errors: where, what, what to do.
*/}}

{{- define "cxone.check" -}}
{{- $problems := concat (include "cxone.checkRequired" . | fromJsonArray) (include "cxone.checkKafka" . | fromJsonArray) (include "cxone.checkOthers" . | fromJsonArray) -}}
{{- if $problems -}}
{{- fail (printf "\n\ncxone-delta-stream cannot be installed with these values:\n  %s\n" (join "\n  " $problems)) -}}
{{- end -}}
{{- end -}}

{{- define "cxone.checkRequired" -}}
{{- $problems := list -}}
{{- if not .Values.image.repository -}}
{{- $problems = append $problems "image.repository is missing: name the image that you built from this project's Dockerfile, as registry.example.com/cxone-delta-stream" -}}
{{- end -}}
{{- if not (or .Values.cxone.region .Values.cxone.baseUrl) -}}
{{- $problems = append $problems "cxone.region is missing: give the host name of the API, as us-21.niceincontact.com" -}}
{{- end -}}
{{- if and .Values.cxone.region .Values.cxone.baseUrl -}}
{{- $problems = append $problems "cxone.baseUrl replaces cxone.region: give one of the two" -}}
{{- end -}}
{{- with .Values.cxone -}}
{{- if and .existingSecret (or .clientId .clientSecret) -}}
{{- $problems = append $problems "cxone.existingSecret is given, and clientId or clientSecret too: give the secret alone, or both of the others" -}}
{{- else if not (or .existingSecret (and .clientId .clientSecret)) -}}
{{- $problems = append $problems "cxone.existingSecret is missing: name a Secret with the keys client-id and client-secret (kubectl create secret generic cxone --from-literal=client-id=… --from-file=client-secret=…)" -}}
{{- end -}}
{{- end -}}
{{- if not .Values.kafka.bootstrapServers -}}
{{- $problems = append $problems "kafka.bootstrapServers is missing: give host:port of one or more brokers, as kafka-1:9092" -}}
{{- end -}}
{{- toJson $problems -}}
{{- end -}}

{{- define "cxone.checkKafka" -}}
{{- $problems := list -}}
{{- with .Values.kafka -}}
{{- if has .outcomeTopic .inputTopics -}}
{{- $problems = append $problems "kafka.outcomeTopic is an input topic too: give it a topic of its own" -}}
{{- end -}}
{{- if and .deadLetterTopic (has .deadLetterTopic (append .inputTopics .outcomeTopic)) -}}
{{- $problems = append $problems "kafka.deadLetterTopic is one of the other topics too: give it a topic of its own" -}}
{{- end -}}
{{- if and (not .tls.enabled) (or .tls.authority.secret .tls.authority.configMap .tls.client.existingSecret) -}}
{{- $problems = append $problems "kafka.tls.enabled is false, and certificates are given: set it to true, or take them away" -}}
{{- end -}}
{{- if and .tls.authority.secret .tls.authority.configMap -}}
{{- $problems = append $problems "kafka.tls.authority.secret and .configMap are both given: give one of the two" -}}
{{- end -}}
{{- if .strimzi.user -}}
{{- if or .sasl.mechanism .tls.client.existingSecret -}}
{{- $problems = append $problems "kafka.strimzi.user is a login already: take kafka.sasl.mechanism and kafka.tls.client away" -}}
{{- end -}}
{{- if and (eq .strimzi.authentication "tls") (not (or .strimzi.cluster .tls.enabled)) -}}
{{- $problems = append $problems "kafka.strimzi.cluster is missing: a login by certificate needs TLS; name the Kafka cluster, whose authority lies in the Secret NAME-cluster-ca-cert" -}}
{{- end -}}
{{- else if .strimzi.cluster -}}
{{- $problems = append $problems "kafka.strimzi.user is missing: name the KafkaUser, whose Secret has its name" -}}
{{- end -}}
{{- if and .strimzi.cluster (or .tls.authority.secret .tls.authority.configMap) -}}
{{- $problems = append $problems "kafka.strimzi.cluster names the authority already: take kafka.tls.authority away" -}}
{{- end -}}
{{- with .sasl -}}
{{- if and .mechanism (not .existingSecret) (not (and .username .password)) -}}
{{- $problems = append $problems (printf "kafka.sasl.existingSecret is missing: %s logs in with user name and password; name a Secret with the keys username and password" .mechanism) -}}
{{- end -}}
{{- if and .existingSecret .password -}}
{{- $problems = append $problems "kafka.sasl.existingSecret is given, and password too: give one of the two" -}}
{{- end -}}
{{- if and (not .mechanism) (or .existingSecret .username .password) -}}
{{- $problems = append $problems "kafka.sasl.mechanism is missing: give PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER" -}}
{{- end -}}
{{- if and (eq .mechanism "OAUTHBEARER") (not .oauth.tokenEndpointUrl) -}}
{{- $problems = append $problems "kafka.sasl.oauth.tokenEndpointUrl is missing: give the https address at which OAUTHBEARER gets its tokens" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $problems -}}
{{- end -}}

{{- define "cxone.checkOthers" -}}
{{- $problems := list -}}
{{- if and .Values.mapping.content .Values.mapping.existingConfigMap -}}
{{- $problems = append $problems "mapping.content and mapping.existingConfigMap are both given: give one of the two" -}}
{{- end -}}
{{- with .Values.autoscaling -}}
{{- if and .enabled (gt (int64 .minReplicas) (int64 .maxReplicas)) -}}
{{- $problems = append $problems "autoscaling.minReplicas is above autoscaling.maxReplicas: lower it" -}}
{{- end -}}
{{- end -}}
{{- toJson $problems -}}
{{- end -}}
