/* SPDX-License-Identifier: MIT */
/* A lock in memory that several processes share. It survives the death of its holder: when a process or a
   thread ends with the lock, the next one gets it, and is told. */
#ifndef SS_ROBUST_H
#define SS_ROBUST_H

#include <pthread.h>

struct robust {
    pthread_mutex_t mutex;
};

/* 0 or -errno. Before any other process or thread can see it. A lock owns nothing but its memory, which a
   process may unmap while others go on with theirs, unless it has the lock: the C library writes into the
   locks that a thread holds whenever that takes another one. */
int robust_init(struct robust *lock);
/* 0, or -EOWNERDEAD: the caller has the lock, but the holder before died with it, and may have left its work
   half done. (Only the next one is told; a robust mutex need not be repaired besides.) -EDEADLK: the calling
   thread has it already. */
int robust_lock(struct robust *lock);
/* 0, or -EPERM: the calling thread has it not. */
int robust_unlock(struct robust *lock);

#endif
