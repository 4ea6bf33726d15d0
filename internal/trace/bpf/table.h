/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The lives of connections, by socket cookie: a hash table of two arrays, which
 * both sides read without a system call for each entry.
 *
 * Why not BPF_MAP_TYPE_SK_STORAGE: it took 0.8 microseconds to make one for a
 * socket (6.18, where a whole connection with both its ends takes 31 to 50), it is
 * gone when TIME_WAIT begins, and no program of sys_exit, which sees accept(),
 * may use it. This is one home for the whole life.
 *
 * A bucket of eight cookies is a cache line. Cookies are numbers that count up, so
 * a connection's first choice is the bucket of its neighbours, which is in the
 * cache; where that is full (of connections that stay), there are others, spread
 * by a hash. What finds no room anywhere takes the place of the oldest TIME_WAIT,
 * or is counted as lost. Places are taken and left with compare-and-swap: a
 * connection's own events never run at once, but others' do. A place is taken as
 * BUSY and gets its cookie when its life is written, so that nobody reads what
 * is left of the one before.
 */
#ifndef SOCKEYE_TABLE_H
#define SOCKEYE_TABLE_H

#define BUSY (~0ull)
#define TIME_WAIT_NS (120 * 1000000000ull) /* TCP_TIMEWAIT_LEN, after as long in FIN_WAIT_2 */

/* The place of a life: its number in `lives`. */
#define NOWHERE (~0u)

#define CHOICES 6

/* The nth bucket that may hold a cookie (after the first: multiplicative hashing). */
static __always_inline __u32 choice(__u64 cookie, __u32 n)
{
	if (n == 0)
		return cookie / PLACES & last_bucket;
	return ((cookie + n) * 0x9e3779b97f4a7c15ull >> 32) & last_bucket;
}

static __always_inline struct life *life_at(__u32 place)
{
	return bpf_map_lookup_elem(&lives, &place);
}

static __always_inline __u64 *cookie_at(__u32 place)
{
	__u32 b = place / PLACES;
	struct bucket *bucket = bpf_map_lookup_elem(&buckets, &b);

	return bucket ? &bucket->cookie[place % PLACES] : 0;
}

static __always_inline __u32 find_in(__u32 b, __u64 cookie)
{
	struct bucket *bucket = bpf_map_lookup_elem(&buckets, &b);

	if (!bucket)
		return NOWHERE;
	if (bucket->cookie[cookie % PLACES] == cookie)
		return b * PLACES + cookie % PLACES;
#pragma unroll
	for (__u32 i = 0; i < PLACES; i++) {
		if (bucket->cookie[i] == cookie)
			return b * PLACES + i;
	}
	return NOWHERE;
}

/*
 * Where a socket's life is; NOWHERE when there is none. Functions that are not
 * static are looked at by the verifier once, and not again for each of their
 * callers: its work is what makes attaching slow.
 */
__noinline __u32 find(__u64 cookie)
{
	__u32 place = NOWHERE;

	if (!cookie)
		return NOWHERE;
	for (__u32 n = 0; n < CHOICES && place == NOWHERE; n++)
		place = find_in(choice(cookie, n), cookie);
	return place;
}

static __always_inline __u32 take_free(__u32 b)
{
	struct bucket *bucket = bpf_map_lookup_elem(&buckets, &b);

	if (!bucket)
		return NOWHERE;
#pragma unroll
	for (__u32 i = 0; i < PLACES; i++) {
		if (!bucket->cookie[i] && __sync_val_compare_and_swap(&bucket->cookie[i], 0, BUSY) == 0)
			return b * PLACES + i;
	}
	return NOWHERE;
}

/* Takes the place of the oldest TIME_WAIT in a bucket that is at least so old. */
__noinline __u32 take_oldest(__u32 b, __u64 now, __u64 age)
{
	__u64 since = now - age, old = 0, cookie, *at;
	__u32 oldest = NOWHERE;

	if (age > now) /* a machine that was started just now */
		return NOWHERE;
#pragma unroll
	for (__u32 i = 0; i < PLACES; i++) {
		struct life *life = life_at(b * PLACES + i);

		at = cookie_at(b * PLACES + i);
		cookie = at ? *at : 0; /* first: if the place is given away meanwhile, the swap fails */
		if (life && cookie && cookie != BUSY && life->state == TCP_TIME_WAIT && life->since < since) {
			since = life->since;
			oldest = b * PLACES + i;
			old = cookie;
		}
	}
	at = cookie_at(oldest);
	if (!at || __sync_val_compare_and_swap(at, old, BUSY) != old)
		return NOWHERE;
	if (now - since < TIME_WAIT_NS)
		LOSE(evicted);
	return oldest;
}

/* Takes the place that a cookie has by nature, if that is free or in TIME_WAIT. */
static __always_inline __u32 take_own(__u64 cookie, __u64 now, int resting)
{
	__u32 place = choice(cookie, 0) * PLACES + cookie % PLACES;
	struct life *life = life_at(place);
	__u64 *at = cookie_at(place), old;

	if (!life || !at)
		return NOWHERE;
	old = *at;
	if (old && (old == BUSY || !resting || life->state != TCP_TIME_WAIT))
		return NOWHERE;
	if (__sync_val_compare_and_swap(at, old, BUSY) != old)
		return NOWHERE;
	if (old && now - life->since < TIME_WAIT_NS)
		LOSE(evicted);
	return place;
}

/* After a search that found nothing free, so many take what they come to first. */
#define CROWDED 32

/*
 * Makes room for a socket's life, to be published; NOWHERE when there is none
 * (counted). The table of a busy tracer is full of TIME_WAIT: there, who had a
 * cookie's own place before is the oldest or nearly so, as cookies count up, and
 * nobody should look at all the other choices each time for nothing.
 */
__noinline __u32 make_room(__u64 cookie, __u64 now)
{
	__u32 place = take_own(cookie, now, 0), zero = 0;
	struct overview *all = bpf_map_lookup_elem(&about, &zero);

	if (place == NOWHERE && all && all->crowded) {
		all->crowded--; /* a guess; it does not matter who else counts */
		place = take_own(cookie, now, 1);
	}
	if (place == NOWHERE)
		place = take_oldest(choice(cookie, 0), now, TIME_WAIT_NS);
	for (__u32 n = 0; n < CHOICES && place == NOWHERE; n++)
		place = take_free(choice(cookie, n));
	if (place != NOWHERE)
		return place;
	if (all)
		all->crowded = CROWDED;
	for (__u32 n = 0; n < CHOICES && place == NOWHERE; n++)
		place = take_oldest(choice(cookie, n), now, 0);
	if (place == NOWHERE)
		LOSE(lives);
	return place;
}

static __always_inline void publish(__u32 place, __u64 cookie)
{
	__u64 *at = cookie_at(place);

	if (at)
		__sync_lock_test_and_set(at, cookie); /* an exchange: a full barrier */
}

static __always_inline void forget(__u32 place, struct life *life)
{
	life->state = TCP_CLOSE;
	publish(place, 0);
}

#endif
