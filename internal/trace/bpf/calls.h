/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* System calls as they return: what was accepted, and what failed. */
#ifndef SOCKEYE_CALLS_H
#define SOCKEYE_CALLS_H

/* The TCP (or MPTCP) socket behind a file descriptor of the current process. */
static __always_inline struct sock *tcp_socket(__u32 fd)
{
	struct fdtable *table = BPF_CORE_READ(bpf_get_current_task_btf(), files, fdt);
	struct file *file = 0;
	struct socket *socket;
	struct sock *sk;
	int protocol;

	if (fd >= BPF_CORE_READ(table, max_fds))
		return 0;
	bpf_probe_read_kernel(&file, sizeof(file), BPF_CORE_READ(table, fd) + fd);
	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(socket, sk);
	protocol = BPF_CORE_READ(sk, sk_protocol);
	return protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP ? sk : 0;
}

/* The TCP socket that speaks for an MPTCP one. */
static __always_inline struct sock *speaker(struct sock *sk)
{
	if (BPF_CORE_READ(sk, sk_protocol) == IPPROTO_MPTCP && bpf_core_type_exists(struct mptcp_sock))
		return BPF_CORE_READ((struct mptcp_sock *)sk, first);
	return sk;
}

/* Reads what is in a struct sock_common at a field, after the whole was copied. */
#define COPIED(type, raw, field) (*(type *)((raw) + bpf_core_field_offset(struct sock_common, field)))

/*
 * accept() has returned this descriptor: its caller opened the connection. Each
 * read from the kernel's memory costs thirty nanoseconds, so there are few.
 */
static __always_inline void accepted(void *ctx, __u32 fd)
{
	struct fdtable *table = bpf_get_current_task_btf()->files->fdt;
	__u64 ids = bpf_get_current_pid_tgid();
	struct flow_key key = { .pid = ids >> 32, .incoming = 1 };
	__u8 raw[256] __attribute__((aligned(8)));
	struct file *file = 0;
	struct socket *socket;
	struct life *life;
	struct sock *sk;
	__u32 size, place;
	__u64 *at;

	if (fd >= table->max_fds || bpf_probe_read_kernel(&file, sizeof(file), table->fd + fd))
		return;
	socket = BPF_CORE_READ(file, private_data); /* of a socket: accept() returns nothing else */
	sk = BPF_CORE_READ(socket, sk);
	if (!sk)
		return;
	size = bpf_core_type_size(struct sock_common);
	if (size > sizeof(raw) || bpf_probe_read_kernel(raw, size, sk))
		return;
	place = find(COPIED(__u64, raw, skc_cookie));
	if (place == NOWHERE && BPF_CORE_READ(sk, sk_protocol) == IPPROTO_MPTCP) {
		if (bpf_probe_read_kernel(raw, size, speaker(sk)))
			return;
		place = find(COPIED(__u64, raw, skc_cookie));
	}
	/* Not known: no TCP, established before the programs were attached, or over already. */
	life = life_at(place);
	at = cookie_at(place);
	if (!life || !at || !claim(life))
		return;
	if (*at != COPIED(__u64, raw, skc_cookie)) { /* it ended, and another has its place */
		life->flow = FLOW_UNACCEPTED;
		return;
	}
	key.netns = life->netns;
	key.port = COPIED(__u16, raw, skc_num);
	if (COPIED(__u16, raw, skc_family) == AF_INET)
		set_ipv4(key.ip, COPIED(__be32, raw, skc_daddr));
	else if (bpf_core_field_exists(((struct sock_common *)0)->skc_v6_daddr))
		__builtin_memcpy(key.ip, raw + bpf_core_field_offset(struct sock_common, skc_v6_daddr), sizeof(key.ip));
	opened_by_current(ctx, life, &key, ids, life->opened);
}

/* Whether the failure of the connect() that returns was counted before. */
static __always_inline int was_reported(__u64 cookie)
{
	return bpf_map_delete_elem(&reported, &cookie) == 0;
}

/* Into a key whose address is all zero. */
static __always_inline int read_sockaddr(struct failure_key *to, const void *from)
{
	struct sockaddr_head head = {};

	if (bpf_probe_read_user(&head, sizeof(head), from))
		return 0;
	if (head.family == AF_INET)
		set_ipv4(to->ip, head.addr);
	else if (head.family != AF_INET6 ||
		 bpf_probe_read_user(to->ip, sizeof(to->ip), from + sizeof(head)))
		return 0;
	to->port = bpf_ntohs(head.port);
	to->known = 1;
	return 1;
}

/* The address that a socket is bound to, into a key whose address is all zero. */
static __always_inline void read_local(struct failure_key *to, struct sock *sk)
{
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET)
		set_ipv4(to->ip, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
	else if (bpf_core_field_exists(sk->__sk_common.skc_v6_rcv_saddr))
		BPF_CORE_READ_INTO(&to->ip, sk, __sk_common.skc_v6_rcv_saddr);
	to->port = BPF_CORE_READ(sk, __sk_common.skc_num);
	to->known = 1;
}

static __always_inline int is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* Errnos by which connect() says "not yet", "already" or "try again". */
static __always_inline int is_progress(int error)
{
	return error == EINPROGRESS || error == EALREADY || error == EISCONN ||
	       error == EAGAIN || error == EINTR;
}

static __always_inline int is_tcp(int family, int type, int protocol, int error)
{
	if ((family != AF_INET && family != AF_INET6) || (type & SOCK_TYPE_MASK) != SOCK_STREAM)
		return 0;
	/* Programs ask for MPTCP to see whether the kernel has it. */
	return protocol == IPPROTO_DEFAULT || protocol == IPPROTO_TCP ||
	       (protocol == IPPROTO_MPTCP && is_shortage(error));
}

static __always_inline int call_of(int number)
{
	switch (number) {
	case SYS_connect:
		return CALL_CONNECT;
	case SYS_bind:
		return CALL_BIND;
	case SYS_listen:
		return CALL_LISTEN;
	case SYS_socket:
		return CALL_SOCKET;
	case SYS_accept:
	case SYS_accept4:
		return CALL_ACCEPT;
	}
	return 0;
}

static __always_inline void failed(void *ctx, struct pt_regs *regs, int call, int error)
{
	struct failure_key key = { .call = call, .error = error };
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 ids = bpf_get_current_pid_tgid(), cookie = 0, cgroup;
	__u8 name[COMM_LEN] = {};
	struct failure *row;
	struct sock *sk = 0;

	if ((call == CALL_CONNECT && is_progress(error)) || (call == CALL_ACCEPT && !is_shortage(error)))
		return;
	if (call == CALL_SOCKET) {
		if (!is_tcp(SYSCALL_ARG1(regs), SYSCALL_ARG2(regs), SYSCALL_ARG3(regs), error))
			return;
		key.netns = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
	} else {
		sk = tcp_socket(SYSCALL_ARG1(regs));
		if (!sk)
			return;
		key.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
		cookie = BPF_CORE_READ(speaker(sk), __sk_common.skc_cookie.counter);
	}
	if (call == CALL_LISTEN)
		read_local(&key, sk);
	if ((call == CALL_CONNECT || call == CALL_BIND) && !read_sockaddr(&key, (void *)SYSCALL_ARG2(regs)))
		return;
	if (call == CALL_CONNECT && was_reported(cookie))
		return;
	key.pid = ids >> 32;
	current_name(name);
	cgroup = current_cgroup();
	row = failure_of(&key, cgroup, name);
	if (row) {
		key.stack = sample_stack(ctx, row->seen);
		__sync_fetch_and_add(&row->seen, 1);
	}
	count_failure(&key, cgroup, name);
	stream_failure(&key, cookie, cgroup, name, ids);
}

#endif
