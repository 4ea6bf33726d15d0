#include <cstdio>
#include <string>
#include <unistd.h>

namespace shop {
static int walk(int n) __attribute__((noinline));
static int walk(int n) {
	void **fp = (void **)__builtin_frame_address(0);
	printf("PC %lu\n", (unsigned long)read);
	for (int i = 0; i < 16 && fp; i++) {
		if (fp[1] == 0)
			break;
		printf("PC %lu\n", (unsigned long)fp[1]);
		if ((void **)fp[0] <= fp)
			break;
		fp = (void **)fp[0];
	}
	return n;
}
template <typename T> struct Dao {
	__attribute__((noinline)) int query(const std::string &q, T n) { return walk(q.size() + n) + 1; }
};
} // namespace shop

int main() {
	shop::Dao<int> d;
	auto run = [&](int n) __attribute__((noinline)) { return d.query("select", n) + 2; };
	int r = run(1);
	printf("READY\n");
	fflush(stdout);
	char c;
	return read(0, &c, 1) + r > 0 ? 0 : 1;
}
