/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Single events, for those who asked for them. */
#ifndef SOCKEYE_STREAM_H
#define SOCKEYE_STREAM_H

/*
 * Waking the reader for each event costs more than everything else together. It
 * looks by itself twenty times a second, and is woken once for each of these.
 */
#define WAKE_BYTES (64 * 1024)
#define RECORD_BYTES (sizeof(struct event) + 8) /* with the ring buffer's header */

static __always_inline struct event *new_event(void)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e) {
		LOSE(events);
		return 0;
	}
	__builtin_memset(e, 0, sizeof(*e));
	return e;
}

static __always_inline void send(struct event *e)
{
	__u64 waiting = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);

	/* A reader that is behind already is not woken by each event that comes on top. */
	bpf_ringbuf_submit(e, waiting % WAKE_BYTES < RECORD_BYTES && waiting >= WAKE_BYTES ?
			      BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

static __always_inline void set_ipv4(__u8 ip[16], __be32 addr)
{
	ip[10] = 0xff;
	ip[11] = 0xff;
	__builtin_memcpy(&ip[12], &addr, sizeof(addr));
}

/* Into sixteen zero bytes. */
static __always_inline void remote_address(__u8 ip[16], struct sock *sk)
{
	if (sk->__sk_common.skc_family == AF_INET)
		set_ipv4(ip, sk->__sk_common.skc_daddr);
	else if (bpf_core_field_exists(sk->__sk_common.skc_v6_daddr))
		bpf_core_read(ip, 16, &sk->__sk_common.skc_v6_daddr);
}

static __always_inline void local_address(__u8 ip[16], struct sock *sk)
{
	if (sk->__sk_common.skc_family == AF_INET)
		set_ipv4(ip, sk->__sk_common.skc_rcv_saddr);
	else if (bpf_core_field_exists(sk->__sk_common.skc_v6_rcv_saddr))
		bpf_core_read(ip, 16, &sk->__sk_common.skc_v6_rcv_saddr);
}

/* In network order and 0 before there is one, the port is still there in CLOSE. */
static __always_inline __u16 local_port(const struct tcp_sock *tp)
{
	return bpf_ntohs(tp->inet_conn.icsk_inet.inet_sport);
}

/* The peer's FIN has come: tcp_fin() of net/ipv4/tcp_input.c, v6.18. */
static __always_inline int fin_received(struct sock *sk)
{
	return sk->__sk_common.skc_flags >> bpf_core_enum_value(enum sock_flags, SOCK_DONE) & 1;
}

static __always_inline __u64 payload_sent(const struct tcp_sock *tp)
{
	__u64 sent = tp->bytes_sent, again = tp->bytes_retrans; /* counted even when the sending fails */

	return sent > again ? sent - again : 0;
}

static __always_inline __u64 payload_received(struct sock *sk, const struct tcp_sock *tp)
{
	__u64 n = tp->bytes_received;

	return n && fin_received(sk) ? n - 1 : n;
}

/* from, to and EVENT_* in one argument: a function may have five. */
#define CHANGE(from, to, flags) ((from) | (to) << 8 | (flags) << 16)

/*
 * Tells of a change of state. life is what is remembered, 0 when nothing is; it
 * still has the state that the socket leaves.
 */
static __noinline void tell_change(struct sock *sk, __u32 change, __u64 now, const struct life *life)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct event *e = new_event();

	if (!e)
		return;
	e->at = now;
	e->cookie = sk->__sk_common.skc_cookie.counter;
	e->netns = sk->__sk_common.skc_net.net->ns.inum;
	local_address(e->laddr, sk);
	remote_address(e->raddr, sk);
	if (tp)
		e->lport = local_port(tp);
	e->rport = bpf_ntohs(sk->__sk_common.skc_dport);
	e->from = change;
	e->to = change >> 8;
	e->flags = change >> 16;
	if (life) {
		e->opened = life->opened;
		e->since = life->since;
		e->closed = life->closed;
		e->tid = life->tid;
		e->ending = life->ending;
		e->flags |= life->flags;
		if (life->pid) {
			e->pid = life->pid;
			e->cgroup = life->cgroup;
			e->stack = life->stack;
			__builtin_memcpy(e->name, life->name, COMM_LEN);
			if (life->flags & LIFE_INCOMING)
				e->flags |= EVENT_ACCEPTED;
		}
	} else if (e->to == TCP_LISTEN) { /* within listen(): the current task is the caller */
		e->pid = bpf_get_current_pid_tgid() >> 32;
		e->tid = bpf_get_current_pid_tgid();
		e->cgroup = current_cgroup();
		e->flags |= EVENT_LISTENING;
		current_name(e->name);
	}
	if (e->to == TCP_CLOSE || e->flags & EVENT_MINI) {
		e->error = sk->sk_err;
		if (tp) {
			e->sent = payload_sent(tp);
			e->received = payload_received(sk, tp);
			e->retrans = tp->total_retrans;
		}
	}
	send(e);
}

static __always_inline void stream_change(struct sock *sk, int from, int to, __u64 now,
					  const struct life *life, __u32 flags)
{
	int end = to == TCP_CLOSE || flags & EVENT_MINI;
	int failed = end && (sk->sk_err || (life && life->ending == ENDING_FAILED));

	if (streaming & STREAM_CHANGES || (end && streaming & STREAM_ENDS) || (failed && streaming & STREAM_FAILURES))
		tell_change(sk, CHANGE(from, to, flags), now, life);
}

static __always_inline void stream_failure(const struct failure_key *key, __u64 cookie, __u64 cgroup,
					   const __u8 name[COMM_LEN], __u32 tid)
{
	struct event *e;

	if (!(streaming & STREAM_FAILURES))
		return;
	e = new_event();
	if (!e)
		return;
	e->at = bpf_ktime_get_ns();
	e->cookie = cookie;
	e->cgroup = cgroup;
	e->netns = key->netns;
	e->pid = key->pid;
	e->tid = tid;
	e->stack = key->stack;
	e->call = key->call;
	e->error = key->error;
	if (key->call == CALL_BIND || key->call == CALL_LISTEN) {
		__builtin_memcpy(e->laddr, key->ip, 16);
		e->lport = key->port;
	} else {
		__builtin_memcpy(e->raddr, key->ip, 16);
		e->rport = key->port;
	}
	__builtin_memcpy(e->name, name, COMM_LEN);
	send(e);
}

#endif
