/* The body of an execute request: parsed as JSON from its first byte to its last, its records counted. */
#ifndef BENCH_BODY_H
#define BENCH_BODY_H

#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 256, MAX_RECORDS = 1000 };

struct text {
    const unsigned char *begin; /* after the quote */
    size_t bytes;
};

struct body {
    const unsigned char *at;
    struct text ids[MAX_RECORDS];
    long records, without_id, batch_size;
};

/* Each reader moves `at` behind what it read and returns 0 where that is no JSON. A NUL behind the body ends them all. */
static int read_value(struct body *body, int depth);

static void skip_blanks(struct body *body)
{
    while (*body->at == ' ' || *body->at == '\n' || *body->at == '\r' || *body->at == '\t')
        body->at++;
}

static int read_char(struct body *body, unsigned char wanted)
{
    skip_blanks(body);
    if (*body->at != wanted)
        return 0;
    body->at++;
    return 1;
}

static int read_text(struct body *body, struct text *text)
{
    const unsigned char *p;
    if (!read_char(body, '"'))
        return 0;
    for (p = body->at; *p != '"'; p++) {
        if (*p < 0x20)
            return 0;
        if (*p == '\\' && *++p < 0x20)
            return 0;
    }
    text->begin = body->at;
    text->bytes = (size_t)(p - body->at);
    body->at = p + 1;
    return 1;
}

static int read_digits(struct body *body)
{
    const unsigned char *begin = body->at;
    while (*body->at >= '0' && *body->at <= '9')
        body->at++;
    return body->at > begin;
}

static int read_number(struct body *body)
{
    body->at += *body->at == '-';
    if (!read_digits(body))
        return 0;
    if (*body->at == '.') {
        body->at++;
        if (!read_digits(body))
            return 0;
    }
    if (*body->at != 'e' && *body->at != 'E')
        return 1;
    body->at++;
    body->at += *body->at == '+' || *body->at == '-';
    return read_digits(body);
}

static int read_word(struct body *body, const char *word)
{
    size_t bytes = strlen(word);
    if (strncmp((const char *)body->at, word, bytes) != 0)
        return 0;
    body->at += bytes;
    return 1;
}

/* Read an object or array: `element` is called for each value, with its key in an object. */
static int read_members(
    struct body *body, unsigned char open, int depth, int (*element)(struct body *, struct text, int))
{
    unsigned char close = open == '{' ? '}' : ']';
    struct text key = {0};
    if (depth > MAX_DEPTH || !read_char(body, open))
        return 0;
    if (read_char(body, close))
        return 1;
    do {
        if (open == '{' && !(read_text(body, &key) && read_char(body, ':')))
            return 0;
        if (!element(body, key, depth + 1))
            return 0;
    } while (read_char(body, ','));
    return read_char(body, close);
}

static int read_any(struct body *body, struct text key, int depth)
{
    (void)key;
    return read_value(body, depth);
}

static int read_value(struct body *body, int depth)
{
    struct text ignored;
    skip_blanks(body);
    switch (*body->at) {
    case '{':
    case '[':
        return read_members(body, *body->at, depth, read_any);
    case '"':
        return read_text(body, &ignored);
    case 't':
        return read_word(body, "true");
    case 'f':
        return read_word(body, "false");
    case 'n':
        return read_word(body, "null");
    default:
        return read_number(body);
    }
}

static int is(struct text text, const char *wanted)
{
    return text.bytes == strlen(wanted) && memcmp(text.begin, wanted, text.bytes) == 0;
}

static int read_record_member(struct body *body, struct text key, int depth)
{
    if (!is(key, "id"))
        return read_value(body, depth);
    body->without_id--;
    return read_text(body, &body->ids[body->records - 1]);
}

static int read_record(struct body *body, struct text key, int depth)
{
    (void)key;
    if (body->records == MAX_RECORDS)
        return 0;
    body->records++;
    body->without_id++;
    return read_members(body, '{', depth, read_record_member);
}

static int read_root_member(struct body *body, struct text key, int depth)
{
    if (is(key, "records"))
        return read_members(body, '[', depth, read_record);
    if (is(key, "batchSize")) {
        skip_blanks(body);
        body->batch_size = strtol((const char *)body->at, NULL, 10);
    }
    return read_value(body, depth);
}

/* Parse; true for one JSON object whose 1 to 1000 records have an id each and are as many as `batchSize` says. */
static int read_body(struct body *body, const unsigned char *begin, size_t bytes)
{
    body->at = begin;
    body->records = body->without_id = body->batch_size = 0;
    skip_blanks(body);
    if (!read_members(body, '{', 0, read_root_member))
        return 0;
    skip_blanks(body);
    return body->at == begin + bytes && body->records > 0 && body->without_id == 0 &&
           body->records == body->batch_size;
}

#endif
