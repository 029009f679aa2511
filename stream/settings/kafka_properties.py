"""Which librdkafka properties a user may set by `KAFKA_CONFIG_<NAME>`, and why not the others (contract section 5).

Facts of librdkafka 2.16 (its CONFIGURATION.md); a test asks the library itself whether each name and bound is true.
Each property of the library stands in exactly one of the two tables, so an unknown name is always a slip of the pen.
"""

from __future__ import annotations

from typing import NamedTuple

_ALLOWED = """
    client.id                                         *  text
    client.rack                                       *  text
    client.dns.lookup                                 *  use_all_dns_ips|resolve_canonical_bootstrap_servers_only
    metadata.recovery.strategy                        *  none|rebootstrap
    metadata.recovery.rebootstrap.trigger.ms          *  0..2147483647
    metadata.max.age.ms                               *  1000..86400000
    topic.metadata.refresh.interval.ms                *  1000..3600000
    topic.metadata.refresh.fast.interval.ms           *  1..60000
    topic.metadata.refresh.sparse                     *  bool
    topic.metadata.propagation.max.ms                 *  0..3600000
    allow.auto.create.topics                          *  bool
    api.version.request.timeout.ms                    *  1000..300000
    broker.address.ttl                                *  0..86400000
    broker.address.family                             *  any|v4|v6
    connections.max.idle.ms                           *  0..2147483647
    reconnect.backoff.ms                              *  0..3600000
    reconnect.backoff.max.ms                          *  0..3600000
    retry.backoff.ms                                  *  1..300000
    retry.backoff.max.ms                              *  1..300000
    socket.timeout.ms                                 *  1000..15000
    socket.connection.setup.timeout.ms                *  1000..2147483647
    socket.send.buffer.bytes                          *  0..100000000
    socket.receive.buffer.bytes                       *  0..100000000
    socket.keepalive.enable                           *  bool
    socket.nagle.disable                              *  bool
    receive.message.max.bytes                         *  1049088..2147483647
    message.copy.max.bytes                            *  0..1000000000
    log.thread.name                                   *  bool
    enable.metrics.push                               *  bool
    security.protocol                                 *  plaintext|ssl|sasl_plaintext|sasl_ssl
    ssl.cipher.suites                                 *  ciphers
    ssl.curves.list                                   *  text
    ssl.sigalgs.list                                  *  sigalgs
    ssl.providers                                     *  text
    ssl.key.location                                  *  file
    ssl.key.password                                  *  secret
    ssl.key.pem                                       *  secret
    ssl.certificate.location                          *  file
    ssl.certificate.pem                               *  secret
    ssl.ca.location                                   *  path
    ssl.ca.pem                                        *  secret
    ssl.ca.certificate.stores                         *  text
    ssl.crl.location                                  *  path
    ssl.keystore.location                             *  file
    ssl.keystore.password                             *  secret
    enable.ssl.certificate.verification               *  tls:true
    ssl.endpoint.identification.algorithm             *  tls:https
    https.ca.location                                 *  path
    https.ca.pem                                      *  secret
    sasl.mechanism                                    *  PLAIN|SCRAM-SHA-256|SCRAM-SHA-512|OAUTHBEARER
    sasl.mechanisms                                   *  PLAIN|SCRAM-SHA-256|SCRAM-SHA-512|OAUTHBEARER
    sasl.username                                     *  secret
    sasl.password                                     *  secret
    sasl.oauthbearer.method                           *  default|oidc
    sasl.oauthbearer.config                           *  secret
    sasl.oauthbearer.client.id                        *  secret
    sasl.oauthbearer.client.secret                    *  secret
    sasl.oauthbearer.client.credentials.client.id     *  secret
    sasl.oauthbearer.client.credentials.client.secret *  secret
    sasl.oauthbearer.scope                            *  text
    sasl.oauthbearer.extensions                       *  secret
    sasl.oauthbearer.token.endpoint.url               *  url
    sasl.oauthbearer.sub.claim.name                   *  text
    sasl.oauthbearer.grant.type                       *  client_credentials|urn:ietf:params:oauth:grant-type:jwt-bearer
    sasl.oauthbearer.assertion.algorithm              *  RS256|ES256
    sasl.oauthbearer.assertion.file                   *  file
    sasl.oauthbearer.assertion.private.key.file       *  file
    sasl.oauthbearer.assertion.private.key.passphrase *  secret
    sasl.oauthbearer.assertion.private.key.pem        *  secret
    sasl.oauthbearer.assertion.jwt.template.file      *  file
    sasl.oauthbearer.assertion.claim.aud              *  text
    sasl.oauthbearer.assertion.claim.iss              *  text
    sasl.oauthbearer.assertion.claim.sub              *  text
    sasl.oauthbearer.assertion.claim.exp.seconds      *  1..2147483647
    sasl.oauthbearer.assertion.claim.nbf.seconds      *  0..2147483647
    sasl.oauthbearer.assertion.claim.jti.include      *  bool
    sasl.oauthbearer.metadata.authentication.type     *  none|azure_imds
    max.poll.interval.ms                              C  10000..3600000
    coordinator.query.interval.ms                     C  1..3600000
    queued.min.messages                               C  1..10000000
    queued.max.messages.kbytes                        C  1..2097151
    fetch.wait.max.ms                                 C  0..300000
    fetch.queue.backoff.ms                            C  0..300000
    fetch.error.backoff.ms                            C  0..300000
    fetch.min.bytes                                   C  1..100000000
    fetch.max.bytes                                   C  1048576..2147483135
    fetch.message.max.bytes                           C  1..1000000000
    max.partition.fetch.bytes                         C  1..1000000000
    check.crcs                                        C  bool
    linger.ms                                         P  0..900000
    queue.buffering.max.ms                            P  0..900000
    queue.buffering.backpressure.threshold            P  1..1000000
    sticky.partitioning.linger.ms                     P  0..900000
    batch.num.messages                                P  1..1000000
    batch.size                                        P  1..2147483647
    compression.codec                                 P  none|gzip|snappy|lz4|zstd
    compression.type                                  P  none|gzip|snappy|lz4|zstd
    compression.level                                 P  -1..12
    request.timeout.ms                                P  1000..900000
"""


class Property(NamedTuple):
    """A librdkafka property that a user may set."""

    name: str
    clients: str
    """`C` consumers know it, `P` producers, `*` both."""
    rule: str
    """What its value may be: `bool`, `low..high`, `a|b`, or a kind that `kafka_config` explains."""


class Refusal(NamedTuple):
    """Why a librdkafka property cannot be set."""

    reason: str
    """The predicate of a sentence about the property."""
    way_out: str
    """What to do instead."""


PROPERTIES = {words[0]: Property(*words) for words in map(str.split, _ALLOWED.strip().splitlines())}

ALIASES = {
    "sasl.mechanisms": "sasl.mechanism",
    "sasl.oauthbearer.client.credentials.client.id": "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.credentials.client.secret": "sasl.oauthbearer.client.secret",
    "fetch.message.max.bytes": "max.partition.fetch.bytes",
    "queue.buffering.max.ms": "linger.ms",
    "compression.codec": "compression.type",
}
"""Second names of the same property: giving both would leave it to their order which one counts."""

_REFUSED: tuple[tuple[str, str, str], ...] = (
    ("bootstrap.servers metadata.broker.list", "has a setting of its own", "use KAFKA_BOOTSTRAP_SERVERS"),
    ("group.id", "has a setting of its own", "use KAFKA_GROUP_ID"),
    (
        "group.instance.id transactional.id",
        "must belong together: this transactional.id fences the earlier owner of this group.instance.id",
        "use KAFKA_INSTANCE_ID, which gives both",
    ),
    (
        "session.timeout.ms heartbeat.interval.ms",
        "has a setting of its own, from which both follow",
        "use KAFKA_SESSION_TIMEOUT_S",
    ),
    (
        "auto.offset.reset",
        "would let the client jump over events that nobody decided",
        "use KAFKA_START to say where a partition without a committed offset begins",
    ),
    (
        (
            "enable.auto.commit auto.commit.enable auto.commit.interval.ms enable.auto.offset.store offset.store.method"
            " offset.store.path offset.store.sync.interval.ms"
        ),
        "would commit offsets outside the transaction that holds their outcomes, and so lose events",
        "remove it",
    ),
    (
        "isolation.level",
        "would execute events of transactions that their writer aborted",
        "remove it: read_committed is always used",
    ),
    (
        (
            "enable.idempotence enable.gapless.guarantee acks request.required.acks retries message.send.max.retries"
            " max.in.flight max.in.flight.requests.per.connection queuing.strategy msg_order_cmp"
        ),
        "would weaken the producer on which exactly one outcome per event rests",
        "remove it: the producer is always idempotent, in order and acknowledged by all replicas in sync",
    ),
    (
        "transaction.timeout.ms message.timeout.ms delivery.timeout.ms",
        "is what the recovery of a hung transaction is timed by",
        "remove it; the broker's transaction.max.timeout.ms must be at least 30000",
    ),
    (
        "message.max.bytes",
        "is read from the topics at start, so that nothing is sent that the broker refuses",
        "set max.message.bytes of the outcome and dead letter topics instead",
    ),
    (
        "partitioner partitioner_cb",
        "would scatter the outcomes of a key: readers count on murmur2_random, as Java's producers do",
        "remove it",
    ),
    (
        "partition.assignment.strategy group.protocol group.protocol.type group.remote.assignor",
        "would change how partitions are handed over, on which order and fencing rest",
        "remove it: the classic protocol with cooperative-sticky is always used",
    ),
    (
        "queue.buffering.max.messages queue.buffering.max.kbytes delivery.report.only.error",
        "would break the count of a transaction's outcomes and their delivery reports",
        "remove it; STREAM_BUFFER_BYTES bounds the memory",
    ),
    (
        "enable.partition.eof consume.callback.max.messages",
        "would put things that are no events among the events, or hold events back",
        "remove it",
    ),
    (
        "topic.blacklist",
        "would hide an input topic without a word",
        "remove it; KAFKA_INPUT_TOPIC names the topics that are read",
    ),
    (
        "plugin.library.paths interceptors ssl.engine.location ssl.engine.id ssl_engine_callback_data",
        "would load foreign code into the process, in which the credentials are",
        "remove it; for an OpenSSL provider use KAFKA_CONFIG_SSL_PROVIDERS",
    ),
    (
        "log.connection.close",
        "would hide that a connection broke, after which a producer must be replaced",
        "remove it",
    ),
    (
        "debug log_level log.queue",
        "makes librdkafka write lines that nothing redacts, credentials among them",
        "use STREAM_LOG_LEVEL; to debug a connection use kcat with `-d broker,security`",
    ),
    ("statistics.interval.ms", "makes statistics that nothing reads", "remove it"),
    (
        "ssl_key ssl_certificate ssl_ca",
        "can be set by program code only",
        "use the name with _PEM or _LOCATION at its end, as KAFKA_CONFIG_SSL_CA_LOCATION",
    ),
    (
        (
            "error_cb throttle_cb stats_cb log_cb background_event_cb socket_cb connect_cb closesocket_cb open_cb"
            " resolve_cb oauthbearer_token_refresh_cb ssl.certificate.verify_cb consume_cb rebalance_cb"
            " offset_commit_cb dr_cb dr_msg_cb opaque default_topic_conf enabled_events"
            " internal.termination.signal enable.random.seed builtin.features client.software.name"
            " client.software.version metadata.request.timeout.ms enable.sparse.connections enable_sasl_queue"
        ),
        "can be set by program code only",
        "remove it",
    ),
    (
        "enable.sasl.oauthbearer.unsecure.jwt",
        "would log in with unsigned tokens",
        "set KAFKA_CONFIG_SASL_OAUTHBEARER_METHOD=oidc and its token endpoint instead",
    ),
    (
        (
            "sasl.kerberos.service.name sasl.kerberos.principal sasl.kerberos.kinit.cmd sasl.kerberos.keytab"
            " sasl.kerberos.min.time.before.relogin"
        ),
        "needs Kerberos, which is not built into this client",
        "log in with PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or a client certificate",
    ),
    (
        "api.version.request api.version.fallback.ms broker.version.fallback",
        "is for brokers that are too old for transactions",
        "remove it",
    ),
    (
        "socket.max.fails",
        "could match an answer of the broker to the wrong request",
        "remove it; KAFKA_CONFIG_SOCKET_TIMEOUT_MS says how long a broker may take",
    ),
    (
        "topic.metadata.refresh.fast.cnt socket.blocking.max.ms reconnect.backoff.jitter.ms produce.offset.report",
        "has no effect any more in librdkafka",
        "remove it",
    ),
    ("test.mock.num.brokers test.mock.broker.rtt", "would replace the brokers by a mock", "remove it"),
    (
        "max.poll.records share.acknowledgement.mode",
        "is for share groups, which this service does not use",
        "remove it",
    ),
)

REFUSED = {name: Refusal(reason, way_out) for names, reason, way_out in _REFUSED for name in names.split()}
