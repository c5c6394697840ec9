/* The wall clock of one process, moved by the seconds that stand in a file: a preloaded library.
 *
 * The clock that never jumps (CLOCK_MONOTONIC) stays as it is, as when a machine's clock is set.
 * What the process starts sees the true clock again.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *moved;
static int (*true_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
    true_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    const char *name = getenv("CHAOS_CLOCK");
    int file = name ? open(name, O_RDONLY) : -1;
    if (file >= 0) {
        void *at = mmap(NULL, sizeof *moved, PROT_READ, MAP_SHARED, file, 0);
        moved = at == MAP_FAILED ? NULL : at;
        close(file);
    }
    unsetenv("LD_PRELOAD");
}

int clock_gettime(clockid_t which, struct timespec *now) {
    int code = true_gettime(which, now);
    if (code == 0 && moved && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE))
        now->tv_sec += *moved;
    return code;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec told;
    (void)zone;
    int code = clock_gettime(CLOCK_REALTIME, &told);
    now->tv_sec = told.tv_sec;
    now->tv_usec = told.tv_nsec / 1000;
    return code;
}

time_t time(time_t *now) {
    struct timespec told;
    clock_gettime(CLOCK_REALTIME, &told);
    if (now)
        *now = told.tv_sec;
    return told.tv_sec;
}
