/* A disk that a test fills under PostgreSQL: preloaded, it lets whatever would make a file of the tables longer fail as on a full
   disk while the file exists that DISK_FULL names. What fits into a file as it is can be written, as on a real disk. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static int full(int fd, off_t end) {
    const char *flag = getenv("DISK_FULL");
    char link[64], path[4096];
    struct stat now;
    if (!flag || access(flag, F_OK) != 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    if (!strstr(path, "/base/")) return 0;
    return fstat(fd, &now) == 0 && end > now.st_size;
}

static size_t total(const struct iovec *parts, int count) {
    size_t bytes = 0;
    for (int n = 0; n < count; n++) bytes += parts[n].iov_len;
    return bytes;
}

ssize_t pwrite64(int fd, const void *buffer, size_t count, off_t offset) {
    static ssize_t (*next)(int, const void *, size_t, off_t);
    if (full(fd, offset + (off_t)count)) { errno = ENOSPC; return -1; }
    if (!next) next = (ssize_t(*)(int, const void *, size_t, off_t))real("pwrite64");
    return next(fd, buffer, count, offset);
}
ssize_t pwrite(int fd, const void *buffer, size_t count, off_t offset) { return pwrite64(fd, buffer, count, offset); }

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t offset) {
    static ssize_t (*next)(int, const struct iovec *, int, off_t);
    if (full(fd, offset + (off_t)total(parts, count))) { errno = ENOSPC; return -1; }
    if (!next) next = (ssize_t(*)(int, const struct iovec *, int, off_t))real("pwritev64");
    return next(fd, parts, count, offset);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    return pwritev64(fd, parts, count, offset);
}

int posix_fallocate64(int fd, off_t offset, off_t length) {
    static int (*next)(int, off_t, off_t);
    if (full(fd, offset + length)) return ENOSPC;
    if (!next) next = (int (*)(int, off_t, off_t))real("posix_fallocate64");
    return next(fd, offset, length);
}
int posix_fallocate(int fd, off_t offset, off_t length) { return posix_fallocate64(fd, offset, length); }
