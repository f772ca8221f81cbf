// SPDX-License-Identifier: GPL-2.0-only
/*
 * Locks of one thread: whoever would wait, waits for ever, so it is told at
 * once. The words in the locks are kept as the kernel's inline functions read
 * them (rwsem_is_locked(), spin_is_locked()).
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
} held[HELD_MAX];
static unsigned int nr_held;

static void held_add(const void *lock, const char *kind, enum mode mode)
{
	if (nr_held == HELD_MAX)
		broken("more than %d locks are held", HELD_MAX);
	held[nr_held++] = (struct held){lock, kind, mode};
}

static void held_drop(const void *lock, const char *kind, enum mode mode)
{
	for (unsigned int i = nr_held; i-- > 0;) {
		if (held[i].lock != lock || held[i].mode != mode)
			continue;
		held[i] = held[--nr_held];
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

static void wait_for_ever(const void *lock, const char *kind)
{
	finding("deadlock", "a %s is taken that this task holds", kind);
}

void locks_check(const char *op)
{
	if (nr_held)
		finding("lock left held", "after %s: %u, the first is a %s", op,
			nr_held, held[0].kind);
}

/* ---- rwsem ---- */

void __init_rwsem(
	struct rw_semaphore *sem, const char *name, struct lock_class_key *key)
{
	atomic_long_set(&sem->count, 0);
	atomic_long_set(&sem->owner, 0);
	INIT_LIST_HEAD(&sem->wait_list);
}

int down_read_trylock(struct rw_semaphore *sem)
{
	if (is_held(sem, true))
		return 0;
	atomic_long_add(READER_BIAS, &sem->count);
	held_add(sem, "rwsem, to read", MODE_READ);
	return 1;
}

void down_read(struct rw_semaphore *sem)
{
	if (!down_read_trylock(sem))
		wait_for_ever(sem, "rwsem, to read");
}

int down_read_killable(struct rw_semaphore *sem)
{
	down_read(sem);
	return 0;
}

int down_read_interruptible(struct rw_semaphore *sem)
{
	down_read(sem);
	return 0;
}

int down_write_trylock(struct rw_semaphore *sem)
{
	if (is_held(sem, false))
		return 0;
	atomic_long_set(&sem->count, RWSEM_WRITER_LOCKED);
	held_add(sem, "rwsem, to write", MODE_WRITE);
	return 1;
}

void down_write(struct rw_semaphore *sem)
{
	if (!down_write_trylock(sem))
		wait_for_ever(sem, "rwsem, to write");
}

int down_write_killable(struct rw_semaphore *sem)
{
	down_write(sem);
	return 0;
}

void up_read(struct rw_semaphore *sem)
{
	held_drop(sem, "rwsem, to read", MODE_READ);
	atomic_long_sub(READER_BIAS, &sem->count);
}

void up_write(struct rw_semaphore *sem)
{
	held_drop(sem, "rwsem, to write", MODE_WRITE);
	atomic_long_set(&sem->count, 0);
}

void downgrade_write(struct rw_semaphore *sem)
{
	up_write(sem);
	down_read(sem);
}

/* ---- spinlocks: CONFIG_DEBUG_SPINLOCK keeps all of them out of line ---- */

void __raw_spin_lock_init(raw_spinlock_t *lock, const char *name,
	struct lock_class_key *key, short inner)
{
	*lock = (raw_spinlock_t)__RAW_SPIN_LOCK_UNLOCKED(lockname);
}

int _raw_spin_trylock(raw_spinlock_t *lock)
{
	if (!arch_spin_trylock(&lock->raw_lock))
		return 0;
	held_add(lock, "spinlock", MODE_WRITE);
	return 1;
}

void _raw_spin_lock(raw_spinlock_t *lock)
{
	if (!_raw_spin_trylock(lock))
		wait_for_ever(lock, "spinlock");
}

void _raw_spin_lock_irq(raw_spinlock_t *lock)
{
	_raw_spin_lock(lock);
}

unsigned long _raw_spin_lock_irqsave(raw_spinlock_t *lock)
{
	_raw_spin_lock(lock);
	return 0;
}

void _raw_spin_unlock(raw_spinlock_t *lock)
{
	held_drop(lock, "spinlock", MODE_WRITE);
	arch_spin_unlock(&lock->raw_lock);
}

void _raw_spin_unlock_irq(raw_spinlock_t *lock)
{
	_raw_spin_unlock(lock);
}

void _raw_spin_unlock_irqrestore(raw_spinlock_t *lock, unsigned long flags)
{
	_raw_spin_unlock(lock);
}

/* ---- mutex: nothing but its address matters ---- */

void __mutex_init(
	struct mutex *lock, const char *name, struct lock_class_key *key)
{
	memset(lock, 0, sizeof(*lock));
}

void mutex_lock(struct mutex *lock)
{
	if (is_held(lock, false))
		wait_for_ever(lock, "mutex");
	held_add(lock, "mutex", MODE_WRITE);
}

int mutex_trylock(struct mutex *lock)
{
	if (is_held(lock, false))
		return 0;
	mutex_lock(lock);
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
