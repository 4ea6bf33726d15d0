/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel types the iterator programs look into, with only the fields they
 * read. preserve_access_index makes the loader put in the offsets of the
 * running kernel. A name with three underscores is the same kernel type as it
 * was, or is, in another version.
 */
#ifndef SOCKEYE_KERNEL_H
#define SOCKEYE_KERNEL_H

typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

enum bpf_map_type; /* bpf_helpers.h and the helper prototypes need no more of linux/bpf.h */

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

#define AF_INET		2
#define AF_INET6	10
#define IPPROTO_TCP	6
#define IPPROTO_UDP	17
#define IPPROTO_MPTCP	262
#define SOCK_DEAD	0 /* bit of skc_flags: include/net/sock.h */

/* include/net/tcp_states.h */
enum {
	TCP_SYN_RECV = 3,
	TCP_TIME_WAIT = 6,
	TCP_CLOSE = 7,
	TCP_LISTEN = 10,
	TCP_NEW_SYN_RECV = 12,
};

/* icsk_pending: include/net/inet_connection_sock.h */
enum {
	ICSK_TIME_RETRANS = 1,
	ICSK_TIME_PROBE0 = 3,
	ICSK_TIME_LOSS_PROBE = 5,
	ICSK_TIME_REO_TIMEOUT = 6,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
};

struct hlist_node {
	struct hlist_node **pprev;
};
struct timer_list {
	struct hlist_node entry;
	unsigned long expires;
};

struct ns_common {
	unsigned int inum;
};
struct netns_ipv4 {
	int sysctl_tcp_keepalive_time;
};
struct net {
	struct ns_common ns;
	struct netns_ipv4 ipv4;
};
typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	union {
		__u8 u6_addr8[16];
		__be32 u6_addr32[4];
	} in6_u;
};

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	int skc_bound_dev_if;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	unsigned long skc_flags;
};

typedef struct {
	unsigned int val;
} kuid_t;

struct inode {
	kuid_t i_uid;
	unsigned long i_ino;
};
struct socket {
	struct sock *sk;
};
struct socket_alloc {
	struct socket socket;
	struct inode vfs_inode;
};

struct sock {
	struct sock_common __sk_common;
	struct socket *sk_socket;
	struct timer_list sk_timer;
	__u32 sk_mark;
	__u16 sk_protocol;
	__u32 sk_ack_backlog;
	__u32 sk_max_ack_backlog;
};
/* v6.19: the retransmission timer lives in struct sock. */
struct sock___619 {
	struct timer_list tcp_retransmit_timer;
};

struct inet_bind_bucket {
	signed char fastreuse;
	signed char fastreuseport;
};

struct inet_connection_sock {
	struct inet_bind_bucket *icsk_bind_hash;
	struct timer_list icsk_retransmit_timer;
	__u32 icsk_rto;
	__u8 icsk_retransmits;
	__u8 icsk_pending;
	__u8 icsk_backoff;
	__u8 icsk_probes_out;
	struct {
		__u32 lrcvtime;
	} icsk_ack;
};
/* Until v6.15: tcp_timeout_expires() had a field of its own. */
struct inet_connection_sock___old {
	unsigned long icsk_timeout;
};
/* v6.19: the keepalive timer left sk_timer. */
struct inet_connection_sock___619 {
	struct timer_list icsk_keepalive_timer;
};
struct inet_sock {
	struct sock sk;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u64 bytes_acked;
	__u64 bytes_received;
	__u32 rcv_nxt;
	__u32 copied_seq;
	__u32 write_seq;
	__u32 snd_una;
	__u32 lsndtime;
	__u32 rcv_tstamp;
	__u32 srtt_us;
	__u32 packets_out;
	__u32 total_retrans;
	__u32 snd_wnd;
};

struct inet_timewait_sock {
	__u32 tw_mark;
	unsigned char tw_substate;
	struct timer_list tw_timer;
	struct inet_bind_bucket *tw_tb;
};
struct tcp_timewait_sock {
	struct inet_timewait_sock tw_sk;
};

struct request_sock {
	__u8 num_retrans;
	struct timer_list rsk_timer;
};
struct inet_request_sock {
	struct request_sock req;
	__u32 ir_mark;
};
struct tcp_request_sock {
	struct inet_request_sock req;
};

struct files_struct;
struct task_struct {
	struct task_struct *group_leader;
	struct files_struct *files;
	int tgid;
};
struct file {
	struct inode *f_inode;
};

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
	unsigned int uid;
};
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

#pragma clang attribute pop

#endif
