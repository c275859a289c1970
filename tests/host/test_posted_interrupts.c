/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/posted_interrupts.c */
#include "vm/posted_interrupts.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum {
	NOTIFICATION_VECTOR = 0xf2,
	POSTERS = 4,
	POSTS = 20000,
	ROUNDS = 60000,
	MOMENTS = 64,
	LOOKS = 1000,
	VECTORS = 256,
	TIMEOUT_SECONDS = 60,
};

static void start(struct posted_interrupts *posted)
{
	posted_interrupts_init(posted, NOTIFICATION_VECTOR, 0x12345678);
}

static void the_descriptor_is_the_manuals(void **state)
{
	struct posted_interrupts posted;
	uint8_t bytes[64];

	(void)state;
	start(&posted);
	assert_true(posted_interrupts_post(&posted, 0x31, false));
	memcpy(bytes, &posted, sizeof(bytes));
	assert_int_equal(bytes[0x31 / 8], 1 << (0x31 % 8));
	assert_int_equal(bytes[256 / 8], 1);
	assert_int_equal(bytes[272 / 8], NOTIFICATION_VECTOR);
	assert_int_equal(bytes[288 / 8], 0x78);
	assert_int_equal(bytes[312 / 8], 0x12);
	assert_int_equal((uintptr_t)&posted % 64, 0);
}

static void only_the_first_vector_rings(void **state)
{
	struct posted_interrupts posted;
	struct posted_taken taken;

	(void)state;
	start(&posted);
	assert_false(posted_interrupts_is_pending(&posted));
	assert_true(posted_interrupts_post(&posted, 0, false));
	assert_false(posted_interrupts_post(&posted, 255, false));
	assert_false(posted_interrupts_post(&posted, 0, false));
	assert_true(posted_interrupts_is_pending(&posted));
	posted_interrupts_take(&posted, &taken);
	assert_int_equal(taken.edge[0], 1);
	assert_int_equal(taken.edge[3], BIT(63));
	assert_int_equal(taken.edge[1] | taken.edge[2], 0);
	assert_int_equal(taken.requests, 0);
	assert_false(posted_interrupts_is_pending(&posted));
	assert_true(posted_interrupts_post(&posted, 1, false));
}

static void nothing_is_taken_twice(void **state)
{
	struct posted_interrupts posted;
	struct posted_taken taken;
	const struct posted_taken none = {0};

	(void)state;
	start(&posted);
	assert_true(posted_interrupts_post(&posted, 0x41, false));
	assert_true(posted_interrupts_post(&posted, 0x42, true));
	assert_false(posted_interrupts_request(&posted, POSTED_REQUEST_NMI));
	posted_interrupts_take(&posted, &taken);
	posted_interrupts_take(&posted, &taken);
	assert_memory_equal(taken.edge, none.edge, sizeof(none.edge));
	assert_int_equal(taken.requests, 0);
	/* Level-triggered ones are looked at with their request alone. */
	assert_true(posted_interrupts_post(&posted, 0x43, true));
	posted_interrupts_take(&posted, &taken);
	assert_int_equal(taken.level[1], BIT(0x43 - 64));
}

/* The CPU clears ON in the guest, without an exit: it must not silence a request. */
static void requests_and_level_vectors_have_a_doorbell_of_their_own(void **state)
{
	struct posted_interrupts posted;
	struct posted_taken taken;

	(void)state;
	start(&posted);
	assert_true(posted_interrupts_post(&posted, 0x41, false));
	assert_true(posted_interrupts_post(&posted, 0x52, true));
	assert_false(posted_interrupts_request(&posted, POSTED_REQUEST_UPDATE));
	posted.descriptor.control &= ~POSTED_CONTROL_ON;
	memset(posted.descriptor.requests, 0, sizeof(posted.descriptor.requests));
	assert_true(posted_interrupts_is_pending(&posted));
	posted_interrupts_take(&posted, &taken);
	assert_int_equal(taken.edge[1], 0);
	assert_int_equal(taken.level[1], BIT(0x52 - 64));
	assert_int_equal(taken.requests, POSTED_REQUEST_LEVEL | POSTED_REQUEST_UPDATE);
}

static void the_last_startup_vector_is_taken(void **state)
{
	struct posted_interrupts posted;
	struct posted_taken taken;

	(void)state;
	start(&posted);
	assert_true(posted_interrupts_request(&posted, POSTED_REQUEST_INIT));
	assert_false(posted_interrupts_startup(&posted, 0xff));
	assert_false(posted_interrupts_startup(&posted, 0x9a));
	posted_interrupts_take(&posted, &taken);
	assert_int_equal(
		taken.requests & BITS_MASK(23, 0), POSTED_REQUEST_INIT | POSTED_REQUEST_STARTUP);
	assert_int_equal(posted_request_startup_vector(taken.requests), 0x9a);
	assert_true(posted_interrupts_startup(&posted, 0));
	assert_true(posted_interrupts_is_pending(&posted));
}

/* The vector's notification may be one that makes no exit. */
static void a_startup_behind_a_vector_asks_for_an_exit(void **state)
{
	struct posted_interrupts posted;

	(void)state;
	start(&posted);
	assert_true(posted_interrupts_post(&posted, 0x41, false));
	assert_true(posted_interrupts_startup(&posted, 0x9a));
}

/*
 * Each poster has vectors and a request bit of its own, and posts one again only when it was taken:
 * so each post is taken exactly once. The taker sleeps until it is notified: a lost doorbell stops
 * everything, and the wait ends with an error.
 */
struct race {
	struct posted_interrupts posted;
	sem_t notified;
	unsigned edge_taken[VECTORS];
	unsigned level_taken[VECTORS];
	unsigned request_taken[POSTERS];
	unsigned edge_posted[VECTORS]; /* Each written by its poster alone. */
	unsigned level_posted[VECTORS];
	unsigned request_posted[POSTERS];
	unsigned edge_notifications;
	unsigned request_notifications;
	unsigned posters_left;
	unsigned takes; /* The taker's own from here on. */
	bool has_timed_out;
};

struct poster {
	struct race *race;
	unsigned number;
	pthread_t thread;
};

static const uint32_t poster_requests[POSTERS] = {
	POSTED_REQUEST_NMI, POSTED_REQUEST_KICK, POSTED_REQUEST_FLUSH_TLB, POSTED_REQUEST_STOP};

static bool is_taken(const unsigned *taken, unsigned posted)
{
	return __atomic_load_n(taken, __ATOMIC_ACQUIRE) == posted;
}

static void notify(struct race *race, unsigned *count, bool must_notify)
{
	if (must_notify) {
		__atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
		sem_post(&race->notified);
	}
}

static bool post_vector(struct race *race, uint8_t vector, bool is_level)
{
	unsigned *posted = is_level ? &race->level_posted[vector] : &race->edge_posted[vector];
	unsigned *taken = is_level ? &race->level_taken[vector] : &race->edge_taken[vector];

	if (!is_taken(taken, *posted)) {
		return false;
	}
	++*posted;
	notify(race, is_level ? &race->request_notifications : &race->edge_notifications,
		posted_interrupts_post(&race->posted, vector, is_level));
	return true;
}

static bool post_request(struct race *race, unsigned number)
{
	if (!is_taken(&race->request_taken[number], race->request_posted[number])) {
		return false;
	}
	race->request_posted[number]++;
	notify(race, &race->request_notifications,
		posted_interrupts_request(&race->posted, poster_requests[number]));
	return true;
}

static void *poster_main(void *argument)
{
	const struct poster *poster = argument;
	struct race *race = poster->race;
	unsigned done = 0;
	uint32_t random = poster->number + 1;

	while (done < POSTS && !__atomic_load_n(&race->has_timed_out, __ATOMIC_RELAXED)) {
		bool is_done;

		random = random * 1664525 + 1013904223;
		if (random >> 29 == 0) {
			is_done = post_request(race, poster->number);
		} else {
			is_done = post_vector(race,
				(uint8_t)((random >> 20) % 64 * POSTERS + poster->number),
				random >> 29 == 1);
		}
		done += is_done;
		if (!is_done) {
			sched_yield();
		}
	}
	/* A last notification, so that the taker looks once more. */
	__atomic_fetch_sub(&race->posters_left, 1, __ATOMIC_RELEASE);
	sem_post(&race->notified);
	return NULL;
}

static void count_words(unsigned *counts, const uint64_t words[POSTED_VECTOR_WORDS])
{
	for (unsigned vector = 0; vector < VECTORS; vector++) {
		if ((words[vector / 64] & BIT(vector % 64)) != 0) {
			__atomic_fetch_add(&counts[vector], 1, __ATOMIC_RELEASE);
		}
	}
}

static void take(struct race *race)
{
	struct posted_taken taken;

	posted_interrupts_take(&race->posted, &taken);
	race->takes++;
	count_words(race->edge_taken, taken.edge);
	if ((taken.requests & POSTED_REQUEST_LEVEL) != 0) {
		count_words(race->level_taken, taken.level);
	}
	for (unsigned i = 0; i < POSTERS; i++) {
		if ((taken.requests & poster_requests[i]) != 0) {
			__atomic_fetch_add(&race->request_taken[i], 1, __ATOMIC_RELEASE);
		}
	}
}

static void *taker_main(void *argument)
{
	struct race *race = argument;
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += TIMEOUT_SECONDS;
	while (__atomic_load_n(&race->posters_left, __ATOMIC_ACQUIRE) != 0) {
		if (sem_timedwait(&race->notified, &end) != 0) {
			__atomic_store_n(&race->has_timed_out, true, __ATOMIC_RELAXED);
			return NULL;
		}
		take(race);
	}
	/* All posts are over: what is notified has been, and a last look finds the rest. */
	while (posted_interrupts_is_pending(&race->posted)) {
		take(race);
	}
	return NULL;
}

/* Two posts a varying moment apart, then a wait for both: nothing later makes good a lost bell. */
static void *pair_main(void *argument)
{
	struct race *race = ((const struct poster *)argument)->race;

	for (unsigned round = 0; round < ROUNDS; round++) {
		const bool is_level = round % 2 != 0;
		const unsigned *taken = is_level ? race->level_taken : race->edge_taken;

		post_vector(race, 0, is_level);
		for (volatile unsigned moment = 0; moment < round / 2 % MOMENTS; moment++) {
		}
		post_vector(race, 1, is_level);
		while (!(is_taken(&taken[0], round / 2 + 1) &&
			       is_taken(&taken[1], round / 2 + 1)) &&
			!__atomic_load_n(&race->has_timed_out, __ATOMIC_RELAXED)) {
			sched_yield();
		}
	}
	__atomic_fetch_sub(&race->posters_left, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* Looks all the time, so that takes and posts meet; but another may have the poster's CPU. */
static void *watcher_main(void *argument)
{
	struct race *race = argument;
	const time_t end = time(NULL) + TIMEOUT_SECONDS;
	unsigned looks = 0;

	while (__atomic_load_n(&race->posters_left, __ATOMIC_ACQUIRE) != 0) {
		if (posted_interrupts_is_pending(&race->posted)) {
			take(race);
		} else if (++looks % LOOKS == 0) {
			sched_yield();
			if (time(NULL) > end) {
				__atomic_store_n(&race->has_timed_out, true, __ATOMIC_RELAXED);
				return NULL;
			}
		}
	}
	return NULL;
}

static struct race *run_race(
	unsigned count, void *(*poster_function)(void *), void *(*owner_function)(void *))
{
	struct race *race = aligned_alloc(64, align_up(sizeof(*race), 64));
	struct poster posters[POSTERS];
	pthread_t taker;

	assert_non_null(race);
	memset(race, 0, sizeof(*race));
	start(&race->posted);
	race->posters_left = count;
	assert_int_equal(sem_init(&race->notified, 0, 0), 0);
	assert_int_equal(pthread_create(&taker, NULL, owner_function, race), 0);
	for (unsigned i = 0; i < count; i++) {
		posters[i] = (struct poster){.race = race, .number = i};
		assert_int_equal(
			pthread_create(&posters[i].thread, NULL, poster_function, &posters[i]), 0);
	}
	for (unsigned i = 0; i < count; i++) {
		pthread_join(posters[i].thread, NULL);
	}
	pthread_join(taker, NULL);
	return race;
}

static void end_race(struct race *race)
{
	sem_destroy(&race->notified);
	free(race);
}

static void a_post_during_a_take_rings_again(void **state)
{
	struct race *race = run_race(1, pair_main, watcher_main);

	(void)state;
	assert_false(race->has_timed_out);
	end_race(race);
}

static void four_posters_lose_nothing_and_invent_nothing(void **state)
{
	struct race *race = run_race(POSTERS, poster_main, taker_main);

	(void)state;
	assert_false(race->has_timed_out);
	for (unsigned vector = 0; vector < VECTORS; vector++) {
		assert_int_equal(race->edge_taken[vector], race->edge_posted[vector]);
		assert_int_equal(race->level_taken[vector], race->level_posted[vector]);
		assert_true(race->edge_posted[vector] > 0 && race->level_posted[vector] > 0);
	}
	for (unsigned i = 0; i < POSTERS; i++) {
		assert_int_equal(race->request_taken[i], race->request_posted[i]);
		assert_true(race->request_posted[i] > 0);
	}
	/* A doorbell rings once until it is taken. */
	assert_in_range(race->edge_notifications, 1, race->takes + 1);
	assert_in_range(race->request_notifications, 1, race->takes + 1);
	end_race(race);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_descriptor_is_the_manuals),
		cmocka_unit_test(only_the_first_vector_rings),
		cmocka_unit_test(nothing_is_taken_twice),
		cmocka_unit_test(requests_and_level_vectors_have_a_doorbell_of_their_own),
		cmocka_unit_test(the_last_startup_vector_is_taken),
		cmocka_unit_test(a_startup_behind_a_vector_asks_for_an_exit),
		cmocka_unit_test(a_post_during_a_take_rings_again),
		cmocka_unit_test(four_posters_lose_nothing_and_invent_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
