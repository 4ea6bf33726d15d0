/* A churning program in C; its arguments and modes are those of ../go/churn.go.
 * Build: gcc -O1 -g -fno-omit-frame-pointer -pthread -o churn churn.c */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ATTEMPTS_UNTIL_READY = 20, MOST_KEPT = 800 };

static struct sockaddr_in shop;
static int rate, workers;
static enum { CLOSE, LEAK, FAIL } mode;
static atomic_long attempts;

/* connect_to is the direct caller of libc's connect(), which keeps no frame
 * pointer: by frame pointers alone it is skipped and its caller found. */
static __attribute__((noinline)) int connect_to(int fd, const struct sockaddr_in *to)
{
	int failed = connect(fd, (const struct sockaddr *)to, sizeof *to); /* connects */
	return failed;
}

/* fetch_price is what Sockeye has to name. */
static __attribute__((noinline)) int fetch_price(const struct sockaddr_in *from)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	int failed = connect_to(fd, from); /* opens */
	if (failed) {
		close(fd);
		return -1;
	}
	char answer[16];
	if (send(fd, "GET\n", 4, MSG_NOSIGNAL) != 4 || recv(fd, answer, sizeof answer, 0) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void wait_ns(long ns)
{
	struct timespec t = {ns / 1000000000, ns % 1000000000};
	nanosleep(&t, NULL);
}

static void *work(void *number)
{
	wait_ns(1000000000L / rate * (long)number); /* one after the other, no bursts */
	for (;;) {
		long n = atomic_fetch_add(&attempts, 1) + 1;
		if (mode == LEAK && n > MOST_KEPT)
			return NULL;
		int fd = fetch_price(&shop);
		if (fd >= 0 && mode != LEAK)
			close(fd);
		if (n == ATTEMPTS_UNTIL_READY) {
			printf("ready %d\n", getpid());
			fflush(stdout);
		}
		wait_ns(1000000000L / rate * workers);
	}
}

int main(int argc, char **argv)
{
	char *port = argc == 5 ? strchr(argv[1], ':') : NULL;
	if (!port) {
		fputs("usage: churn IPV4:PORT RATE WORKERS close|leak|fail\n", stderr);
		return 2;
	}
	*port++ = 0;
	shop.sin_family = AF_INET;
	shop.sin_port = htons(atoi(port));
	rate = atoi(argv[2]);
	workers = atoi(argv[3]);
	mode = !strcmp(argv[4], "leak") ? LEAK : !strcmp(argv[4], "fail") ? FAIL : CLOSE;
	if (inet_pton(AF_INET, argv[1], &shop.sin_addr) != 1 || rate < 1 || workers < 1 ||
	    (mode == CLOSE && strcmp(argv[4], "close"))) {
		fputs("churn: bad IPV4, RATE, WORKERS or MODE\n", stderr);
		return 2;
	}
	for (long i = 0; i < workers; i++) {
		pthread_t t;
		if (pthread_create(&t, NULL, work, (void *)i))
			return 1;
	}
	char c;
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	return 0;
}
