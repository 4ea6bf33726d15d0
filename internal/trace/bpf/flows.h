/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counts, by process, remote end and stack. A connection costs one lookup. When
 * all rows are taken, those in which nothing was opened for a while are given to
 * others; when there are none, addresses are given up, and then counts.
 */
#ifndef SOCKEYE_FLOWS_H
#define SOCKEYE_FLOWS_H

static __always_inline __u32 current_pid(void)
{
	return bpf_get_current_pid_tgid() >> 32;
}

/* The name of the process: that of its first thread, whichever thread calls. */
static __always_inline void current_name(__u8 name[COMM_LEN])
{
	__builtin_memcpy(name, bpf_get_current_task_btf()->group_leader->comm, COMM_LEN);
}

/* What bpf_get_current_cgroup_id() returns, for a tenth of its cost. */
static __always_inline __u64 current_cgroup(void)
{
	return bpf_get_current_task_btf()->cgroups->dfl_cgrp->kn->id;
}

static __always_inline struct flow *flow_at(__u32 number)
{
	return bpf_map_lookup_elem(&flows, &number);
}

/* A row that was idle, empty; 0 when there is none nearby. */
static __noinline __u32 recycled(__u32 limit, __u64 now)
{
	__u32 zero = 0, number;
	struct overview *all = bpf_map_lookup_elem(&about, &zero);
	struct flow *flow;
	__u64 used;

	if (!all || limit <= FIRST_FLOW)
		return 0;
	for (int i = 0; i < 8; i++) {
		number = FIRST_FLOW + __sync_fetch_and_add(&all->hand, 1) % (limit - FIRST_FLOW);
		flow = flow_at(number);
		if (!flow)
			return 0;
		used = flow->used;
		if (now - used < idle_ns || used > now || __sync_val_compare_and_swap(&flow->used, used, now) != used)
			continue;
		bpf_map_delete_elem(&flow_numbers, &flow->key);
		used = flow->generation + 1;
		__builtin_memset(flow, 0, sizeof(*flow));
		flow->generation = used;
		flow->used = now;
		return number;
	}
	return 0;
}

/* The number of a row for a new flow; 0 when there is no room. */
__noinline __u32 new_flow(const struct flow_key *key, __u32 limit, __u64 now)
{
	__u32 zero = 0, number = 0, *found;
	struct overview *all = bpf_map_lookup_elem(&about, &zero);
	struct flow *flow;

	if (!all || !key)
		return 0;
	if (all->flows < limit) {
		number = __sync_fetch_and_add(&all->flows, 1);
		if (number >= flow_count)
			number = 0;
	}
	if (!number && limit == flow_limit)
		number = recycled(limit, now);
	flow = number ? flow_at(number) : 0;
	if (!flow)
		return 0;
	flow->key = *key;
	flow->used = now;
	if (key->pid)
		flow->cgroup = current_cgroup();
	/* Another CPU may have been quicker: then this row is idle soon. */
	bpf_map_update_elem(&flow_numbers, key, &number, BPF_NOEXIST);
	found = bpf_map_lookup_elem(&flow_numbers, key);
	return found ? *found : 0;
}

/* The number of a flow, made when it is new; 0 when there is no room. */
static __always_inline __u32 row_of(const struct flow_key *key, __u64 now)
{
	__u32 *found = bpf_map_lookup_elem(&flow_numbers, key);

	return found ? *found : new_flow(key, flow_limit, now);
}

/*
 * The number of a flow; without room for its address, that of all the process's
 * addresses together, and without room for that FLOW_UNKNOWN (counted).
 */
__noinline __u32 flow_of(struct flow_key *key, __u64 now)
{
	__u32 *found, number;

	if (!key) /* for the verifier: nobody passes that */
		return FLOW_UNKNOWN;
	number = row_of(key, now);
	if (number)
		return number;
	LOSE(folded);
	__builtin_memset(key->ip, 0, sizeof(key->ip));
	if (!key->incoming)
		key->port = 0;
	found = bpf_map_lookup_elem(&flow_numbers, key);
	if (found)
		return *found;
	number = new_flow(key, flow_count, now);
	if (!number)
		LOSE(flows);
	return number;
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

/* The flow that a life is counted in; 0 when it has gone to others. */
static __always_inline struct flow *flow_of_life(const struct life *life)
{
	struct flow *flow = flow_at(life->flow);

	if (life->flow < FIRST_FLOW || !flow || (__u32)flow->generation != life->generation)
		return 0;
	return flow;
}

/* The clocks of two CPUs may differ by a little: what ends before it began took no time. */
static __always_inline void count_duration(__u64 *histogram, __u64 began, __u64 now)
{
	__u32 b = bucket_of(now > began ? now - began : 0);

	if (b < BUCKETS)
		__sync_fetch_and_add(&histogram[b], 1);
}

/* The row of a failure, made when it is new; 0 when there is no room (counted). */
static __always_inline struct failure *failure_of(const struct failure_key *key, __u64 cgroup, const __u8 name[COMM_LEN])
{
	struct failure *seen = bpf_map_lookup_elem(&failures, key);

	if (!seen) {
		struct failure none = { .cgroup = cgroup };

		__builtin_memcpy(none.name, name, COMM_LEN);
		bpf_map_update_elem(&failures, key, &none, BPF_NOEXIST);
		seen = bpf_map_lookup_elem(&failures, key);
	}
	return seen;
}

static __always_inline void count_failure(const struct failure_key *key, __u64 cgroup, const __u8 name[COMM_LEN])
{
	struct failure *seen = failure_of(key, cgroup, name);

	if (seen)
		__sync_fetch_and_add(&seen->count, 1);
	else
		LOSE(failures);
}

#endif
