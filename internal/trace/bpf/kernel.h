/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The few kernel types that the programs read, with only the fields they read.
 * preserve_access_index makes the loader look up every offset in the running
 * kernel's BTF, so order and size here mean nothing.
 */
#ifndef SOCKEYE_KERNEL_H
#define SOCKEYE_KERNEL_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

/* include/uapi/linux/bpf.h */
enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_STACK_TRACE = 7,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,

	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_F_MMAPABLE = 1024,
	BPF_F_USER_STACK = 256,
	BPF_RB_NO_WAKEUP = 1,
	BPF_RB_FORCE_WAKEUP = 2,
	BPF_RB_AVAIL_DATA = 0,
};

/* include/net/tcp_states.h */
enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT = 2,
	TCP_SYN_RECV = 3,
	TCP_FIN_WAIT1 = 4,
	TCP_FIN_WAIT2 = 5,
	TCP_TIME_WAIT = 6,
	TCP_CLOSE = 7,
	TCP_CLOSE_WAIT = 8,
	TCP_LAST_ACK = 9,
	TCP_LISTEN = 10,
	TCP_CLOSING = 11,
};

/* Bits of skc_flags; their places are the running kernel's: SOCK_FLAG(). */
enum sock_flags {
	SOCK_DEAD = 0, /* orphaned: no program holds it */
	SOCK_DONE = 1, /* the peer's FIN has come */
	SOCK_LINGER = 4,
};

/* include/linux/socket.h, include/linux/net.h, include/uapi/linux/{in,stat}.h */
enum {
	AF_INET = 2,
	AF_INET6 = 10,

	SOCK_STREAM = 1,
	SOCK_TYPE_MASK = 0xf, /* above it: SOCK_NONBLOCK, SOCK_CLOEXEC */

	IPPROTO_DEFAULT = 0,
	IPPROTO_TCP = 6,
	IPPROTO_MPTCP = 262,

	S_IFMT = 0170000,
	S_IFSOCK = 0140000,
};

/* include/uapi/asm-generic/errno*.h */
enum {
	EINTR = 4,
	EAGAIN = 11,
	ENOMEM = 12,
	EEXIST = 17,
	ENFILE = 23,
	EMFILE = 24,
	EPIPE = 32,
	ECONNABORTED = 103,
	ECONNRESET = 104,
	ENETUNREACH = 101,
	ETIMEDOUT = 110,
	EHOSTDOWN = 112,
	EHOSTUNREACH = 113,
	ENOBUFS = 105,
	EISCONN = 106,
	EALREADY = 114,
	EINPROGRESS = 115,
	EHWPOISON = 133, /* the last that a program can see; 512 and up restart the call */
};

#define __kernel __attribute__((preserve_access_index))

struct in6_addr {
	__u8 bytes[16];
};

struct ns_common {
	unsigned int inum;
} __kernel;

struct net {
	struct ns_common ns;
} __kernel;

typedef struct {
	struct net *net;
} __kernel possible_net_t;

typedef struct {
	__s64 counter;
} __kernel atomic64_t;

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num; /* local port, host order */
	unsigned short skc_family;
	unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
	unsigned long skc_flags;
} __kernel;

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
	int sk_err;
	unsigned long sk_lingertime;
} __kernel;

struct inet_sock {
	__be16 inet_sport; /* kept when skc_num is given back: __inet_put_port() */
} __kernel;

struct inet_connection_sock {
	struct inet_sock icsk_inet;
} __kernel;

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 segs_out;
	__u32 total_retrans;
	__u64 tcp_clock_cache; /* CLOCK_MONOTONIC when a packet was last received or sent, ns */
	int linger2; /* negative: no FIN_WAIT_2 without a program */
	__u64 bytes_sent;     /* payload, */
	__u64 bytes_retrans;  /* of that what was sent again */
	__u64 bytes_received; /* a FIN counts as one */
} __kernel;

struct mptcp_sock {
	struct sock *first;
} __kernel;

struct socket {
	struct sock *sk;
} __kernel;

struct inode {
	unsigned short i_mode;
} __kernel;

struct file {
	void *private_data;
	struct inode *f_inode;
} __kernel;

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
} __kernel;

struct files_struct {
	struct fdtable *fdt;
} __kernel;

struct nsproxy {
	struct net *net_ns;
} __kernel;

struct thread_info {
	unsigned long flags; /* arm64 */
	__u32 status;        /* x86 */
} __kernel;

struct kernfs_node {
	__u64 id;
} __kernel;

struct cgroup {
	struct kernfs_node *kn;
} __kernel;

struct css_set {
	struct cgroup *dfl_cgrp; /* of the unified hierarchy */
} __kernel;

struct task_struct {
	struct thread_info thread_info;
	struct task_struct *group_leader;
	struct css_set *cgroups;
	char comm[16];
	struct files_struct *files;
	struct nsproxy *nsproxy;
} __kernel;

/* The same for AF_INET and AF_INET6: include/uapi/linux/in.h and in6.h. */
struct sockaddr_head {
	unsigned short family;
	__be16 port;
	__be32 addr; /* AF_INET6: flow label, the address follows */
};

#endif
