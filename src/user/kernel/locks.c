// SPDX-License-Identifier: GPL-2.0-only
/*
 * Locks. Who cannot have one lets the other fibers go on; where no other could
 * ever give it up, it is told at once. The words in the locks are kept as the
 * kernel's inline functions read them (rwsem_is_locked(), spin_is_locked()).
 * No fiber is preferred: who comes first after a release has it.
 */
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>

#include "stubs.h"

#define HELD_MAX    1024
#define READER_BIAS 256

#ifndef RWSEM_WRITER_LOCKED
#define RWSEM_WRITER_LOCKED 1ul
#endif

enum mode { MODE_READ, MODE_WRITE };

static struct held {
	const void *lock;
	const char *kind;
	enum mode mode;
	unsigned int fiber;
} held[HELD_MAX];
static unsigned int nr_held;

/* The sanitizer does not see what assembly does to a lock; this it sees, in
 * the function of the kernel's name. */
#define TOUCH(lock) ((void)READ_ONCE(*(const char *)(lock)))

#define ENTER(lock)                                                            \
	do {                                                                   \
		settle(HERE);                                                  \
		TOUCH(lock);                                                   \
	} while (0)

static void held_add(const void *lock, const char *kind, enum mode mode)
{
	if (nr_held == HELD_MAX)
		broken("more than %d locks are held", HELD_MAX);
	held[nr_held++] = (struct held){lock, kind, mode, fiber_now};
}

static void held_drop(const void *lock, const char *kind, enum mode mode)
{
	for (unsigned int i = nr_held; i-- > 0;) {
		if (held[i].lock != lock || held[i].mode != mode ||
			held[i].fiber != fiber_now)
			continue;
		held[i] = held[--nr_held];
		fiber_epoch++;
		return;
	}
	finding("lock released that is not held", "a %s", kind);
}

static bool is_held(const void *lock, bool for_read)
{
	for (unsigned int i = nr_held; i-- > 0;) {
		if (held[i].lock == lock &&
			!(for_read && held[i].mode == MODE_READ))
			return true;
	}
	return false;
}

static bool is_mine(const void *lock)
{
	for (unsigned int i = nr_held; i-- > 0;) {
		if (held[i].lock == lock && held[i].fiber == fiber_now)
			return true;
	}
	return false;
}

static void wait_for(const void *lock, const char *kind)
{
	if (is_mine(lock))
		finding("deadlock", "a %s is taken that this task holds", kind);
	if (!fiber_wait())
		finding("deadlock",
			"a %s is waited for that a task holds which waits",
			kind);
}

void locks_check(const char *op)
{
	for (unsigned int i = 0; i < nr_held; i++) {
		if (held[i].fiber == fiber_now)
			finding("lock left held", "after %s: a %s", op,
				held[i].kind);
	}
}

/* ---- rwsem ---- */

void __init_rwsem(
	struct rw_semaphore *sem, const char *name, struct lock_class_key *key)
{
	atomic_long_set(&sem->count, 0);
	atomic_long_set(&sem->owner, 0);
	INIT_LIST_HEAD(&sem->wait_list);
}

static int read_try(struct rw_semaphore *sem)
{
	if (is_held(sem, true))
		return 0;
	atomic_long_add(READER_BIAS, &sem->count);
	held_add(sem, "rwsem, to read", MODE_READ);
	return 1;
}

static void read_take(struct rw_semaphore *sem)
{
	while (!read_try(sem))
		wait_for(sem, "rwsem, to read");
}

static int write_try(struct rw_semaphore *sem)
{
	if (is_held(sem, false))
		return 0;
	atomic_long_set(&sem->count, RWSEM_WRITER_LOCKED);
	held_add(sem, "rwsem, to write", MODE_WRITE);
	return 1;
}

static void write_take(struct rw_semaphore *sem)
{
	while (!write_try(sem))
		wait_for(sem, "rwsem, to write");
}

int __point down_read_trylock(struct rw_semaphore *sem)
{
	ENTER(sem);
	return read_try(sem);
}

void __point down_read(struct rw_semaphore *sem)
{
	ENTER(sem);
	read_take(sem);
}

int __point down_read_killable(struct rw_semaphore *sem)
{
	ENTER(sem);
	read_take(sem);
	return 0;
}

int __point down_read_interruptible(struct rw_semaphore *sem)
{
	ENTER(sem);
	read_take(sem);
	return 0;
}

int __point down_write_trylock(struct rw_semaphore *sem)
{
	ENTER(sem);
	return write_try(sem);
}

void __point down_write(struct rw_semaphore *sem)
{
	ENTER(sem);
	write_take(sem);
}

int __point down_write_killable(struct rw_semaphore *sem)
{
	ENTER(sem);
	write_take(sem);
	return 0;
}

static void read_drop(struct rw_semaphore *sem)
{
	held_drop(sem, "rwsem, to read", MODE_READ);
	atomic_long_sub(READER_BIAS, &sem->count);
}

static void write_drop(struct rw_semaphore *sem)
{
	held_drop(sem, "rwsem, to write", MODE_WRITE);
	atomic_long_set(&sem->count, 0);
}

/* What waited for the end of a read section may take @sem along: first that,
 * then the touch. */
void __point up_read(struct rw_semaphore *sem)
{
	if (fiber_now)
		rcu_flush();
	TOUCH(sem);
	read_drop(sem);
	fiber_point(HERE);
}

void __point up_write(struct rw_semaphore *sem)
{
	if (fiber_now)
		rcu_flush();
	TOUCH(sem);
	write_drop(sem);
	fiber_point(HERE);
}

void __point downgrade_write(struct rw_semaphore *sem)
{
	TOUCH(sem);
	write_drop(sem);
	(void)read_try(sem);
	fiber_point(HERE);
}

/* ---- spinlocks: CONFIG_DEBUG_SPINLOCK keeps all of them out of line ---- */

void __raw_spin_lock_init(raw_spinlock_t *lock, const char *name,
	struct lock_class_key *key, short inner)
{
	*lock = (raw_spinlock_t)__RAW_SPIN_LOCK_UNLOCKED(lockname);
}

static int spin_try(raw_spinlock_t *lock)
{
	if (!arch_spin_trylock(&lock->raw_lock))
		return 0;
	preempt_disable();
	held_add(lock, "spinlock", MODE_WRITE);
	return 1;
}

static void spin_take(raw_spinlock_t *lock, unsigned long pc)
{
	settle(pc);
	while (!spin_try(lock))
		wait_for(lock, "spinlock");
}

static void spin_drop(raw_spinlock_t *lock, unsigned long pc)
{
	held_drop(lock, "spinlock", MODE_WRITE);
	arch_spin_unlock(&lock->raw_lock);
	preempt_enable();
	fiber_point(pc);
}

int __point _raw_spin_trylock(raw_spinlock_t *lock)
{
	ENTER(lock);
	return spin_try(lock);
}

void __point _raw_spin_lock(raw_spinlock_t *lock)
{
	TOUCH(lock);
	spin_take(lock, HERE);
}

void __point _raw_spin_lock_irq(raw_spinlock_t *lock)
{
	TOUCH(lock);
	spin_take(lock, HERE);
}

unsigned long __point _raw_spin_lock_irqsave(raw_spinlock_t *lock)
{
	TOUCH(lock);
	spin_take(lock, HERE);
	return 0;
}

void __point _raw_spin_unlock(raw_spinlock_t *lock)
{
	TOUCH(lock);
	spin_drop(lock, HERE);
}

void __point _raw_spin_unlock_irq(raw_spinlock_t *lock)
{
	TOUCH(lock);
	spin_drop(lock, HERE);
}

void __point _raw_spin_unlock_irqrestore(
	raw_spinlock_t *lock, unsigned long flags)
{
	TOUCH(lock);
	spin_drop(lock, HERE);
}

/* ---- mutex: nothing but its address matters ---- */

void __mutex_init(
	struct mutex *lock, const char *name, struct lock_class_key *key)
{
	memset(lock, 0, sizeof(*lock));
}

void mutex_lock(struct mutex *lock)
{
	while (is_held(lock, false))
		wait_for(lock, "mutex");
	held_add(lock, "mutex", MODE_WRITE);
}

int mutex_lock_interruptible(struct mutex *lock)
{
	mutex_lock(lock);
	return 0;
}

int mutex_trylock(struct mutex *lock)
{
	if (is_held(lock, false))
		return 0;
	held_add(lock, "mutex", MODE_WRITE);
	return 1;
}

void mutex_unlock(struct mutex *lock)
{
	held_drop(lock, "mutex", MODE_WRITE);
}

bool mutex_is_locked(struct mutex *lock)
{
	return is_held(lock, false);
}
