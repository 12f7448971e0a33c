/* The null server in C: nullserver.py's twin, for a ceiling that is the client's and not the server's.
 *
 *     nullserver HOST PORT        (port 0: any; it prints which)
 *
 * GET / (hello), GET /json, WebSocket echo on /ws. One epoll loop. No Date, no time-outs, no other paths.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 65536, MAX_REQUEST = 65536, MAX_MESSAGE = 16 << 20, EVENTS = 512 };

struct buffer {
    char *data;
    size_t length, room;
};

struct peer {
    struct buffer in, out;
    size_t sent;
    int websocket, close, waiting;
};

static struct peer **peers;
static int room, poll_fd;

static void append(struct buffer *b, const void *data, size_t length) {
    if (b->length + length > b->room) {
        b->room = (b->length + length) * 2;
        b->data = realloc(b->data, b->room);
        if (!b->data) abort();
    }
    memcpy(b->data + b->length, data, length);
    b->length += length;
}

static uint32_t left(uint32_t x, int n) { return x << n | x >> (32 - n); }

/* SHA-1 of at most 119 bytes: a handshake's key and GUID. */
static void sha1(const unsigned char *text, size_t length, unsigned char out[20]) {
    unsigned char block[128] = {0};
    uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    size_t total = length < 56 ? 64 : 128;
    memcpy(block, text, length);
    block[length] = 0x80;
    for (int i = 0; i < 8; i++) block[total - 1 - i] = (unsigned char)((uint64_t)length * 8 >> 8 * i);
    for (size_t at = 0; at < total; at += 64) {
        uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
        for (int i = 0; i < 16; i++) {
            const unsigned char *p = block + at + 4 * i;
            w[i] = (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
        }
        for (int i = 16; i < 80; i++) w[i] = left(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        for (int i = 0; i < 80; i++) {
            uint32_t f, k;
            if (i < 20) f = (b & c) | (~b & d), k = 0x5A827999;
            else if (i < 40) f = b ^ c ^ d, k = 0x6ED9EBA1;
            else if (i < 60) f = (b & c) | (b & d) | (c & d), k = 0x8F1BBCDC;
            else f = b ^ c ^ d, k = 0xCA62C1D6;
            uint32_t t = left(a, 5) + f + e + k + w[i];
            e = d, d = c, c = left(b, 30), b = a, a = t;
        }
        h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
    }
    for (int i = 0; i < 20; i++) out[i] = (unsigned char)(h[i / 4] >> (24 - 8 * (i % 4)));
}

static void accept_key(const char *key, size_t length, char out[29]) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char text[119], digest[21] = {0};
    if (length > 80) length = 80;
    memcpy(text, key, length);
    memcpy(text + length, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36);
    sha1(text, length + 36, digest);
    for (int i = 0; i < 7; i++) {
        uint32_t n = (uint32_t)digest[3 * i] << 16 | digest[3 * i + 1] << 8 | digest[3 * i + 2];
        for (int j = 0; j < 4; j++) out[4 * i + j] = digits[n >> (18 - 6 * j) & 63];
    }
    out[27] = '=';
    out[28] = 0;
}

/* The value of a header in a head that ends with an empty line; NULL where it is not there. */
static const char *field(const char *head, size_t length, const char *name, size_t *size) {
    size_t n = strlen(name);
    const char *end = head + length, *line = memchr(head, '\n', length);
    while (line && line + 1 + n < end) {
        line++;
        if (!strncasecmp(line, name, n) && line[n] == ':') {
            const char *value = line + n + 1, *stop = memchr(value, '\r', (size_t)(end - value));
            while (*value == ' ') value++;
            *size = stop ? (size_t)(stop - value) : 0;
            return value;
        }
        line = memchr(line, '\n', (size_t)(end - line));
    }
    return NULL;
}

static void answer(struct peer *p, const char *status, const char *type, const char *body) {
    char text[512];
    int n = snprintf(text, sizeof text, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n%s", status, type,
                     strlen(body), p->close ? "Connection: close\r\n" : "", body);
    append(&p->out, text, (size_t)n);
}

/* Answers one request; returns its length, 0 where it is not complete. */
static size_t request(struct peer *p, const char *data, size_t length) {
    const char *end = memmem(data, length, "\r\n\r\n", 4);
    if (!end) return 0;
    size_t head = (size_t)(end - data) + 4, used = head, size = 0;
    const char *value = field(data, head, "Content-Length", &size);
    if (value) used += strtoul(value, NULL, 10);
    if (used > length) return 0;
    value = field(data, head, "Connection", &size);
    p->close = value && size == 5 && !strncasecmp(value, "close", 5);
    const char *path = memchr(data, ' ', head);
    path = path ? path + 1 : data;
    value = field(data, head, "Sec-WebSocket-Key", &size);
    if (value && !strncmp(path, "/ws ", 4)) {
        char key[29], text[256];
        accept_key(value, size, key);
        int n = snprintf(text, sizeof text,
                         "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         "Sec-WebSocket-Accept: %s\r\n\r\n", key);
        append(&p->out, text, (size_t)n);
        p->websocket = 1;
    } else if (!strncmp(path, "/ ", 2)) {
        answer(p, "200 OK", "text/plain", "Hello, World!");
    } else if (!strncmp(path, "/json ", 6)) {
        answer(p, "200 OK", "application/json", "{\"message\": \"Hello, World!\"}");
    } else {
        answer(p, "404 Not Found", "text/plain", "not found");
    }
    return used;
}

/* Echoes one frame without its mask; returns its length, 0 where it is not complete, -1 where it is not valid. */
static long echo(struct peer *p, const unsigned char *d, size_t length) {
    if (length < 2) return 0;
    size_t size = d[1] & 0x7F, at = 2;
    if (size == 126) {
        if (length < 4) return 0;
        size = (size_t)d[2] << 8 | d[3], at = 4;
    } else if (size == 127) {
        if (length < 10) return 0;
        size = 0, at = 10;
        for (int i = 2; i < 10; i++) size = size << 8 | d[i];
    }
    if (size > MAX_MESSAGE || !(d[1] & 0x80)) return -1;
    if (length < at + 4 + size) return 0;
    unsigned char head[10];
    memcpy(head, d, at);
    head[1] &= 0x7F;
    if ((head[0] & 0x0F) == 0x9) head[0]++; /* a ping is answered with a pong */
    if ((head[0] & 0x0F) == 0x8) p->close = 1;
    append(&p->out, head, at);
    append(&p->out, d + at + 4, size);
    unsigned char *payload = (unsigned char *)p->out.data + p->out.length - size;
    const unsigned char *mask = d + at;
    for (size_t i = 0; i < size; i++) payload[i] ^= mask[i & 3];
    return (long)(at + 4 + size);
}

static void drop(int fd) {
    struct peer *p = peers[fd];
    free(p->in.data);
    free(p->out.data);
    free(p);
    peers[fd] = NULL;
    close(fd);
}

static void want(int fd, struct peer *p, int out) {
    if (p->waiting == out) return;
    p->waiting = out;
    struct epoll_event e = {.events = out ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.fd = fd};
    epoll_ctl(poll_fd, EPOLL_CTL_MOD, fd, &e);
}

/* Sends what is to be sent; returns 0 where the connection is gone. */
static int flush(int fd, struct peer *p) {
    while (p->sent < p->out.length) {
        ssize_t n = send(fd, p->out.data + p->sent, p->out.length - p->sent, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EAGAIN) {
                want(fd, p, 1);
                return 1;
            }
            drop(fd);
            return 0;
        }
        p->sent += (size_t)n;
    }
    p->sent = p->out.length = 0;
    want(fd, p, 0);
    if (p->close) {
        drop(fd);
        return 0;
    }
    return 1;
}

static void readable(int fd, struct peer *p) {
    static char chunk[CHUNK];
    ssize_t n = recv(fd, chunk, sizeof chunk, 0);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN) drop(fd);
        return;
    }
    const char *data = chunk;
    size_t length = (size_t)n, at = 0;
    if (p->in.length) {
        append(&p->in, chunk, length);
        data = p->in.data, length = p->in.length;
    }
    while (at < length && !p->close) {
        long used = p->websocket ? echo(p, (const unsigned char *)data + at, length - at)
                                 : (long)request(p, data + at, length - at);
        if (used < 0 || (used == 0 && length - at > (size_t)(p->websocket ? MAX_MESSAGE + 14 : MAX_REQUEST))) {
            drop(fd);
            return;
        }
        if (!used) break;
        at += (size_t)used;
    }
    if (data == chunk) {
        if (at < length) append(&p->in, chunk + at, length - at);
    } else {
        memmove(p->in.data, p->in.data + at, length - at);
        p->in.length = length - at;
    }
    flush(fd, p);
}

static void take(int listener) {
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= room) {
            int more = fd * 2 + 64;
            peers = realloc(peers, (size_t)more * sizeof *peers);
            if (!peers) abort();
            memset(peers + room, 0, (size_t)(more - room) * sizeof *peers);
            room = more;
        }
        peers[fd] = calloc(1, sizeof **peers);
        if (!peers[fd]) abort();
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &e);
    }
}

static int listen_on(const char *host, int port, int *got) {
    int one = 1, six = strchr(host, ':') != NULL, fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct sockaddr *a = six ? (struct sockaddr *)&a6 : (struct sockaddr *)&a4;
    socklen_t size = six ? sizeof a6 : sizeof a4;
    if (inet_pton(six ? AF_INET6 : AF_INET, host, six ? (void *)&a6.sin6_addr : (void *)&a4.sin_addr) != 1) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, a, size) || listen(fd, 4096) || getsockname(fd, a, &size)) return -1;
    *got = ntohs(six ? a6.sin6_port : a4.sin_port);
    return fd;
}

static void stop(int signal) {
    (void)signal;
    _exit(0);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: nullserver HOST PORT\n");
        return 2;
    }
    struct rlimit files;
    if (!getrlimit(RLIMIT_NOFILE, &files)) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    signal(SIGTERM, stop);
    signal(SIGINT, stop);
    int port = 0, listener = listen_on(argv[1], atoi(argv[2]), &port);
    if (listener < 0) {
        fprintf(stderr, "nullserver: cannot listen on %s port %s: %s\n", argv[1], argv[2], strerror(errno));
        return 2;
    }
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &e);
    printf("listening on %s port %d\n", argv[1], port);
    fflush(stdout);
    for (;;) {
        int n = epoll_wait(poll_fd, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                take(listener);
                continue;
            }
            struct peer *p = fd < room ? peers[fd] : NULL;
            if (!p) continue;
            if (p->waiting) {
                if (!flush(fd, p)) continue;
                /* What the peer does not read is not added to. */
                if (p->waiting) continue;
            }
            readable(fd, p);
        }
    }
}
