/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What outlives a run of a program. The loader sets the sizes of the large ones. */
#ifndef SOCKEYE_MAPS_H
#define SOCKEYE_MAPS_H

/* Set by the loader before the programs are loaded. */
const volatile __u8 streaming;	  /* STREAM_*: which single events are asked for */
const volatile __u8 take_stacks;
const volatile __u32 last_bucket; /* buckets - 1; a power of two less one */
const volatile __u32 flow_limit;  /* flows - room kept for those without an address */
const volatile __u32 flow_count;
const volatile __u64 idle_ns; /* a flow that opened nothing for so long gives up its row */

/* The lives of connections: see table.h. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bucket);
} buckets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct life);
} lives SEC(".maps");

/* Flows by number, and their numbers by key. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct flow_key);
	__type(value, __u32);
} flow_numbers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct failure_key);
	__type(value, struct failure);
} failures SEC(".maps");

/* Cookies of sockets whose failure was counted when their state changed. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u8);
} reported SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 8192);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, STACK_DEPTH * sizeof(__u64));
} stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sampling);
} samplings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct losses);
} lost SEC(".maps");

/*
 * The changes of state that the first program of a CPU has dealt with last, by
 * cookie: those of an interrupt leave that of the interrupted in its place.
 */
#define HANDLED 64
struct change {
	__u64 cookie;
	__u64 to;
};
struct handled {
	struct change last[HANDLED];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct handled);
} last_handled SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct overview);
} about SEC(".maps");

#define LOSE(what)                                                                   \
	({                                                                           \
		__u32 zero_ = 0;                                                     \
		struct losses *l_ = bpf_map_lookup_elem(&lost, &zero_);              \
		if (l_)                                                              \
			__sync_fetch_and_add(&l_->what, 1); /* an interrupt may, too */ \
	})

#endif
