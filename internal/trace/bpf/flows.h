/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counts, by process, remote end and stack. A connection costs one lookup. */
#ifndef SOCKEYE_FLOWS_H
#define SOCKEYE_FLOWS_H

static __always_inline __u32 current_pid(void)
{
	return bpf_get_current_pid_tgid() >> 32;
}

/* The name of the process: that of its first thread, whichever thread calls. */
static __always_inline void current_name(__u8 name[COMM_LEN])
{
	struct task_struct *leader = bpf_get_current_task_btf()->group_leader;

	bpf_core_read(name, COMM_LEN, &leader->comm);
}

/* The number of a flow, made when it is new; 0 when there is no room. */
__noinline __u32 new_flow(const struct flow_key *key, __u32 limit)
{
	__u32 zero = 0, number, *found;
	struct overview *all = bpf_map_lookup_elem(&about, &zero);
	struct flow *flow;

	if (!all || all->flows >= limit)
		return 0;
	number = __sync_fetch_and_add(&all->flows, 1);
	if (number >= flow_count)
		return 0;
	flow = bpf_map_lookup_elem(&flows, &number);
	if (!flow || !key)
		return 0;
	flow->key = *key;
	if (key->pid) {
		current_name(flow->name);
		flow->cgroup = bpf_get_current_cgroup_id();
	}
	/* Another CPU may have been quicker: then this number stays without connections. */
	bpf_map_update_elem(&flow_numbers, key, &number, BPF_NOEXIST);
	found = bpf_map_lookup_elem(&flow_numbers, key);
	return found ? *found : 0;
}

/*
 * The number of a flow; without room for its address, that of all such
 * addresses together, and without room for that FLOW_UNKNOWN (counted).
 */
__noinline __u32 flow_of(struct flow_key *key)
{
	__u32 *found, number;

	if (!key) /* for the verifier: nobody passes that */
		return FLOW_UNKNOWN;
	found = bpf_map_lookup_elem(&flow_numbers, key);
	if (found)
		return *found;
	number = new_flow(key, flow_limit);
	if (number)
		return number;
	LOSE(folded);
	__builtin_memset(key->ip, 0, sizeof(key->ip));
	key->stack = 0;
	found = bpf_map_lookup_elem(&flow_numbers, key);
	if (found)
		return *found;
	number = new_flow(key, flow_count);
	if (!number)
		LOSE(flows);
	return number;
}

static __always_inline struct flow *flow_at(__u32 number)
{
	return bpf_map_lookup_elem(&flows, &number);
}

/* The bucket of a duration in nanoseconds: floor(log2(microseconds)). */
static __always_inline __u32 bucket_of(__u64 ns)
{
	__u64 us = ns / 1000;
	__u32 v = us >> 32 ? ~0u : us, b = 0;

	if (v >> 16) { v >>= 16; b += 16; }
	if (v >> 8) { v >>= 8; b += 8; }
	if (v >> 4) { v >>= 4; b += 4; }
	if (v >> 2) { v >>= 2; b += 2; }
	b += v >> 1 & 1;
	return b < BUCKETS ? b : BUCKETS - 1;
}

static __always_inline void count_duration(__u64 *histogram, __u64 ns)
{
	__u32 b = bucket_of(ns);

	if (b < BUCKETS)
		__sync_fetch_and_add(&histogram[b], 1);
}

static __always_inline void count_failure(const struct failure_key *key, __u64 cgroup, const __u8 name[COMM_LEN])
{
	struct failure *seen = bpf_map_lookup_elem(&failures, key);

	if (!seen) {
		struct failure none = { .cgroup = cgroup };

		__builtin_memcpy(none.name, name, COMM_LEN);
		bpf_map_update_elem(&failures, key, &none, BPF_NOEXIST);
		seen = bpf_map_lookup_elem(&failures, key);
		if (!seen) {
			LOSE(failures);
			return;
		}
	}
	__sync_fetch_and_add(&seen->count, 1);
}

#endif
