/* Delays UDP datagrams, so that BMCs on this machine are as far away as real ones, and counts them.
 *
 * relay FIRST COUNT EMULATORS SERVERS CLIENTS PORT DELAY_US: for COUNT numbers n from FIRST on, what reaches
 * CLIENTS+n:PORT goes to SERVERS+(n modulo EMULATORS):PORT after DELAY_US microseconds, and the answer goes back as
 * much later to who sent last. With EMULATORS 0 the datagrams are lost: silent BMCs.
 * CLIENTS and SERVERS are IPv4 addresses. Prints "ready", and for each line on its input the datagrams so far;
 * ends with its input. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LONGEST 1024
#define WAITING 65536 /* a power of two */

struct pair {
    int front, back;
    struct sockaddr_in client;
};

struct datagram {
    struct timespec due;
    struct sockaddr_in to;
    int fd, length;
    unsigned char data[LONGEST];
};

static struct datagram *queue;
static unsigned first, end;
static unsigned long passed;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int bound(in_addr_t address, int port)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof here)) die("bind");
    return fd;
}

static void receive(struct pair *pair, int backwards, long delay)
{
    for (;;) {
        struct datagram *next = &queue[end & (WAITING - 1)];
        struct sockaddr_in from;
        socklen_t size = sizeof from;
        int fd = backwards ? pair->back : pair->front;
        ssize_t length = recvfrom(fd, next->data, LONGEST, 0, (struct sockaddr *)&from, &size);
        if (length < 0) return;
        if (!backwards) pair->client = from;
        passed++;
        if (end - first == WAITING) continue; /* full: lost, as UDP may */
        next->fd = backwards ? pair->front : pair->back;
        next->to = pair->client;
        if (!backwards) next->to.sin_family = AF_UNSPEC; /* the socket is connected */
        next->length = length;
        clock_gettime(CLOCK_MONOTONIC, &next->due);
        next->due.tv_nsec += delay;
        next->due.tv_sec += next->due.tv_nsec / 1000000000;
        next->due.tv_nsec %= 1000000000;
        end++;
    }
}

/* Sends what is due; how long until the next one, in *wait. */
static struct timespec *send_due(struct timespec *wait)
{
    while (first != end) {
        struct datagram *next = &queue[first & (WAITING - 1)];
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        long long left = (next->due.tv_sec - now.tv_sec) * 1000000000LL + next->due.tv_nsec - now.tv_nsec;
        if (left > 0) {
            wait->tv_sec = left / 1000000000;
            wait->tv_nsec = left % 1000000000;
            return wait;
        }
        if (next->to.sin_family == AF_UNSPEC)
            send(next->fd, next->data, next->length, 0);
        else
            sendto(next->fd, next->data, next->length, 0, (struct sockaddr *)&next->to, sizeof next->to);
        first++;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 8) return 2;
    int begin = atoi(argv[1]), count = atoi(argv[2]), emulators = atoi(argv[3]), port = atoi(argv[6]);
    in_addr_t servers = ntohl(inet_addr(argv[4])), clients = ntohl(inet_addr(argv[5]));
    long delay = atol(argv[7]) * 1000;
    struct pair *pairs = calloc(count, sizeof *pairs);
    queue = calloc(WAITING, sizeof *queue);
    int poll = epoll_create1(0);
    if (!pairs || !queue || poll < 0) die("memory");
    for (int n = 0; n < count; n++) {
        pairs[n].front = bound(clients + begin + n, port);
        if (!emulators) continue;
        struct sockaddr_in server = {
            .sin_family = AF_INET,
            .sin_port = htons(port),
            .sin_addr.s_addr = htonl(servers + (begin + n) % emulators)};
        pairs[n].back = bound(INADDR_LOOPBACK, 0);
        if (connect(pairs[n].back, (struct sockaddr *)&server, sizeof server)) die("connect");
        struct epoll_event event = {.events = EPOLLIN, .data.u64 = n * 2};
        if (epoll_ctl(poll, EPOLL_CTL_ADD, pairs[n].front, &event)) die("epoll");
        event.data.u64 = n * 2 + 1;
        if (epoll_ctl(poll, EPOLL_CTL_ADD, pairs[n].back, &event)) die("epoll");
    }
    struct epoll_event input = {.events = EPOLLIN, .data.u64 = (uint64_t)-1};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, 0, &input)) die("standard input");
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct epoll_event events[256];
        struct timespec wait;
        int found = epoll_pwait2(poll, events, 256, send_due(&wait), NULL);
        for (int n = 0; n < found; n++) {
            uint64_t which = events[n].data.u64;
            if (which == (uint64_t)-1) {
                char line[64];
                if (read(0, line, sizeof line) <= 0) return 0;
                printf("%lu\n", passed);
                fflush(stdout);
            } else
                receive(&pairs[which / 2], which & 1, delay);
        }
    }
}
