// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Tells who holds which TCP socket, and finds the sockets that stand in no TCP
 * table because they are neither connected nor listening. It sees every process
 * of the host, whatever its network namespace.
 */
#include "kernel.h"
#include "record.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Puts the type where bpf2go finds it; no program refers to it, so nothing loads it. */
const struct file_record *unused_file_record __attribute__((unused));

SEC("iter/task_file")
int owners(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct file_record r = {};
	struct socket *sock;
	struct sock_common *skc;
	struct sock *sk;

	if (!task || !file)
		return 0;
	/*
	 * Threads share their leader's table, but for one that unshared it, or
	 * whose leader has exited. Since v5.11 the kernel leaves the rest out itself.
	 */
	if (task->group_leader != task && task->group_leader->files == task->files)
		return 0;
	sock = bpf_sock_from_file(file);
	if (!sock)
		return 0;
	sk = sock->sk;
	if (!sk)
		return 0;
	skc = &sk->__sk_common;
	r.family = skc->skc_family;
	if (r.family != AF_INET && r.family != AF_INET6)
		return 0;
	r.protocol = sk->sk_protocol;
	if (r.protocol != IPPROTO_TCP && r.protocol != IPPROTO_MPTCP && r.protocol != IPPROTO_UDP)
		return 0;
	r.pid = task->tgid;
	r.inode = file->f_inode->i_ino;
	r.state = skc->skc_state;
	r.lport = skc->skc_num;
	r.netns = skc->skc_net.net->ns.inum;
	if (r.protocol != IPPROTO_UDP && r.state == TCP_CLOSE) {
		r.cookie = bpf_get_socket_cookie(sk);
		r.uid = file->f_inode->i_uid.val;
		r.mark = sk->sk_mark;
		r.iface = skc->skc_bound_dev_if;
		r.rport = bpf_ntohs(skc->skc_dport);
		if (r.family == AF_INET6) {
			bpf_core_read(r.laddr, 16, &skc->skc_v6_rcv_saddr);
			bpf_core_read(r.raddr, 16, &skc->skc_v6_daddr);
		} else {
			*(__be32 *)r.laddr = skc->skc_rcv_saddr;
			*(__be32 *)r.raddr = skc->skc_daddr;
		}
	}
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}
