/* SPDX-License-Identifier: MIT */
/*
 * Locks under torture: more threads than processors, on what Linux builds of futexes. Each part
 * runs for a share of the time, and then what was counted under the lock must be what the threads
 * did. A wake-up that is lost would stand still for ever: an alarm ends that with FAIL.
 *
 * linux_locks [SECONDS [THREADS]]    exit status 0 for PASS, 1 for FAIL
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SECONDS_DEFAULT 2
#define SECONDS_MAX     3600
#define THREADS_MAX     64
#define THREADS_PER_CPU 3
#define HANG_FACTOR     4
#define HANG_SECONDS    60
#define QUEUE_ROOM      4
#define PAGE_BYTES      4096
#define MS_PER_SECOND   1000
#define NS_PER_MS       1000000
/* So often a thread gives its processor away while it holds the lock. */
#define YIELD_EACH_ROUND 64
/* The thread that changes the memory which the others read. */
#define WRITER 0

enum futex_lock { LOCK_FREE, LOCK_TAKEN, LOCK_WAITED_FOR };

struct part {
	const char *name;
	/* False for a round that the end of the time cut short. */
	bool (*round)(unsigned thread, unsigned long round);
	/* What was counted under the lock. */
	unsigned long (*counted)(void);
};

static unsigned threads;
static const struct part *current;
static atomic_bool is_over;
static unsigned long rounds_of[THREADS_MAX];

static unsigned long counter;

static void count_under_lock(unsigned long round)
{
	/* Volatile, so that it is a read and a write with time between them. */
	volatile unsigned long *shared = &counter;
	const unsigned long before = *shared;

	if (round % YIELD_EACH_ROUND == 0) {
		(void)sched_yield();
	}
	*shared = before + 1;
}

static unsigned long counter_counted(void)
{
	return counter;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static bool mutex_round(unsigned thread, unsigned long round)
{
	(void)thread;
	pthread_mutex_lock(&mutex);
	count_under_lock(round);
	pthread_mutex_unlock(&mutex);
	return true;
}

/* A queue with little room: half of the threads put in, the others take out. */
static pthread_cond_t has_room = PTHREAD_COND_INITIALIZER;
static pthread_cond_t has_some = PTHREAD_COND_INITIALIZER;
static unsigned queue_length;
static unsigned long put_in;
static unsigned long taken_out;

static bool queue_put(void)
{
	while (queue_length == QUEUE_ROOM && !is_over) {
		pthread_cond_wait(&has_room, &mutex);
	}
	if (queue_length == QUEUE_ROOM) {
		return false;
	}
	queue_length++;
	put_in++;
	pthread_cond_signal(&has_some);
	return true;
}

static bool queue_take(void)
{
	while (queue_length == 0 && !is_over) {
		pthread_cond_wait(&has_some, &mutex);
	}
	if (queue_length == 0) {
		return false;
	}
	queue_length--;
	taken_out++;
	pthread_cond_signal(&has_room);
	return true;
}

static bool queue_round(unsigned thread, unsigned long round)
{
	bool is_done;

	(void)round;
	pthread_mutex_lock(&mutex);
	is_done = thread % 2 == 0 ? queue_put() : queue_take();
	pthread_mutex_unlock(&mutex);
	return is_done;
}

/* Each that went in is out, or still there: else the sum is another one. */
static unsigned long queue_counted(void)
{
	return put_in + put_in - queue_length;
}

/* A lock of our own, of three states, on the system call itself. */
static _Atomic unsigned lock_word = LOCK_FREE;

static void futex(int operation, unsigned value)
{
	(void)syscall(SYS_futex, &lock_word, operation | FUTEX_PRIVATE_FLAG, value, NULL);
}

static void lock_take(void)
{
	unsigned free = LOCK_FREE;

	if (atomic_compare_exchange_strong(&lock_word, &free, LOCK_TAKEN)) {
		return;
	}
	while (atomic_exchange(&lock_word, LOCK_WAITED_FOR) != LOCK_FREE) {
		futex(FUTEX_WAIT, LOCK_WAITED_FOR);
	}
}

static void lock_give(void)
{
	if (atomic_exchange(&lock_word, LOCK_FREE) == LOCK_WAITED_FOR) {
		futex(FUTEX_WAKE, 1);
	}
}

static bool futex_round(unsigned thread, unsigned long round)
{
	(void)thread;
	lock_take();
	count_under_lock(round);
	lock_give();
	return true;
}

/*
 * One thread puts a new page in the place of the old one and writes a larger number; no other may
 * see a smaller number than was made known before, as it would by an entry left in its TLB. A new
 * page holds 0 until the number is there.
 */
static volatile unsigned long *page;
static atomic_ulong known;
static atomic_ulong stale;

static void *new_page(void *place)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | (place == NULL ? 0 : MAP_FIXED);

	return mmap(place, PAGE_BYTES, PROT_READ | PROT_WRITE, flags, -1, 0);
}

static bool remap_round(unsigned thread, unsigned long round)
{
	const unsigned long least = known;
	unsigned long seen;

	if (thread == WRITER) {
		if (new_page((void *)page) == MAP_FAILED) {
			stale++;
		}
		*page = round + 1;
		known = round + 1;
		return true;
	}
	seen = *page;
	if (seen != 0 && seen < least) {
		stale++;
	}
	return true;
}

static unsigned long sum_of_rounds(void)
{
	unsigned long sum = 0;
	unsigned thread;

	for (thread = 0; thread < threads; thread++) {
		sum += rounds_of[thread];
	}
	return sum;
}

static unsigned long remap_counted(void)
{
	return sum_of_rounds() - stale;
}

static const struct part parts[] = {
	{"mutex", mutex_round, counter_counted},
	{"queue", queue_round, queue_counted},
	{"futex", futex_round, counter_counted},
	{"remap", remap_round, remap_counted},
};
#define PART_COUNT (sizeof(parts) / sizeof(parts[0]))

static void *thread_main(void *argument)
{
	const unsigned thread = (unsigned)(size_t)argument;
	unsigned long rounds = 0;

	while (!is_over) {
		if (current->round(thread, rounds)) {
			rounds++;
		}
	}
	rounds_of[thread] = rounds;
	return NULL;
}

static void sleep_ms(unsigned long ms)
{
	const struct timespec time = {.tv_sec = (time_t)(ms / MS_PER_SECOND),
		.tv_nsec = (long)(ms % MS_PER_SECOND * NS_PER_MS)};

	(void)nanosleep(&time, NULL);
}

static bool run_part(const struct part *part, unsigned long ms)
{
	pthread_t started[THREADS_MAX];
	unsigned thread;

	current = part;
	is_over = false;
	counter = 0;
	for (thread = 0; thread < threads; thread++) {
		if (pthread_create(&started[thread], NULL, thread_main, (void *)(size_t)thread) !=
			0) {
			printf("FAIL futex: no thread %u\n", thread);
			exit(EXIT_FAILURE);
		}
	}
	sleep_ms(ms);
	pthread_mutex_lock(&mutex);
	is_over = true;
	pthread_cond_broadcast(&has_room);
	pthread_cond_broadcast(&has_some);
	pthread_mutex_unlock(&mutex);
	for (thread = 0; thread < threads; thread++) {
		pthread_join(started[thread], NULL);
	}
	printf("linux_locks: %s rounds=%lu counted=%lu\n", part->name, sum_of_rounds(),
		part->counted());
	return sum_of_rounds() != 0 && part->counted() == sum_of_rounds();
}

static void hang(int signal)
{
	static const char text[] = "FAIL futex: the threads stand still\n";
	const ssize_t written = write(STDOUT_FILENO, text, sizeof(text) - 1);

	(void)signal;
	(void)written;
	_exit(EXIT_FAILURE);
}

static unsigned long at_most(unsigned long value, unsigned long most)
{
	return value > most ? most : value;
}

/* The number of a text from 1 to the most. */
static unsigned long number(const char *text, unsigned long most)
{
	const unsigned long value = strtoul(text, NULL, 10);

	return value == 0 ? 1 : at_most(value, most);
}

static unsigned threads_default(void)
{
	const long processors = sysconf(_SC_NPROCESSORS_ONLN);

	return (unsigned)at_most(
		THREADS_PER_CPU * (unsigned long)(processors < 1 ? 1 : processors), THREADS_MAX);
}

int main(int argc, char **argv)
{
	const unsigned long seconds = argc > 1 ? number(argv[1], SECONDS_MAX) : SECONDS_DEFAULT;
	unsigned long rounds = 0;
	bool is_right = true;
	size_t i;

	threads = argc > 2 ? (unsigned)number(argv[2], THREADS_MAX) : threads_default();
	page = new_page(NULL);
	(void)signal(SIGALRM, hang);
	(void)alarm((unsigned)(HANG_FACTOR * seconds + HANG_SECONDS));
	for (i = 0; i < PART_COUNT && page != MAP_FAILED; i++) {
		is_right &= run_part(&parts[i], seconds * MS_PER_SECOND / PART_COUNT);
		rounds += sum_of_rounds();
	}
	is_right &= i == PART_COUNT;
	printf("%s futex threads=%u rounds=%lu\n", is_right ? "PASS" : "FAIL", threads, rounds);
	return is_right ? EXIT_SUCCESS : EXIT_FAILURE;
}
