/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The records that the two iterator programs write, one bpf_seq_write() each.
 * This file is the only source of their layout: bpf2go makes the Go structs
 * from it. Every byte is named, so that no padding is left to a compiler.
 *
 * Numbers are in the byte order of the machine, ports too. Addresses are in
 * network byte order, four bytes of the sixteen when the family is AF_INET.
 * Times are in jiffies; keepalive_time gives their measure: it is the setting
 * net.ipv4.tcp_keepalive_time of the socket's namespace in jiffies, and the
 * same setting can be read in seconds.
 */
#ifndef SOCKEYE_RECORD_H
#define SOCKEYE_RECORD_H

/* Bits of tcp_record.flags. */
#define RECORD_ORPHAN	1 /* its program has closed it */
#define RECORD_MINI	2 /* a time-wait mini-socket */
#define RECORD_INFO	4 /* the fields from bytes_acked to probes are filled */

/* Values of port_use: tcp.PortUse. */
#define PORT_UNKNOWN	0
#define PORT_AUTO	1
#define PORT_BOUND	2

/* One socket of the TCP tables (iter/tcp). */
struct tcp_record {
	__u64 inode;		/* 0: no file */
	__u64 cookie;
	__u64 bytes_acked;
	__u64 bytes_received;
	__u8  laddr[16];
	__u8  raddr[16];
	__u32 netns;		/* inode of the network namespace */
	__u32 uid;		/* in the reader's user namespace */
	__u32 mark;
	__u32 iface;		/* index; 0: not bound to one */
	__u32 recvq;		/* bytes; LISTEN: connections */
	__u32 sendq;		/* bytes; LISTEN: connections */
	__u32 keepalive_time;	/* jiffies, see above */
	__u32 expires;		/* jiffies until the timer fires */
	__u32 last_send;	/* jiffies ago */
	__u32 last_recv;	/* jiffies ago */
	__u32 last_ack;		/* jiffies ago */
	__u32 rto;		/* jiffies */
	__u32 rtt;		/* microseconds, smoothed */
	__u32 unacked;		/* segments */
	__u32 retrans;		/* segments */
	__u32 send_window;	/* bytes */
	__u8  backoff;
	__u8  probes;
	__u16 family;		/* AF_INET or AF_INET6 */
	__u16 lport;
	__u16 rport;
	__u8  state;		/* TCP_ESTABLISHED … of include/net/tcp_states.h */
	__u8  timer;		/* as idiag_timer: 0 … 4 */
	__u8  retries;
	__u8  flags;		/* RECORD_* */
	__u8  port_use;		/* PORT_* */
	__u8  pad[3];		/* zero */
};
_Static_assert(sizeof(struct tcp_record) == 144, "tcp_record has hidden padding");

/* One open descriptor of a TCP, MPTCP or UDP socket (iter/task_file). */
struct file_record {
	__u64 inode;
	__u64 cookie;
	__u8  laddr[16];	/* only of a TCP socket in CLOSE, else zero */
	__u8  raddr[16];	/* likewise */
	__u32 pid;		/* thread group, in the initial pid namespace */
	__u32 netns;
	__u32 uid;
	__u32 mark;
	__u32 iface;
	__u16 protocol;		/* IPPROTO_TCP, IPPROTO_MPTCP or IPPROTO_UDP */
	__u16 family;
	__u16 lport;
	__u16 rport;		/* only in CLOSE */
	__u8  state;
	__u8  pad[3];		/* zero */
};
_Static_assert(sizeof(struct file_record) == 80, "file_record has hidden padding");

#endif
