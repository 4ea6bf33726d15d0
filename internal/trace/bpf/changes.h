/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a change of state means for the life of a connection. Only connect(),
 * listen() and close() run in the time of the task whose doing it is; all else
 * may run in anybody's, so whose a connection is, only its life knows.
 *
 * Each of these may be called twice for one change (see tracer.bpf.c) and then
 * does nothing the second time: the life's state tells.
 */
#ifndef SOCKEYE_CHANGES_H
#define SOCKEYE_CHANGES_H

static __always_inline __u64 cookie_of(struct sock *sk)
{
	return sk->__sk_common.skc_cookie.counter;
}

static __always_inline __u32 netns_of(struct sock *sk)
{
	return sk->__sk_common.skc_net.net->ns.inum;
}

/*
 * What time it is, for a change that a packet brought about: the kernel has just
 * looked (tcp_mstamp_refresh() in tcp_rcv_established(), tcp_rcv_state_process(),
 * tcp_write_timer_handler(); v5.8 and v6.18). Asking again is a tenth of what an
 * event costs. A socket restored by CRIU may be established without a packet.
 */
static __always_inline __u64 packet_time(struct sock *sk, __u64 at_least)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	__u64 then = tp ? tp->tcp_clock_cache : 0;

	return then && then >= at_least ? then : bpf_ktime_get_ns();
}

/* Counts an opened connection for the current process, and makes it the life's opener. */
static __always_inline void opened_by_current(void *ctx, struct life *life, struct flow_key *key, __u64 ids, __u64 now)
{
	struct flow *flow;
	__u64 nth = 0;

	life->pid = ids >> 32;
	life->tid = ids;
	life->cgroup = current_cgroup();
	current_name(life->name);
	life->flow = flow_of(key, now);
	flow = flow_at(life->flow);
	if (life->flow >= FIRST_FLOW && flow) {
		nth = flow->seen;
		__sync_fetch_and_add(&flow->seen, 1);
	}
	life->stack = sample_stack(ctx, nth);
	if (life->stack && life->flow >= FIRST_FLOW) {
		__u32 row;

		key->stack = life->stack;
		row = row_of(key, now); /* without room it is counted in that without a stack */
		if (row) {
			life->flow = row;
			flow = flow_at(row);
		}
	}
	if (life->flow < FIRST_FLOW || !flow)
		return;
	life->generation = flow->generation;
	flow->used = now;
	__builtin_memcpy(flow->name, life->name, COMM_LEN); /* it may have called exec() */
	__sync_fetch_and_add(&flow->opened, 1);
}

/* CLOSE to SYN_SENT happens inside connect(): the current task is the caller. */
static __always_inline void connect_begins(void *ctx, struct sock *sk)
{
	__u64 now = bpf_ktime_get_ns(), ids = bpf_get_current_pid_tgid();
	__u64 known = cookie_of(sk), cookie = known ? known : bpf_get_socket_cookie(sk); /* makes it */
	struct flow_key key = {
		.pid = ids >> 32,
		.netns = netns_of(sk),
		.port = bpf_ntohs(sk->__sk_common.skc_dport),
	};
	struct life lost = {}, *life;
	__u32 place;

	remote_address(key.ip, sk);
	place = find(known); /* there is one after an attempt whose end went unseen */
	if (place == NOWHERE)
		place = make_room(cookie, now);
	life = life_at(place);
	if (!life)
		life = &lost; /* counted all the same */
	*life = (struct life){
		.opened = now,
		.since = now,
		.netns = key.netns,
		.state = TCP_SYN_SENT,
	};
	opened_by_current(ctx, life, &key, ids, now);
	publish(place, cookie);
	stream_change(sk, TCP_CLOSE, TCP_SYN_SENT, now, life, 0);
}

/* A SYN was answered, on either side. */
static __always_inline void established(struct sock *sk, int from)
{
	__u64 cookie = cookie_of(sk), now;
	__u32 place = find(cookie);
	struct life *life = life_at(place);
	struct flow *flow;

	now = packet_time(sk, life ? life->opened : 0);

	if (life) {
		if (life->state == TCP_ESTABLISHED)
			return;
		flow = flow_of_life(life);
		if (flow)
			count_duration(flow->latency, life->opened, now);
		stream_change(sk, from, TCP_ESTABLISHED, now, life, 0);
		life->state = TCP_ESTABLISHED;
		life->since = now;
		return;
	}
	if (from != TCP_SYN_RECV) /* connect() was called before the programs were attached */
		return;
	cookie = bpf_get_socket_cookie(sk); /* makes it */
	place = make_room(cookie, now);
	life = life_at(place);
	if (!life)
		return;
	*life = (struct life){
		.opened = now,
		.since = now,
		.flow = FLOW_UNACCEPTED,
		.netns = netns_of(sk),
		.state = TCP_ESTABLISHED,
		.flags = LIFE_INCOMING,
	};
	publish(place, cookie);
	stream_change(sk, from, TCP_ESTABLISHED, now, life, 0);
}

/* The first FIN of a connection went or came. */
static __always_inline void begins_to_end(struct sock *sk, int from, int to, __u8 ending)
{
	__u64 cookie = cookie_of(sk), now;
	__u32 place = find(cookie);
	struct life *life = life_at(place);

	now = to == TCP_CLOSE_WAIT ? packet_time(sk, life ? life->since : 0) : bpf_ktime_get_ns();
	if (life) {
		if (life->state == to)
			return;
		if (!life->ending) {
			life->ending = ending;
			life->closed = now;
		}
		stream_change(sk, from, to, now, life, 0);
		life->state = to;
		life->since = now;
		return;
	}
	/* Opened before the programs were attached: its closer at least is known. */
	cookie = bpf_get_socket_cookie(sk);
	place = make_room(cookie, now);
	life = life_at(place);
	if (!life)
		return;
	*life = (struct life){
		.since = now,
		.closed = now,
		.flow = FLOW_UNKNOWN,
		.netns = netns_of(sk),
		.state = to,
		.ending = ending,
	};
	publish(place, cookie);
	stream_change(sk, from, to, now, 0, 0);
}

/* A change that ends nothing and begins nothing, told only to who asked. */
static __always_inline void goes_on(struct sock *sk, int from, int to)
{
	__u64 now = bpf_ktime_get_ns();
	struct life *life = life_at(find(cookie_of(sk)));

	if (!life) {
		stream_change(sk, from, to, now, 0, 0);
		return;
	}
	if (life->state == to)
		return;
	stream_change(sk, from, to, now, life, 0);
	life->state = to;
	life->since = now;
}

/* How a connection that nobody had begun to close was cut off. */
static __always_inline __u8 cut_off(struct sock *sk)
{
	switch (sk->sk_err) {
	case 0: /* close() with data unread, or with SO_LINGER 0: tcp_close() of net/ipv4/tcp.c, v6.18 */
		if (sk->__sk_common.skc_flags & 1ul << bpf_core_enum_value(enum sock_flags, SOCK_LINGER) && !sk->sk_lingertime)
			return ENDING_LOCAL_LINGER;
		return ENDING_LOCAL_RESET;
	case ECONNABORTED: /* tcp_abort(): ss -K */
		return ENDING_LOCAL_RESET;
	case ECONNRESET:
	case EPIPE: /* the same, while our side was in CLOSE_WAIT: tcp_reset() of net/ipv4/tcp_input.c */
		return ENDING_PEER_RESET;
	case ETIMEDOUT: /* tcp_write_err(): or what ICMP said meanwhile */
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
		return ENDING_TIMEOUT;
	}
	return ENDING_LOCAL_RESET; /* an error of our side's own, as kTLS has */
}

/* A connect that came to nothing. Returns whether a failed call tells of it, or will. */
static __always_inline int count_unanswered(struct sock *sk, const struct life *life, struct flow *flow)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct failure_key key = {};
	__u64 cookie = cookie_of(sk);
	__u8 yes = 1;

	if (tp && tp->segs_out == 0) {
		/* No port, no memory…: connect() itself returns the errno. */
		if (flow)
			__sync_fetch_and_sub(&flow->opened, 1);
		return 1;
	}
	if (flow)
		__sync_fetch_and_add(&flow->failed, 1);
	if (!sk->sk_err)
		return 0; /* the program gave up */
	key.pid = life->pid;
	key.netns = life->netns;
	key.stack = life->stack;
	key.error = sk->sk_err;
	key.call = CALL_CONNECT;
	key.known = 1;
	key.port = bpf_ntohs(sk->__sk_common.skc_dport);
	remote_address(key.ip, sk);
	count_failure(&key, life->cgroup, life->name);
	stream_failure(&key, cookie, life->cgroup, life->name, life->tid);
	bpf_map_update_elem(&reported, &cookie, &yes, BPF_ANY);
	return 1;
}

static __always_inline void count_ended(struct sock *sk, const struct life *life, struct flow *flow, __u64 now)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	__u32 ending = life->ending;
	__u64 bytes;

	if (ending < ENDINGS)
		__sync_fetch_and_add(&flow->ends[ending], 1);
	if (life->opened)
		count_duration(flow->lifetime, life->opened, now);
	if (!tp)
		return;
	bytes = payload_sent(tp);
	if (bytes)
		__sync_fetch_and_add(&flow->sent, bytes);
	bytes = payload_received(sk, tp);
	if (bytes)
		__sync_fetch_and_add(&flow->received, bytes);
	if (tp->total_retrans)
		__sync_fetch_and_add(&flow->retrans, tp->total_retrans);
}

/*
 * Takes an incoming connection from those that nobody has accepted: for accept(),
 * or for its end. The two may meet, on two CPUs.
 */
static __always_inline int claim(struct life *life)
{
	return life->flow == FLOW_UNACCEPTED &&
	       __sync_val_compare_and_swap(&life->flow, FLOW_UNACCEPTED, FLOW_UNKNOWN) == FLOW_UNACCEPTED;
}

/* The flow of incoming connections that ended before accept() gave them to anybody. */
static __always_inline struct flow *unaccepted(struct sock *sk, __u64 now)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct flow_key key = { .netns = netns_of(sk), .port = tp ? local_port(tp) : 0, .incoming = 1 };
	struct flow *flow;
	__u32 number;

	remote_address(key.ip, sk);
	number = flow_of(&key, now);
	flow = flow_at(number);
	if (number < FIRST_FLOW || !flow)
		return 0;
	flow->used = now;
	__sync_fetch_and_add(&flow->opened, 1);
	return flow;
}

/*
 * The state in which a mini-socket goes on with the socket's ports and cookie, or
 * CLOSE: tcp_time_wait() of net/ipv4/tcp_minisocks.c, v6.18, and its callers. A
 * program that gives up a half-closed connection before the peer's FIN came sends
 * a reset, and then the socket is not yet orphaned. What cannot be told from here:
 * whether the kernel found room for the mini-socket (tcp_max_tw_buckets), and
 * whether an orphan was ended by data that came too late.
 */
static __always_inline int successor(struct sock *sk, int from)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	if (sk->sk_err)
		return TCP_CLOSE;
	if (from == TCP_CLOSING || (from == TCP_FIN_WAIT2 && fin_received(sk)))
		return TCP_TIME_WAIT;
	if (from == TCP_FIN_WAIT2 && tp && tp->linger2 >= 0 &&
	    sk->__sk_common.skc_flags & 1ul << bpf_core_enum_value(enum sock_flags, SOCK_DEAD))
		return TCP_FIN_WAIT2;
	return TCP_CLOSE;
}

/*
 * The usual ends are a packet's doing. Others may come long after the last packet,
 * by the program or by a timer: as ss -K does, or close() of a half-closed connection.
 */
static __always_inline int ended_by_packet(struct sock *sk, int from, int to)
{
	return !sk->sk_err && (from == TCP_LAST_ACK || to == TCP_TIME_WAIT);
}

/* The socket's end; how that of its mini-socket comes, no event tells. */
static __always_inline void ends(struct sock *sk, int from)
{
	int to = successor(sk, from), mini = to != TCP_CLOSE, told = 0;
	__u32 place = find(cookie_of(sk));
	struct life *life = life_at(place);
	struct flow *flow;
	__u64 now;

	now = ended_by_packet(sk, from, to) ? packet_time(sk, life ? life->since : 0) : bpf_ktime_get_ns();
	if (!life) {
		stream_change(sk, from, to, now, 0, mini ? EVENT_MINI : 0);
		return;
	}
	if (life->state == TCP_TIME_WAIT)
		return;
	flow = claim(life) ? unaccepted(sk, now) : flow_of_life(life);
	if (from == TCP_SYN_SENT || (from == TCP_SYN_RECV && !(life->flags & LIFE_INCOMING))) {
		life->ending = ENDING_FAILED;
		if (life->pid)
			told = count_unanswered(sk, life, flow);
	} else {
		if (!life->ending) {
			life->ending = cut_off(sk);
			life->closed = now;
		}
		if (flow)
			count_ended(sk, life, flow, now);
	}
	if (!told || streaming != STREAM_FAILURES)
		stream_change(sk, from, to, now, life, mini ? EVENT_MINI : 0);
	if (mini) {
		life->since = now;
		life->state = TCP_TIME_WAIT;
	} else {
		forget(place, life);
	}
}

#endif
