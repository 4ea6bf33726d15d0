__attribute__((noinline)) int plug(int (*f)(int), int n) {
	return f(n) + 11;
}
