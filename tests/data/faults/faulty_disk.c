/* A disk that fails: loaded before the system's library, it counts what a program does to the files of one folder and
   lets the nth operation fail, or kills the program before it.

   FAULT_FOLDER  the folder, as an absolute path without links
   FAULT_AT      which operation fails, from 1; 0 or nothing for none
   FAULT_KIND    ENOSPC, EIO, EINTR, SHORT (half of what is to be written) or KILL
   FAULT_LOG     a file that gets a line for each operation: what it is */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MOST_FILES 1024
static atomic_int ours[MOST_FILES]; /* open files of the folder, by number */
static atomic_int done;

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int is_inside(const char *path) {
    const char *folder = getenv("FAULT_FOLDER");
    char whole[4096];
    if (!folder || !path) return 0;
    if (path[0] == '/') {
        snprintf(whole, sizeof whole, "%s", path);
    } else {
        char here[2048];
        if (!getcwd(here, sizeof here)) return 0;
        snprintf(whole, sizeof whole, "%s/%s", here, path);
    }
    size_t length = strlen(folder);
    return !strncmp(whole, folder, length) && (whole[length] == '/' || !whole[length]);
}

static int is_ours(int file) { return file >= 0 && file < MOST_FILES && ours[file]; }

/* 0: go on. 1: write half. Otherwise the error that the operation answers. Signals interrupt only what may wait. */
static int fault(const char *what, int may_wait) {
    int now = atomic_fetch_add(&done, 1) + 1;
    const char *log = getenv("FAULT_LOG"), *at = getenv("FAULT_AT"), *kind = getenv("FAULT_KIND");
    if (log) {
        int file = NEXT(open)(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        char line[64];
        int length = snprintf(line, sizeof line, "%s\n", what);
        if (file >= 0) {
            if (NEXT(write)(file, line, length) < 0) _exit(99);
            NEXT(close)(file);
        }
    }
    if (!at || !kind || atoi(at) != now) return 0;
    if (!strcmp(kind, "KILL")) kill(getpid(), SIGKILL);
    if (!strcmp(kind, "ENOSPC")) return ENOSPC;
    if (!strcmp(kind, "EIO")) return EIO;
    if (!strcmp(kind, "EINTR") && may_wait) return EINTR;
    if (!strcmp(kind, "SHORT") && !strcmp(what, "write")) return 1;
    return 0;
}

#define FAIL_IF(what, may_wait)                                                                                             \
    do {                                                                                                                    \
        int error = fault(what, may_wait);                                                                                  \
        if (error > 1) {                                                                                                    \
            errno = error;                                                                                                  \
            return -1;                                                                                                      \
        }                                                                                                                   \
    } while (0)

static int opened(int file, int is_written) {
    if (file >= 0 && file < MOST_FILES) ours[file] = is_written;
    return file;
}

/* Reading is not counted, but for the folder itself, which is opened to wait for the disk. */
static int is_counted(const char *path, int flags) {
    const char *folder = getenv("FAULT_FOLDER");
    int writes = flags & (O_WRONLY | O_RDWR | O_CREAT);
    return is_inside(path) && (writes || (folder && !strcmp(path, folder)));
}

#define OPEN(name)                                                                                                          \
    int name(const char *path, int flags, ...) {                                                                            \
        va_list more;                                                                                                       \
        va_start(more, flags);                                                                                              \
        int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0;                                                   \
        va_end(more);                                                                                                       \
        int counts = is_counted(path, flags);                                                                               \
        if (counts) FAIL_IF("open", 1);                                                                                     \
        return opened(NEXT(name)(path, flags, mode), counts);                                                               \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                                                        \
    int name(int at, const char *path, int flags, ...) {                                                                    \
        va_list more;                                                                                                       \
        va_start(more, flags);                                                                                              \
        int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0;                                                   \
        va_end(more);                                                                                                       \
        int counts = is_counted(path, flags);                                                                               \
        if (counts) FAIL_IF("open", 1);                                                                                     \
        return opened(NEXT(name)(at, path, flags, mode), counts);                                                           \
    }
OPENAT(openat)
OPENAT(openat64)

int close(int file) {
    if (file >= 0 && file < MOST_FILES) ours[file] = 0;
    return NEXT(close)(file);
}

ssize_t write(int file, const void *bytes, size_t length) {
    if (is_ours(file)) {
        int error = fault("write", 1);
        if (error > 1) {
            errno = error;
            return -1;
        }
        if (error == 1 && length > 1) length /= 2;
    }
    return NEXT(write)(file, bytes, length);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    if (is_ours(file)) FAIL_IF("write", 1);
    return NEXT(writev)(file, parts, count);
}

int fsync(int file) {
    if (is_ours(file)) FAIL_IF("fsync", 1);
    return NEXT(fsync)(file);
}

int fdatasync(int file) {
    if (is_ours(file)) FAIL_IF("fsync", 1);
    return NEXT(fdatasync)(file);
}

int fchmod(int file, mode_t mode) {
    if (is_ours(file)) FAIL_IF("fchmod", 0);
    return NEXT(fchmod)(file, mode);
}

int fchown(int file, uid_t owner, gid_t group) {
    if (is_ours(file)) FAIL_IF("fchown", 0);
    return NEXT(fchown)(file, owner, group);
}

int rename(const char *from, const char *to) {
    if (is_inside(to)) FAIL_IF("rename", 0);
    return NEXT(rename)(from, to);
}

int linkat(int from_at, const char *from, int to_at, const char *to, int flags) {
    if (is_inside(to)) FAIL_IF("link", 0);
    return NEXT(linkat)(from_at, from, to_at, to, flags);
}

int link(const char *from, const char *to) {
    if (is_inside(to)) FAIL_IF("link", 0);
    return NEXT(link)(from, to);
}

int unlink(const char *path) {
    if (is_inside(path)) FAIL_IF("unlink", 0);
    return NEXT(unlink)(path);
}

int mkdir(const char *path, mode_t mode) {
    if (is_inside(path)) FAIL_IF("mkdir", 0);
    return NEXT(mkdir)(path, mode);
}
