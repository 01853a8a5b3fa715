/* Counts the pages that a process reads of causeway.db: preloaded, it refuses to map that file, so that SQLite reads each page
   with pread, and adds one for each to the number in the file that PAGES_READ names. Only `cargo xtask prove large` uses it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

static uint64_t *counter;

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static void *map(void *at, size_t length, int prot, int flags, int fd, off_t offset) {
    static void *(*next)(void *, size_t, int, int, int, off_t);
    if (!next) next = (void *(*)(void *, size_t, int, int, int, off_t))real("mmap");
    return next(at, length, prot, flags, fd, offset);
}

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("PAGES_READ");
    int fd = path ? open(path, O_RDWR) : -1;
    void *at = fd < 0 ? MAP_FAILED : map(NULL, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED) counter = at;
    if (fd >= 0) close(fd);
}

static int ours(int fd) {
    static const char name[] = "/causeway.db";
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < (ssize_t)sizeof name - 1) return 0;
    return memcmp(path + length - (sizeof name - 1), name, sizeof name - 1) == 0;
}

void *mmap(void *at, size_t length, int prot, int flags, int fd, off_t offset) {
    if (fd >= 0 && ours(fd)) { errno = ENODEV; return MAP_FAILED; }
    return map(at, length, prot, flags, fd, offset);
}
void *mmap64(void *at, size_t length, int prot, int flags, int fd, off_t offset) {
    return mmap(at, length, prot, flags, fd, offset);
}

ssize_t pread64(int fd, void *buffer, size_t count, off_t offset) {
    static ssize_t (*next)(int, void *, size_t, off_t);
    if (!next) next = (ssize_t(*)(int, void *, size_t, off_t))real("pread64");
    /* Shorter reads are of the header: whether somebody else changed the file. */
    if (counter && count >= 512 && ours(fd)) __atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
    return next(fd, buffer, count, offset);
}
ssize_t pread(int fd, void *buffer, size_t count, off_t offset) { return pread64(fd, buffer, count, offset); }
