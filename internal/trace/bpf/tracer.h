/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the programs remember, as Go reads it: bpf2go makes the Go types from
 * these. No struct has hidden padding. Numbers are in the machine's byte order,
 * ports too; addresses are in network order, IPv4 as ::ffff:a.b.c.d. Times are
 * nanoseconds of CLOCK_MONOTONIC; 0 is unknown.
 */
#ifndef SOCKEYE_TRACER_H
#define SOCKEYE_TRACER_H

#define COMM_LEN 16
#define BUCKETS 40 /* of a histogram: 2^i microseconds each */
#define STACK_DEPTH 64

/* enum ending of life.ending and index of flow.ends. */
enum ending {
	ENDING_NONE,
	ENDING_LOCAL_FIN,
	ENDING_PEER_FIN,
	ENDING_LOCAL_RESET,
	ENDING_LOCAL_LINGER, /* reset, as SO_LINGER 0 asks for */
	ENDING_PEER_RESET,
	ENDING_TIMEOUT,
	ENDING_FAILED, /* never established */
	ENDINGS,
};

enum call {
	CALL_CONNECT = 1,
	CALL_BIND,
	CALL_LISTEN,
	CALL_SOCKET,
	CALL_ACCEPT,
};

/* One remote end of one process; sampled stacks have rows of their own. */
struct flow_key {
	__u8  ip[16];	 /* zero: of all addresses that found no room */
	__u32 pid;	 /* in the initial pid namespace; 0: incoming, never accepted */
	__u32 netns;	 /* inode */
	__u32 stack;	 /* id in `stacks` + 1; 0: not sampled */
	__u16 port;	 /* outgoing: the remote port; incoming: the local one */
	__u16 incoming;	 /* 0 or 1 */
};

struct flow {
	struct flow_key key;
	__u8  name[COMM_LEN];
	__u64 cgroup;	/* id of the process's cgroup when the row was made */
	__u64 used;	/* when a connection was last opened */
	__u64 generation; /* how many flows had this row before */
	__u64 seen;	/* of a row without stack: how many had the chance to be sampled */
	__u64 opened;
	__u64 failed;
	__u64 sent;	/* bytes of payload, of the ended ones, each counted once */
	__u64 received;
	__u64 retrans;
	__u64 ends[ENDINGS];
	__u64 latency[BUCKETS];
	__u64 lifetime[BUCKETS];
};

/* Flows that are there from the start. */
#define FLOW_UNKNOWN 0	  /* opened before the programs were attached */
#define FLOW_UNACCEPTED 1 /* incoming, not accepted yet */
#define FIRST_FLOW 2

#define LIFE_INCOMING 1 /* bits of life.flags */

/*
 * One connection, from its first SYN until its TIME_WAIT is over. It knows its
 * opener by itself: rows of flows are given away when they are idle.
 */
struct life {
	__u64 opened;
	__u64 since;  /* when its state began */
	__u64 closed; /* when the first FIN or RST went or came */
	__u64 cgroup; /* of the opener */
	__u32 pid;    /* of the opener; 0: not known, or not accepted yet */
	__u32 tid;
	__u32 netns;
	__u32 stack;  /* id in `stacks` + 1; 0: not sampled */
	__u32 flow;   /* index of the flow it is counted in, */
	__u32 generation; /* as long as that still has this generation */
	__u8  name[COMM_LEN];
	__u8  state;
	__u8  ending; /* enum ending */
	__u8  flags;
	__u8  pad[5]; /* zero */
};

/*
 * Where a life is kept: bucket b, place i is life b * PLACES + i. 0 is a
 * free place.
 */
#define PLACES 8
struct bucket {
	__u64 cookie[PLACES];
};

struct failure_key {
	__u8  ip[16]; /* connect: the destination; bind: what was asked for; listen: what it is bound to */
	__u32 pid;
	__u32 netns;
	__u32 stack;  /* id in `stacks` + 1; 0: not sampled */
	__u16 port;
	__u16 error;  /* errno, positive */
	__u16 call;   /* enum call */
	__u16 known;  /* 0: the call names no address */
};

struct failure {
	__u64 count;
	__u64 seen;	/* of a row without stack: how many had the chance to be sampled */
	__u64 cgroup;
	__u8  name[COMM_LEN];
};

/* How many stacks are taken: one for each CPU. */
struct sampling {
	__u64 began; /* of the present span */
	__u64 cost;  /* nanoseconds spent on stacks in this span */
	__u64 seen;  /* occasions in this span */
	__u64 taken; /* of those */
	__u64 every; /* 1 in N */
	__u64 total_seen;
	__u64 total_taken;
	__u64 no_room; /* stacks that found no place in `stacks` */
};

/* Of the whole memory. */
struct overview {
	__u64 attached; /* when the programs were */
	__u32 flows;	/* how many numbers are given away */
	__u32 hand;	/* where an idle row was last looked for */
	__u32 crowded;	/* see make_room() */
	__u32 pad;
};

struct losses {
	__u64 flows;	/* connections counted nowhere */
	__u64 folded;	/* connections whose remote address was not kept */
	__u64 lives;	/* connections not remembered */
	__u64 evicted;	/* TIME_WAIT forgotten before it was over */
	__u64 failures; /* failed calls counted nowhere */
	__u64 events;	/* not streamed */
};

/* Which events are streamed. */
#define STREAM_CHANGES 1  /* every change of state */
#define STREAM_ENDS 2	  /* those that end a connection */
#define STREAM_FAILURES 4 /* calls that fail, and ends by an error that no call told */

/* A change of state, or a call that failed. */
struct event {
	__u64 at;
	__u64 cookie;
	__u64 cgroup;
	__u64 opened;
	__u64 since;
	__u64 closed;
	__u64 sent;	/* when it ends */
	__u64 received;
	__u8  laddr[16];
	__u8  raddr[16];
	__u8  name[COMM_LEN];
	__u32 pid;
	__u32 tid;
	__u32 netns;
	__u32 stack;
	__u32 retrans;
	__u16 lport;
	__u16 rport;
	__u16 error;
	__u8  call;	/* enum call, 0: a change of state */
	__u8  from;
	__u8  to;
	__u8  ending;
	__u8  flags;	/* LIFE_*, EVENT_* */
	__u8  pad[1];
};
#define EVENT_MINI 2	  /* a mini-socket goes on in state `to` */
#define EVENT_ACCEPTED 4  /* pid is who called accept() */
#define EVENT_LISTENING 8 /* pid is who called listen() */

#endif
