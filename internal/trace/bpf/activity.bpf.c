// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Counts which process connects where and which calls fail.
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
#include "activity.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define MAX_KEYS 16384

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_KEYS);
	__type(key, struct connect_key);
	__type(value, struct connect_count);
} connects SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_KEYS);
	__type(key, struct failure_key);
	__type(value, struct failure_count);
} failures SEC(".maps");

/* Sockets between SYN_SENT and what becomes of them: whose they are. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct connect_key);
} pending SEC(".maps");

/* Cookies of sockets whose failure was counted when their state changed. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u8);
} reported SEC(".maps");

/* Events that found no room. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} lost SEC(".maps");

static void lose(void)
{
	__u32 zero = 0;
	__u64 *n = bpf_map_lookup_elem(&lost, &zero);

	if (n)
		__sync_fetch_and_add(n, 1); /* an interrupt may lose something too */
}

static __u32 current_pid(void)
{
	return bpf_get_current_pid_tgid() >> 32;
}

/* The name of the process: that of its first thread, whichever thread calls. */
static void current_name(__u8 name[COMM_LEN])
{
	struct task_struct *leader = BPF_CORE_READ(bpf_get_current_task_btf(), group_leader);

	bpf_core_read(name, COMM_LEN, &leader->comm);
}

/* Into an endpoint that is all zero. */
static void set_ipv4(struct endpoint *to, __be32 addr)
{
	to->ip[10] = 0xff;
	to->ip[11] = 0xff;
	__builtin_memcpy(&to->ip[12], &addr, sizeof(addr));
}

static void count_failure(const struct failure_key *key, const __u8 name[COMM_LEN])
{
	struct failure_count *seen = bpf_map_lookup_elem(&failures, key);

	if (!seen) {
		struct failure_count none = {};

		__builtin_memcpy(none.name, name, COMM_LEN);
		bpf_map_update_elem(&failures, key, &none, BPF_NOEXIST);
		seen = bpf_map_lookup_elem(&failures, key);
		if (!seen) {
			lose();
			return;
		}
	}
	__sync_fetch_and_add(&seen->count, 1);
}

/* CLOSE to SYN_SENT happens inside connect(): the current task is the caller. */
static void connect_begins(struct sock *sk)
{
	struct connect_key key = {
		.pid = current_pid(),
		.netns = sk->__sk_common.skc_net.net->ns.inum,
	};
	struct connect_count *seen;
	struct connect_key *mine;

	if (sk->__sk_common.skc_family == AF_INET)
		set_ipv4(&key.remote, sk->__sk_common.skc_daddr);
	else if (bpf_core_field_exists(sk->__sk_common.skc_v6_daddr))
		BPF_CORE_READ_INTO(&key.remote.ip, sk, __sk_common.skc_v6_daddr);
	key.remote.port = bpf_ntohs(sk->__sk_common.skc_dport);
	key.remote.known = 1;

	seen = bpf_map_lookup_elem(&connects, &key);
	if (!seen) {
		struct connect_count none = {};

		current_name(none.name);
		bpf_map_update_elem(&connects, &key, &none, BPF_NOEXIST);
		seen = bpf_map_lookup_elem(&connects, &key);
	}
	mine = seen ? bpf_sk_storage_get(&pending, sk, &key, BPF_SK_STORAGE_GET_F_CREATE) : 0;
	if (!mine) {
		lose();
		return;
	}
	*mine = key; /* it may have been there: from an attempt whose end went unseen */
	__sync_fetch_and_add(&seen->opened, 1);
}

/* May run in any task's time: whose connection it is, only `pending` knows. */
static void connect_ends(struct sock *sk, int to)
{
	struct connect_key *key = bpf_sk_storage_get(&pending, sk, 0, 0);
	struct connect_count *seen;

	if (!key)
		return;
	seen = bpf_map_lookup_elem(&connects, key);
	if (to == TCP_CLOSE && seen) {
		if (BPF_CORE_READ((struct tcp_sock *)sk, segs_out) == 0) {
			/* No port, no memory…: connect() itself returns the errno. */
			__sync_fetch_and_sub(&seen->opened, 1);
		} else {
			__sync_fetch_and_add(&seen->failed, 1);
			if (sk->sk_err) {
				struct failure_key failure = {
					.pid = key->pid,
					.netns = key->netns,
					.addr = key->remote,
					.call = CALL_CONNECT,
					.error = sk->sk_err,
				};
				__u64 cookie = bpf_get_socket_cookie(sk);
				__u8 yes = 1;

				count_failure(&failure, seen->name);
				bpf_map_update_elem(&reported, &cookie, &yes, BPF_ANY);
			}
		}
	}
	bpf_sk_storage_delete(&pending, sk);
}

static int ends_connect(int from, int to)
{
	return (from == TCP_SYN_SENT || from == TCP_SYN_RECV) && to != TCP_SYN_RECV;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(state_change, struct sock *sk, int from, int to)
{
	if (from == TCP_CLOSE && to == TCP_SYN_SENT && sk->sk_protocol == IPPROTO_TCP)
		connect_begins(sk);
	else if (ends_connect(from, to))
		connect_ends(sk, to);
	return 0;
}

/*
 * The kernel does not run a program again on a CPU where it is running already
 * (bpf_trace_run in kernel/trace/bpf_trace.c). An interrupt within state_change
 * may receive a hundred packets that end connections, all of which it would
 * miss. This one sees them, and of what state_change has counted it finds
 * nothing `pending`. Never are both interrupted at once: one runs after the
 * other, nothing preempts them, and no packet is received while another is. The
 * beginning of a connection is no packet's doing and is not missed.
 */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(state_change_again, struct sock *sk, int from, int to)
{
	if (ends_connect(from, to))
		connect_ends(sk, to);
	return 0;
}

/* The TCP (or MPTCP) socket behind a file descriptor of the current process. */
static struct sock *tcp_socket(__u32 fd)
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

/* Whether the failure of the connect() that returns was counted before. */
static int was_reported(struct sock *sk)
{
	__u64 cookie;

	/* The SYN of an MPTCP socket is sent by a TCP socket inside it. */
	if (BPF_CORE_READ(sk, sk_protocol) == IPPROTO_MPTCP && bpf_core_type_exists(struct mptcp_sock))
		sk = BPF_CORE_READ((struct mptcp_sock *)sk, first);
	cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	return bpf_map_delete_elem(&reported, &cookie) == 0;
}

/* Into an endpoint that is all zero. */
static int read_sockaddr(struct endpoint *to, const void *from)
{
	struct sockaddr_head head = {};

	if (bpf_probe_read_user(&head, sizeof(head), from))
		return 0;
	if (head.family == AF_INET)
		set_ipv4(to, head.addr);
	else if (head.family != AF_INET6 ||
		 bpf_probe_read_user(to->ip, sizeof(to->ip), from + sizeof(head)))
		return 0;
	to->port = bpf_ntohs(head.port);
	to->known = 1;
	return 1;
}

static int is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* Errnos by which connect() says "not yet", "already" or "try again". */
static int is_progress(int error)
{
	return error == EINPROGRESS || error == EALREADY || error == EISCONN ||
	       error == EAGAIN || error == EINTR;
}

static int is_tcp(int family, int type, int protocol, int error)
{
	if ((family != AF_INET && family != AF_INET6) || (type & SOCK_TYPE_MASK) != SOCK_STREAM)
		return 0;
	/* Programs ask for MPTCP to see whether the kernel has it. */
	return protocol == IPPROTO_DEFAULT || protocol == IPPROTO_TCP ||
	       (protocol == IPPROTO_MPTCP && is_shortage(error));
}

SEC("tp_btf/sys_exit")
int BPF_PROG(syscall_return, struct pt_regs *regs, long ret)
{
	struct failure_key key = {};
	struct task_struct *task;
	__u8 name[COMM_LEN] = {};
	struct sock *sk;

	/* Attached to every system call of the machine: leave at once. */
	if (ret >= 0 || ret < -EHWPOISON)
		return 0;
	switch (SYSCALL_NUMBER(regs)) {
	case SYS_connect:
		key.call = CALL_CONNECT;
		break;
	case SYS_bind:
		key.call = CALL_BIND;
		break;
	case SYS_listen:
		key.call = CALL_LISTEN;
		break;
	case SYS_socket:
		key.call = CALL_SOCKET;
		break;
	case SYS_accept:
	case SYS_accept4:
		key.call = CALL_ACCEPT;
		break;
	default:
		return 0;
	}
	key.error = -ret;
	if ((key.call == CALL_CONNECT && is_progress(key.error)) ||
	    (key.call == CALL_ACCEPT && !is_shortage(key.error)))
		return 0;
	task = bpf_get_current_task_btf();
	if (SYSCALL_IS_32BIT(task))
		return 0;

	if (key.call == CALL_SOCKET) {
		if (!is_tcp(SYSCALL_ARG1(regs), SYSCALL_ARG2(regs), SYSCALL_ARG3(regs), key.error))
			return 0;
		key.netns = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
	} else {
		sk = tcp_socket(SYSCALL_ARG1(regs));
		if (!sk)
			return 0;
		key.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	}
	if ((key.call == CALL_CONNECT || key.call == CALL_BIND) &&
	    !read_sockaddr(&key.addr, (void *)SYSCALL_ARG2(regs)))
		return 0;
	if (key.call == CALL_CONNECT && was_reported(sk))
		return 0;

	key.pid = current_pid();
	current_name(name);
	count_failure(&key, name);
	return 0;
}
