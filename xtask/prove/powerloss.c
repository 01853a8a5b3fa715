/* Power loss for a program that only believes it wrote: preloaded, it lets every write through and keeps, for files below
 * $POWERLOSS_DIR, an undo record of what the write replaced. fsync and fdatasync forget the records of their file. After a
 * kill, `cargo xtask prove kill` undoes what was never synced, so the disk looks as after a cut of the current.
 *
 * Build: cc -shared -fPIC -O2 -o powerloss.so powerloss.c -ldl
 * Record, appended to $POWERLOSS_DIR.undo: "U" path-length(4) path offset(8) old-size(8) length(4) old-bytes
 *                                          "S" path-length(4) path            (synced: forget the file's records)
 * Not covered: directory entries and mmapped writes (SQLite's -shm is rebuilt after a crash and needs neither). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int undo = -1;
static const char *dir;

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off_t);

__attribute__((constructor)) static void start(void) {
    char name[4096];
    real_pwrite = dlsym(RTLD_NEXT, "pwrite");
    real_write = dlsym(RTLD_NEXT, "write");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
    dir = getenv("POWERLOSS_DIR");
    if (dir) {
        snprintf(name, sizeof name, "%s.undo", dir);
        undo = open(name, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    }
}

/* The file's path if it is one of those that are watched: below the directory, a database or its log. */
static int watched(int fd, char *path, size_t size) {
    char link[64];
    ssize_t n;
    struct stat st;
    if (undo < 0 || fd < 3 || fd == undo || fstat(fd, &st) || !S_ISREG(st.st_mode)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, size - 1);
    if (n <= 0) return 0;
    path[n] = 0;
    return strncmp(path, dir, strlen(dir)) == 0 && !strstr(path, "-shm") && !strstr(path, ".undo");
}

static void put(char **at, const void *bytes, size_t n) {
    memcpy(*at, bytes, n);
    *at += n;
}

static void remember(int fd, uint64_t offset, size_t length) {
    char path[4096];
    struct stat st;
    uint32_t path_length, old_length;
    uint64_t size;
    char *record, *at;
    ssize_t got;
    if (!watched(fd, path, sizeof path) || fstat(fd, &st)) return;
    size = st.st_size;
    path_length = strlen(path);
    record = malloc(32 + path_length + length);
    if (!record) abort();
    at = record;
    put(&at, "U", 1);
    put(&at, &path_length, 4);
    put(&at, path, path_length);
    put(&at, &offset, 8);
    put(&at, &size, 8);
    got = length ? pread(fd, at + 4, length, offset) : 0;
    old_length = got > 0 ? got : 0;
    put(&at, &old_length, 4);
    at += old_length;
    if (real_write(undo, record, at - record) != at - record) abort();
    free(record);
}

static void forget(int fd) {
    char path[4096], record[4200], *at = record;
    uint32_t path_length;
    if (!watched(fd, path, sizeof path)) return;
    path_length = strlen(path);
    put(&at, "S", 1);
    put(&at, &path_length, 4);
    put(&at, path, path_length);
    if (real_write(undo, record, at - record) != at - record) abort();
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t offset) {
    ssize_t done;
    pthread_mutex_lock(&lock);
    remember(fd, offset, n);
    done = real_pwrite(fd, bytes, n, offset);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off_t offset) { return pwrite(fd, bytes, n, offset); }

ssize_t write(int fd, const void *bytes, size_t n) {
    ssize_t done;
    char path[4096];
    if (!watched(fd, path, sizeof path)) return real_write(fd, bytes, n);
    pthread_mutex_lock(&lock);
    remember(fd, lseek(fd, 0, SEEK_CUR), n);
    done = real_write(fd, bytes, n);
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate(int fd, off_t size) {
    struct stat st;
    int done;
    pthread_mutex_lock(&lock);
    if (!fstat(fd, &st) && st.st_size > size) remember(fd, size, st.st_size - size);
    else remember(fd, size, 0);
    done = real_ftruncate(fd, size);
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }

static int synced(int fd, int (*real)(int)) {
    int done;
    pthread_mutex_lock(&lock);
    done = real(fd);
    if (!done) forget(fd);
    pthread_mutex_unlock(&lock);
    return done;
}

int fsync(int fd) { return synced(fd, real_fsync); }

int fdatasync(int fd) { return synced(fd, real_fdatasync); }
