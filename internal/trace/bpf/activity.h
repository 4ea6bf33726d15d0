/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What activity.bpf.c counts, as the loader reads it: the Go types are
 * generated from these. No struct has hidden padding.
 */
#ifndef SOCKEYE_ACTIVITY_H
#define SOCKEYE_ACTIVITY_H

#define COMM_LEN 16

struct endpoint {
	__u8 ip[16]; /* network order; IPv4 as ::ffff:a.b.c.d */
	__u16 port;  /* host order */
	__u16 known; /* 0: the call names no address */
};

struct connect_key {
	__u32 pid;   /* of the process, in the initial pid namespace */
	__u32 netns; /* inode */
	struct endpoint remote;
};

struct connect_count {
	__u64 opened; /* connections that sent a SYN */
	__u64 failed; /* of those: closed without ever being established */
	__u8 name[COMM_LEN];
};

enum call {
	CALL_CONNECT = 1,
	CALL_BIND,
	CALL_LISTEN,
	CALL_SOCKET,
	CALL_ACCEPT,
};

struct failure_key {
	__u32 pid;
	__u32 netns;
	struct endpoint addr;
	__u16 call;  /* enum call */
	__u16 error; /* errno, positive */
};

struct failure_count {
	__u64 count;
	__u8 name[COMM_LEN];
};

#endif
