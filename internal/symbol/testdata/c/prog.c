// Prints the return addresses of its own stack, found by frame pointers, with
// the line of each call; then waits for the end of its input.
#include <stdio.h>
#include <unistd.h>
#include <dlfcn.h>

#define NOINLINE __attribute__((noinline))

#ifdef PLUG
int plug(int (*f)(int), int n);
#else
#define plug(f, n) f(n)
#endif

static NOINLINE int walk(int n) {
	void **fp = __builtin_frame_address(0);
	printf("PC %lu\n", (unsigned long)read); // innermost: inside libc
	for (int i = 0; i < 16 && fp; i++) {
		if (fp[1] == 0)
			break;
		printf("PC %lu\n", (unsigned long)fp[1]);
		if ((void **)fp[0] <= fp)
			break;
		fp = fp[0];
	}
	return n + 1;
}

static inline __attribute__((always_inline)) int tiny(int n) {
	int r = walk(n) + 3;
	printf("LINE tiny %d\n", __LINE__ - 1);
	return r;
}

NOINLINE int query(int n) {
	int r = tiny(n + 1) * 2;
	printf("LINE query %d\n", __LINE__ - 1);
	return r;
}

NOINLINE int handle(int n) {
	int r = plug(query, n) + 5;
	printf("LINE handle %d\n", __LINE__ - 1);
	return r;
}

int main(void) {
	char c;
	int r = handle(1) + 7;
	printf("LINE main %d\n", __LINE__ - 1);
	printf("READY\n");
	fflush(stdout);
	return read(0, &c, 1) + r > 0 ? 0 : 1;
}
