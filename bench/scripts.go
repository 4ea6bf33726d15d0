package main

// What bpftrace is set to do beside the tracer: the questions of `trace` and of
// `trace --lives`, as far as the tracepoint's own fields answer them. Numbers of
// states are those of the kernel's include/net/tcp_states.h: 1 ESTABLISHED,
// 2 SYN_SENT, 3 SYN_RECV, 7 CLOSE.
const (
	// statesScript prints each change of a state and how long the old one lasted.
	statesScript = `
tracepoint:sock:inet_sock_set_state
/args->protocol == 6/
{
	$before = @since[args->skaddr];
	$lasted = $before ? (nsecs - $before) / 1000 : 0;
	printf("%d %s %s:%d %s:%d %d -> %d after %d us\n", pid, comm,
		ntop(args->family, args->saddr), args->sport, ntop(args->family, args->daddr), args->dport,
		args->oldstate, args->newstate, $lasted);
	if (args->newstate == 7) {
		delete(@since[args->skaddr]);
	} else {
		@since[args->skaddr] = nsecs;
	}
}
END { clear(@since); }
`
	// livesScript prints each connection when it ends: whose it was, how many bytes
	// it carried, how long it lasted.
	livesScript = `
tracepoint:sock:inet_sock_set_state
/args->protocol == 6 && (args->newstate == 2 || (args->oldstate == 3 && args->newstate == 1))/
{
	@began[args->skaddr] = nsecs;
	@by[args->skaddr] = pid;
	@named[args->skaddr] = comm;
}
tracepoint:sock:inet_sock_set_state
/args->protocol == 6 && args->newstate == 7 && @began[args->skaddr]/
{
	$tcp = (struct tcp_sock *)args->skaddr;
	printf("%d %s %s:%d %s:%d sent %d received %d lasted %d us\n",
		@by[args->skaddr], @named[args->skaddr],
		ntop(args->family, args->saddr), args->sport, ntop(args->family, args->daddr), args->dport,
		$tcp->bytes_acked, $tcp->bytes_received, (nsecs - @began[args->skaddr]) / 1000);
	delete(@began[args->skaddr]);
	delete(@by[args->skaddr]);
	delete(@named[args->skaddr]);
}
END { clear(@began); clear(@by); clear(@named); }
`
)
