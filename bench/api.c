/*
 * A stand-in of the CXone API for the benchmark: one thread, epoll, HTTP/1.1 with keep-alive.
 *
 * Every body is read whole, parsed as JSON from its first byte to its last, and hashed. The answer carries the checksum
 * and, when told to, names every record. A delay is a place in a queue of deadlines, so that it holds nobody else.
 *
 *   POST  /oauth/token                        a token
 *   PATCH /api/v2/dataactions/records         execute
 *   GET   /bench                              what was counted since the last POST
 *   POST  /bench?delay_us=100000&names=1      begin to count anew, with these rules
 *
 * Argument: the port, on 127.0.0.1.
 */
#define _GNU_SOURCE
#include "body.h"
#include "http.h"
#include "sha256.h"

static int64_t delay_ns;
static int names_records;
static struct {
    long requests, records, bytes, refused, tokens;
    int64_t first_ns, last_ns; /* since 1970 */
} seen;

static void compose_executed(struct connection *c, const struct body *body, const char *checksum)
{
    static struct buffer json;
    json.bytes = 0;
    append(&json, "{\"checksum\":\"", 13);
    append(&json, checksum, DIGEST_HEX);
    append(&json, "\"", 1);
    if (names_records) {
        append(&json, ",\"records\":[", 12);
        for (long i = 0; i < body->records; i++) {
            append(&json, ",{\"id\":\"" + !i, 8 - !i);
            append(&json, body->ids[i].begin, body->ids[i].bytes);
            append(&json, "\",\"version\":1}", 14);
        }
        append(&json, "]", 1);
    }
    append(&json, "}", 1);
    compose(c, 200, json.text, json.bytes);
}

static void answer_execute(struct connection *c)
{
    static struct body body;
    char checksum[DIGEST_HEX + 1];
    seen.last_ns = now_ns(CLOCK_REALTIME);
    if (!seen.requests)
        seen.first_ns = seen.last_ns;
    seen.requests++;
    seen.bytes += (long)c->body_bytes;
    if (!read_body(&body, c->held + c->body_at, c->body_bytes)) {
        seen.refused++;
        compose_text(c, 400, "{\"error\":\"this is no execute request\"}");
        return;
    }
    seen.records += body.records;
    sha256_hex(c->held + c->body_at, c->body_bytes, checksum);
    compose_executed(c, &body, checksum);
}

static void answer_counts(struct connection *c)
{
    char json[320];
    snprintf(json, sizeof json,
        "{\"requests\":%ld,\"records\":%ld,\"bytes\":%ld,\"refused\":%ld,\"tokens\":%ld,\"most_open\":%ld,"
        "\"first_ns\":%lld,\"last_ns\":%lld}",
        seen.requests, seen.records, seen.bytes, seen.refused, seen.tokens, most_open, (long long)seen.first_ns,
        (long long)seen.last_ns);
    compose_text(c, 200, json);
}

static long number_after(const char *line, const char *name)
{
    const char *found = strstr(line, name);
    return found ? strtol(found + strlen(name), NULL, 10) : 0;
}

static void begin_anew(struct connection *c, const char *line)
{
    memset(&seen, 0, sizeof seen);
    most_open = 0;
    delay_ns = 1000 * number_after(line, "delay_us=");
    names_records = (int)number_after(line, "names=");
    compose_text(c, 200, "{}");
}

int64_t answer(struct connection *c)
{
    const char *line = (const char *)c->held;
    if (strncmp(line, "PATCH /api/v2/dataactions/records ", 34) == 0) {
        answer_execute(c);
        return delay_ns;
    }
    if (strncmp(line, "POST /oauth/token ", 18) == 0) {
        seen.tokens++;
        compose_text(c, 200, "{\"access_token\":\"benchmark\",\"token_type\":\"Bearer\",\"expires_in\":3600}");
    } else if (strncmp(line, "GET /bench ", 11) == 0)
        answer_counts(c);
    else if (strncmp(line, "POST /bench?", 12) == 0)
        begin_anew(c, line);
    else
        compose_text(c, 404, "{}");
    return 0;
}

int main(int count, char **arguments)
{
    if (count != 2) {
        fprintf(stderr, "usage: %s PORT\n", arguments[0]);
        return 2;
    }
    serve(atoi(arguments[1]));
    return 0;
}
