/* HTTP/1.1 with keep-alive on one thread: connections, whole requests, answers now or after a delay. */
#ifndef BENCH_HTTP_H
#define BENCH_HTTP_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 1024, MAX_HEAD = 16384, READ_BYTES = 1 << 18, MAX_BODY = 64 << 20, EVENTS = 64 };

struct buffer {
    char *text;
    size_t bytes, room;
};

struct connection {
    int fd;
    uint64_t life;       /* tells the uses of one descriptor apart */
    int answering;       /* an answer is due or on its way: the next request waits in `held` */
    unsigned char *held; /* what has arrived */
    size_t held_bytes, held_room, body_at, body_bytes;
    struct buffer out;
    size_t sent_bytes;
};

struct due {
    int64_t at_ns;
    int fd;
    uint64_t life;
};

static struct connection *connections[MAX_CONNECTIONS];
static struct due queue[MAX_CONNECTIONS]; /* in the order of the deadlines, at most one for each connection */
static size_t queue_first, queue_count;
static uint64_t lives;
static int poller, timer;
static long open_requests, most_open;

/*
 * What the program makes of a whole request: it composes an answer and returns after how many nanoseconds it leaves.
 * The head begins at `held`, the body stands at `held + body_at`; a NUL follows each.
 */
int64_t answer(struct connection *c);

static int64_t now_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void *grown(void *memory, size_t *room, size_t wanted)
{
    if (wanted <= *room)
        return memory;
    while (*room < wanted)
        *room = *room ? *room * 2 : 65536;
    memory = realloc(memory, *room);
    if (!memory)
        fail("memory");
    return memory;
}

static void append(struct buffer *buffer, const void *text, size_t bytes)
{
    buffer->text = grown(buffer->text, &buffer->room, buffer->bytes + bytes);
    memcpy(buffer->text + buffer->bytes, text, bytes);
    buffer->bytes += bytes;
}

static void compose(struct connection *c, int status, const char *json, size_t bytes)
{
    char head[160];
    int head_bytes = snprintf(head, sizeof head,
        "HTTP/1.1 %d Answer\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", status, bytes);
    c->out.bytes = c->sent_bytes = 0;
    append(&c->out, head, (size_t)head_bytes);
    append(&c->out, json, bytes);
}

static void compose_text(struct connection *c, int status, const char *json)
{
    compose(c, status, json, strlen(json));
}

static void hang_up(struct connection *c)
{
    open_requests -= c->answering;
    connections[c->fd] = NULL;
    close(c->fd);
    free(c->held);
    free(c->out.text);
    free(c);
}

static void watch(struct connection *c, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = c->fd};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event);
}

static void wake_at_first_due(void)
{
    struct itimerspec at = {0};
    if (queue_count) {
        at.it_value.tv_sec = queue[queue_first].at_ns / 1000000000LL;
        at.it_value.tv_nsec = queue[queue_first].at_ns % 1000000000LL;
    }
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
}

/* Deadlines come in their order, because the delay is the same for all that wait at one time. */
static void send_later(struct connection *c, int64_t at_ns)
{
    if (queue_count == MAX_CONNECTIONS)
        fail("more answers are due than there can be connections");
    queue[(queue_first + queue_count++) % MAX_CONNECTIONS] = (struct due){at_ns, c->fd, c->life};
    if (queue_count == 1)
        wake_at_first_due();
}

/* Find a request: 1 when all of it has arrived, 0 when not yet, -1 when this is none. */
static int has_request(struct connection *c)
{
    if (!c->body_at) {
        unsigned char *end = memmem(c->held, c->held_bytes < MAX_HEAD ? c->held_bytes : MAX_HEAD, "\r\n\r\n", 4);
        char *length;
        if (!end)
            return c->held_bytes < MAX_HEAD ? 0 : -1;
        *end = 0;
        length = strcasestr((char *)c->held, "\r\nContent-Length:");
        c->body_at = (size_t)(end - c->held) + 4;
        c->body_bytes = length ? strtoul(length + 17, NULL, 10) : 0;
        if (c->body_bytes > MAX_BODY || strcasestr((char *)c->held, "\r\nTransfer-Encoding:"))
            return -1;
    }
    return c->held_bytes >= c->body_at + c->body_bytes;
}

static void send_answer(struct connection *c);

static void take_request(struct connection *c)
{
    int64_t arrived_ns = now_ns(CLOCK_MONOTONIC), delay_ns;
    unsigned char *end = c->held + c->body_at + c->body_bytes, beyond = *end;

    c->answering = 1;
    if (++open_requests > most_open)
        most_open = open_requests;
    *end = 0;
    delay_ns = answer(c);
    *end = beyond;
    c->held_bytes -= c->body_at + c->body_bytes;
    memmove(c->held, end, c->held_bytes);
    c->body_at = c->body_bytes = 0;
    if (delay_ns)
        send_later(c, arrived_ns + delay_ns);
    else
        send_answer(c);
}

static void go_on(struct connection *c)
{
    int whole = c->answering ? 0 : has_request(c);
    if (whole < 0)
        hang_up(c);
    else if (whole > 0)
        take_request(c);
}

static void send_answer(struct connection *c)
{
    while (c->sent_bytes < c->out.bytes) {
        ssize_t sent = send(c->fd, c->out.text + c->sent_bytes, c->out.bytes - c->sent_bytes, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            watch(c, EPOLLIN | EPOLLOUT);
            return;
        }
        if (sent < 0) {
            hang_up(c);
            return;
        }
        c->sent_bytes += (size_t)sent;
    }
    c->answering = 0;
    open_requests--;
    go_on(c);
}

static void send_due(void)
{
    int64_t now = now_ns(CLOCK_MONOTONIC);
    while (queue_count && queue[queue_first].at_ns <= now) {
        struct due due = queue[queue_first];
        queue_first = (queue_first + 1) % MAX_CONNECTIONS;
        queue_count--;
        if (connections[due.fd] && connections[due.fd]->life == due.life)
            send_answer(connections[due.fd]);
    }
    wake_at_first_due();
}

static void receive(struct connection *c)
{
    ssize_t received;
    c->held = grown(c->held, &c->held_room, c->held_bytes + READ_BYTES + 1); /* and a NUL behind it */
    received = recv(c->fd, c->held + c->held_bytes, READ_BYTES, 0);
    if (received < 0 && errno == EAGAIN)
        return;
    if (received <= 0) {
        hang_up(c);
        return;
    }
    c->held_bytes += (size_t)received;
    go_on(c);
}

static void welcome(int listener)
{
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        if (fd >= MAX_CONNECTIONS || !(connections[fd] = calloc(1, sizeof **connections))) {
            close(fd);
            continue;
        }
        connections[fd]->fd = fd;
        connections[fd]->life = ++lives;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    }
}

static int listen_on(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, MAX_CONNECTIONS))
        fail("listening");
    return listener;
}

static void look_at(struct connection *c, uint32_t events)
{
    if (!(events & EPOLLOUT)) {
        receive(c);
        return;
    }
    watch(c, EPOLLIN);
    send_answer(c);
}

/* Serve 127.0.0.1 for ever. */
static void serve(int port)
{
    struct epoll_event events[EVENTS];
    int listener = listen_on(port);
    poller = epoll_create1(EPOLL_CLOEXEC);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN, .data.fd = listener});
    epoll_ctl(poller, EPOLL_CTL_ADD, timer, &(struct epoll_event){.events = EPOLLIN, .data.fd = timer});
    for (;;) {
        int ready = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            uint64_t ticks;
            if (fd == listener)
                welcome(listener);
            else if (fd != timer && connections[fd])
                look_at(connections[fd], events[i].events);
            else if (fd == timer && read(timer, &ticks, sizeof ticks) > 0)
                send_due();
        }
    }
}

#endif
