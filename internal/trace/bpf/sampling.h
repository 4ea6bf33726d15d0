/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Takes user stacks, all of them while that is cheap: when it would cost more
 * than a quarter of a percent of a CPU, one in N. What a stack costs is measured,
 * as it depends on its depth and on what is in the caches; what it drives out of
 * these, and the row of its own that it has, cost more on top.
 */
#ifndef SOCKEYE_SAMPLING_H
#define SOCKEYE_SAMPLING_H

#define SPAN_NS (50 * 1000000ull)
#define SHARE 400 /* one part in so many of a CPU's time */
#define ALLOWED_NS (SPAN_NS / SHARE)

/* Begins a new span with the N that the last one calls for. */
static __always_inline void next_span(struct sampling *s, __u64 now)
{
	__u64 every = 1;

	if (s->taken) {
		/* A span may be longer than it should, when nothing happened at its end. */
		__u64 allowed = (now - s->began) / SHARE;

		every = allowed ? (s->cost / s->taken * s->seen + allowed - 1) / allowed : 1;
	}
	s->every = every ? every : 1;
	s->began = now;
	s->cost = 0;
	s->seen = 0;
	s->taken = 0;
}

/*
 * The id + 1 of the current task's user stack, or 0 when it is not the turn of
 * this one. nth counts the occasions of one flow: each flow's first is taken, so
 * that a rare one is not lost beside a busy one.
 */
static __always_inline __u32 sample_stack(void *ctx, __u64 nth)
{
	struct sampling *s;
	__u32 zero = 0;
	__u64 now;
	long id;

	if (!take_stacks)
		return 0;
	s = bpf_map_lookup_elem(&samplings, &zero);
	if (!s)
		return 0;
	s->seen++;
	s->total_seen++;
	if (s->every > 1 && nth % s->every && s->seen % 16)
		return 0; /* without asking what time it is: that costs as much as a lookup */
	now = bpf_ktime_get_ns();
	if (now - s->began > SPAN_NS)
		next_span(s, now);
	/* Twice over what is allowed: the span began quietly and got busy. */
	if (nth % s->every || s->cost > 2 * ALLOWED_NS)
		return 0;
	id = bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK);
	s->cost += bpf_ktime_get_ns() - now;
	s->taken++;
	if (id < 0) {
		if (id == -EEXIST || id == -ENOMEM)
			s->no_room++;
		return 0;
	}
	s->total_taken++;
	return id + 1;
}

#endif
