// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Reads the TCP tables of the network namespace that the iterator is opened in. */
#include "kernel.h"
#include "record.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Puts the type where bpf2go finds it; no program refers to it, so nothing loads it. */
const struct tcp_record *unused_tcp_record __attribute__((unused));

/* jiffies until a timer fires, 0 when it is due. */
static __always_inline __u32 until(unsigned long expires, unsigned long now)
{
	long left = (long)(expires - now);

	return left > 0 ? (__u32)left : 0;
}

/*
 * How the port was taken. A bucket that connect() made has both marks at -1,
 * one that bind() made or joined has at least one of them at 0 or 1, and
 * connect() skips those (net/ipv4/inet_hashtables.c __inet_hash_connect and
 * net/ipv4/inet_connection_sock.c inet_csk_update_fastreuse, v6.18). Accepted
 * connections live in the bucket of their listener.
 */
static __always_inline __u8 port_use(const struct inet_bind_bucket *tb)
{
	if (!tb)
		return PORT_UNKNOWN;
	return BPF_CORE_READ(tb, fastreuse) >= 0 || BPF_CORE_READ(tb, fastreuseport) >= 0 ? PORT_BOUND : PORT_AUTO;
}

/* tcp_timeout_expires() of net/ipv4: three homes in three ages. */
static __always_inline unsigned long retransmit_expires(const struct inet_connection_sock *icsk)
{
	const struct inet_connection_sock___old *old = (const void *)icsk;
	const struct sock___619 *sk = (const void *)icsk;

	if (bpf_core_field_exists(old->icsk_timeout))
		return old->icsk_timeout;
	if (bpf_core_field_exists(sk->tcp_retransmit_timer))
		return sk->tcp_retransmit_timer.expires;
	return icsk->icsk_retransmit_timer.expires;
}

static __always_inline const struct timer_list *keepalive_timer(const struct inet_connection_sock *icsk)
{
	const struct inet_connection_sock___619 *new = (const void *)icsk;
	const struct sock *sk = (const void *)icsk;

	if (bpf_core_field_exists(new->icsk_keepalive_timer))
		return &new->icsk_keepalive_timer;
	return &sk->sk_timer;
}

/* The same choice as inet_sk_diag_fill() of net/ipv4/inet_diag.c, v6.18. */
static __always_inline void fill_timer(struct tcp_record *r, const struct inet_connection_sock *icsk,
				       unsigned long now)
{
	const struct timer_list *keepalive;

	switch (icsk->icsk_pending) {
	case ICSK_TIME_RETRANS:
	case ICSK_TIME_LOSS_PROBE:
	case ICSK_TIME_REO_TIMEOUT:
		r->timer = 1;
		r->retries = icsk->icsk_retransmits;
		r->expires = until(retransmit_expires(icsk), now);
		return;
	case ICSK_TIME_PROBE0:
		r->timer = 4;
		r->retries = icsk->icsk_probes_out;
		r->expires = until(retransmit_expires(icsk), now);
		return;
	}
	keepalive = keepalive_timer(icsk);
	if (keepalive->entry.pprev) {
		r->timer = 2;
		r->retries = icsk->icsk_probes_out;
		r->expires = until(keepalive->expires, now);
	}
}

/* What tcp_get_info() of net/ipv4/tcp.c tells, as far as anybody asks. */
static __always_inline void fill_info(struct tcp_record *r, const struct tcp_sock *tp, __u32 now)
{
	const struct inet_connection_sock *icsk = &tp->inet_conn;

	r->flags |= RECORD_INFO;
	r->bytes_acked = tp->bytes_acked;
	r->bytes_received = tp->bytes_received;
	r->last_send = now - tp->lsndtime;
	r->last_recv = now - icsk->icsk_ack.lrcvtime;
	r->last_ack = now - tp->rcv_tstamp;
	r->rtt = tp->srtt_us >> 3;
	r->rto = icsk->icsk_rto;
	r->unacked = tp->packets_out;
	r->retrans = tp->total_retrans;
	r->send_window = tp->snd_wnd;
	r->backoff = icsk->icsk_backoff;
	r->probes = icsk->icsk_probes_out;
}

static __always_inline void fill_full(struct tcp_record *r, const struct tcp_sock *tp, unsigned long now)
{
	const struct sock *sk = (const void *)tp;
	const struct socket *sock = sk->sk_socket;
	int unread;

	r->mark = sk->sk_mark;
	r->port_use = port_use(tp->inet_conn.icsk_bind_hash);
	if (sock) {
		/* Not sk_socket->file: an MPTCP subflow has none, yet bears the inode of its parent. */
		const struct inode *inode = &((const struct socket_alloc *)sock)->vfs_inode;
		unsigned long ino = 0;

		bpf_core_read(&ino, sizeof(ino), &inode->i_ino);
		r->inode = ino;
	} else if (sk->__sk_common.skc_flags & (1UL << SOCK_DEAD)) {
		r->flags |= RECORD_ORPHAN;
	}
	if (r->state == TCP_LISTEN) {
		r->recvq = sk->sk_ack_backlog;
		r->sendq = sk->sk_max_ack_backlog;
		return;
	}
	/* tcp_diag_get_info() of net/ipv4/tcp_diag.c: a FIN may lie beyond what is read. */
	unread = (int)(tp->rcv_nxt - tp->copied_seq);
	r->recvq = unread > 0 ? unread : 0;
	r->sendq = tp->write_seq - tp->snd_una;
	fill_timer(r, &tp->inet_conn, now);
	fill_info(r, tp, (__u32)now);
}

/*
 * Minis and requests are read by their state and not through
 * bpf_skc_to_tcp_timewait_sock() and bpf_skc_to_tcp_request_sock(): those ask
 * whether sk_prot is tcp_prot (net/core/filter.c, v6.18) and return NULL for the
 * subflows of MPTCP, which have an sk_prot of their own. Every Go server listens
 * with MPTCP by default, so that would lose the TIME_WAIT of half the machines.
 */
static __always_inline void fill_mini(struct tcp_record *r, const struct tcp_timewait_sock *tw, unsigned long now)
{
	r->flags |= RECORD_MINI;
	r->state = BPF_CORE_READ(tw, tw_sk.tw_substate);
	r->mark = BPF_CORE_READ(tw, tw_sk.tw_mark);
	r->timer = 3;
	r->expires = until(BPF_CORE_READ(tw, tw_sk.tw_timer.expires), now);
	r->port_use = port_use(BPF_CORE_READ(tw, tw_sk.tw_tb));
}

/* The same as inet_req_diag_fill() of net/ipv4/inet_diag.c, v6.18. */
static __always_inline void fill_request(struct tcp_record *r, const struct tcp_request_sock *treq, unsigned long now)
{
	r->state = TCP_SYN_RECV;
	r->mark = BPF_CORE_READ(treq, req.ir_mark);
	r->timer = 1;
	r->retries = BPF_CORE_READ(treq, req.req.num_retrans);
	r->expires = until(BPF_CORE_READ(treq, req.req.rsk_timer.expires), now);
}

SEC("iter/tcp")
int sockets(struct bpf_iter__tcp *ctx)
{
	struct sock_common *skc = ctx->sk_common;
	struct tcp_record r = {};
	struct tcp_sock *tp;
	unsigned long now;

	if (!skc)
		return 0;
	now = bpf_jiffies64();
	r.cookie = bpf_get_socket_cookie(skc);
	r.netns = skc->skc_net.net->ns.inum;
	r.keepalive_time = skc->skc_net.net->ipv4.sysctl_tcp_keepalive_time;
	r.uid = ctx->uid;
	r.iface = skc->skc_bound_dev_if;
	r.family = skc->skc_family;
	r.state = skc->skc_state;
	r.lport = skc->skc_num;
	r.rport = bpf_ntohs(skc->skc_dport);
	if (r.family == AF_INET6) {
		bpf_core_read(r.laddr, 16, &skc->skc_v6_rcv_saddr);
		bpf_core_read(r.raddr, 16, &skc->skc_v6_daddr);
	} else {
		*(__be32 *)r.laddr = skc->skc_rcv_saddr;
		*(__be32 *)r.raddr = skc->skc_daddr;
	}
	if (r.state == TCP_TIME_WAIT) {
		fill_mini(&r, (const void *)skc, now);
	} else if (r.state == TCP_NEW_SYN_RECV) {
		fill_request(&r, (const void *)skc, now);
	} else {
		tp = bpf_skc_to_tcp_sock(skc);
		if (!tp)
			return 0;
		fill_full(&r, tp, now);
	}
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}
