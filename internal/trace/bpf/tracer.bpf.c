// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Remembers who opened and who closed each connection, from where in the code,
 * and counts what fails.
 *
 * A connect() can fail in three ways, and each is counted exactly once:
 *   - within the call, before a SYN left: its return tells the errno;
 *   - later, after a SYN left (reset, timeout, ICMP): the state change tells the
 *     errno, and the call that may still be waiting for it is remembered in
 *     `reported`, so that its return is not counted again;
 *   - by the program itself, which gave up and closed: a connection that failed,
 *     but no failed call.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>
#include "syscall.h"
#include "tracer.h"
#include "maps.h"
#include "table.h"
#include "flows.h"
#include "sampling.h"
#include "stream.h"
#include "changes.h"
#include "calls.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Puts the types where bpf2go finds them; no program refers to these. */
const struct event *unused_event __attribute__((unused));
const enum ending *unused_ending __attribute__((unused));

static __always_inline void change(void *ctx, struct sock *sk, int from, int to)
{
	switch (to) {
	case TCP_ESTABLISHED:
		established(sk, from);
		break;
	case TCP_FIN_WAIT1:
		begins_to_end(sk, from, to, ENDING_LOCAL_FIN);
		break;
	case TCP_CLOSE_WAIT:
		begins_to_end(sk, from, to, ENDING_PEER_FIN);
		break;
	case TCP_CLOSE:
		if (from != TCP_LISTEN)
			ends(sk, from);
		else if (streaming & STREAM_CHANGES)
			goes_on(sk, from, to);
		break;
	case TCP_SYN_RECV: /* from LISTEN: a copy of the listener, without a remote end yet */
		if (streaming & STREAM_CHANGES && from != TCP_LISTEN)
			goes_on(sk, from, to);
		break;
	default:
		if (streaming & STREAM_CHANGES)
			goes_on(sk, from, to);
	}
}

/* Where a change of the socket with this cookie is noted; 0 with a broken map. */
static __always_inline struct change *noted(__u64 cookie)
{
	__u32 zero = 0;
	struct handled *handled = bpf_map_lookup_elem(&last_handled, &zero);

	return handled ? &handled->last[cookie % HANDLED] : 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(state_change, struct sock *sk, int from, int to)
{
	struct change *last;
	__u64 cookie;

	if (sk->sk_protocol != IPPROTO_TCP)
		return 0;
	if (to == TCP_SYN_SENT)
		connect_begins(ctx, sk);
	else
		change(ctx, sk, from, to);
	cookie = cookie_of(sk);
	if (!cookie && streaming) /* so that it is not told twice */
		cookie = bpf_get_socket_cookie(sk);
	last = noted(cookie);
	if (last) {
		last->cookie = cookie;
		last->to = to;
	}
	return 0;
}

/*
 * The kernel does not run a program again on a CPU where it is running already
 * (bpf_trace_run in kernel/trace/bpf_trace.c). An interrupt within state_change
 * may receive a hundred packets that end connections, all of which it would
 * miss. This one sees them; what state_change has dealt with on this CPU it
 * leaves at once, or, when an interrupt came in between, finds done. Never are
 * both interrupted at once: one runs after the other, nothing preempts them, and
 * no packet is received while another is. The beginning of a connection is no
 * packet's doing and is not missed.
 */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(state_change_again, struct sock *sk, int from, int to)
{
	struct change *last;
	__u64 cookie;

	if (to == TCP_SYN_SENT || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	cookie = cookie_of(sk);
	last = noted(cookie);
	if (last && last->cookie == cookie && last->to == to)
		return 0;
	change(ctx, sk, from, to);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(syscall_return, struct pt_regs *regs, long ret)
{
	int number, call;

	/* Attached to every system call of the machine: leave at once. */
	if (ret < -EHWPOISON)
		return 0;
	number = SYSCALL_NUMBER(regs);
	if (ret >= 0 && number != SYS_accept4 && number != SYS_accept)
		return 0;
	call = call_of(number);
	if (!call || SYSCALL_IS_32BIT(bpf_get_current_task_btf()))
		return 0;
	if (ret >= 0)
		accepted(ctx, ret);
	else
		failed(ctx, regs, call, -ret);
	return 0;
}
