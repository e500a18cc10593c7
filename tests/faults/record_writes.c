/*
 * Records everything that a process changes below a folder, in order, for power_record.ts. Loaded with LD_PRELOAD.
 *
 *     RECORD_ROOT   absolute path of the folder
 *     RECORD_LOG    where the record is written
 *
 * Each change is a line, "operation inode offset length path other_path" separated by tabs; the data of a write follow
 * it. A lock makes the order of the record that of the changes.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static char root[PATH_MAX];
static int record = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name)) real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void start(void) {
  const char *folder = getenv("RECORD_ROOT"), *path = getenv("RECORD_LOG");
  if (!folder || !path) return;
  snprintf(root, sizeof root, "%s/", folder);
  record = REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

/* Absolute path of a path, relative to an open folder or to the working folder. */
static void absolute(int folder, const char *path, char *to) {
  char base[PATH_MAX], link[64];
  if (path[0] == '/') {
    snprintf(to, PATH_MAX, "%s", path);
    return;
  }
  if (folder == AT_FDCWD) strcpy(link, "/proc/self/cwd");
  else snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
  ssize_t n = readlink(link, base, sizeof base - 1);
  base[n < 0 ? 0 : n] = 0;
  if (snprintf(to, PATH_MAX, "%s/%s", base, path) >= PATH_MAX) abort();
}

static int below(const char *path) {
  size_t n = strlen(root);
  return record >= 0 && (strncmp(path, root, n) == 0 || strncmp(path, root, n - 1) == 0 && !path[n - 1]);
}

/* Whether an open file is below the folder. */
static int watched(int fd) {
  char link[64], path[PATH_MAX];
  if (record < 0 || fd == record) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n < 0) return 0;
  path[n] = 0;
  return below(path);
}

static void put(const char *what, unsigned long inode, long long offset, size_t length, const char *path,
                const char *other, const void *data) {
  char line[3 * PATH_MAX];
  int n = snprintf(line, sizeof line, "%s\t%lu\t%lld\t%zu\t%s\t%s\n", what, inode, offset, length, path, other);
  struct iovec parts[2] = {{line, n}, {(void *) data, data ? length : 0}};
  for (size_t i = 0; i < 2; i++)
    for (size_t done = 0; done < parts[i].iov_len;) {
      ssize_t wrote = REAL(write)(record, (char *) parts[i].iov_base + done, parts[i].iov_len - done);
      if (wrote < 0) abort();
      done += wrote;
    }
}

static unsigned long inode_of(int fd) {
  struct stat info;
  return fstat(fd, &info) == 0 ? info.st_ino : 0;
}

static unsigned long inode_at(const char *path) {
  struct stat info;
  return lstat(path, &info) == 0 ? info.st_ino : 0;
}

static int open_recorded(int folder, const char *path, int flags, mode_t mode) {
  char full[PATH_MAX];
  absolute(folder, path, full);
  if (!(flags & (O_CREAT | O_TRUNC)) || !below(full)) return REAL(openat)(folder, path, flags, mode);
  pthread_mutex_lock(&lock);
  int existed = inode_at(full) != 0;
  int fd = REAL(openat)(folder, path, flags, mode);
  int error = errno;
  if (fd >= 0 && !existed) put("create", inode_of(fd), 0, 0, full, "", NULL);
  else if (fd >= 0 && flags & O_TRUNC) put("truncate", inode_of(fd), 0, 0, "", "", NULL);
  pthread_mutex_unlock(&lock);
  errno = error;
  return fd;
}

#define MODE(flags) \
  mode_t mode = 0; \
  if (flags & (O_CREAT | O_TMPFILE)) { va_list list; va_start(list, flags); mode = va_arg(list, mode_t); va_end(list); }
int open(const char *path, int flags, ...) { MODE(flags) return open_recorded(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return open_recorded(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE(flags) return open_recorded(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE(flags) return open_recorded(folder, path, flags, mode); }

/* Runs a call that changes something, and records it if it succeeded. */
#define RECORDED(type, is_watched, call, is_done, note) \
  if (!(is_watched)) return call; \
  pthread_mutex_lock(&lock); \
  type result = call; \
  int error = errno; \
  if (is_done) { note; } \
  pthread_mutex_unlock(&lock); \
  errno = error; \
  return result

/* What a call without a buffer of ours has just written. */
static void put_written(int fd, off_t at, size_t length) {
  char link[64], *data = malloc(length);
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  int again = REAL(open)(link, O_RDONLY | O_CLOEXEC);
  if (!data || again < 0 || pread(again, data, length, at) != (ssize_t) length) abort();
  put("write", inode_of(fd), at, length, "", "", data);
  close(again);
  free(data);
}
#define WRITTEN put_written(fd, lseek(fd, 0, SEEK_CUR) - result, result)

ssize_t write(int fd, const void *data, size_t length) {
  RECORDED(ssize_t, watched(fd), REAL(write)(fd, data, length), result > 0,
           put("write", inode_of(fd), lseek(fd, 0, SEEK_CUR) - result, result, "", "", data));
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
  RECORDED(ssize_t, watched(fd), REAL(writev)(fd, parts, count), result > 0, WRITTEN);
}
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) {
  RECORDED(ssize_t, watched(fd), REAL(pwrite64)(fd, data, length, at), result > 0,
           put("write", inode_of(fd), at, result, "", "", data));
}
ssize_t copy_file_range(int from, off64_t *from_at, int fd, off64_t *at, size_t length, unsigned flags) {
  RECORDED(ssize_t, watched(fd), REAL(copy_file_range)(from, from_at, fd, at, length, flags), result > 0,
           if (at) put_written(fd, *at - result, result); else WRITTEN);
}
ssize_t sendfile64(int fd, int from, off64_t *from_at, size_t length) {
  ssize_t (*call)(int, int, off64_t *, size_t) = real("sendfile64");
  RECORDED(ssize_t, watched(fd), call(fd, from, from_at, length), result > 0, WRITTEN);
}
int ftruncate64(int fd, off64_t length) {
  RECORDED(int, watched(fd), REAL(ftruncate64)(fd, length), result == 0,
           put("truncate", inode_of(fd), length, 0, "", "", NULL));
}
int fsync(int fd) {
  RECORDED(int, watched(fd), REAL(fsync)(fd), result == 0, put("sync", inode_of(fd), 0, 0, "", "", NULL));
}
int fdatasync(int fd) {
  RECORDED(int, watched(fd), REAL(fdatasync)(fd), result == 0, put("sync", inode_of(fd), 0, 0, "", "", NULL));
}

int renameat(int folder, const char *path, int other_folder, const char *other) {
  char from[PATH_MAX], to[PATH_MAX];
  absolute(folder, path, from), absolute(other_folder, other, to);
  RECORDED(int, below(from) || below(to), REAL(renameat)(folder, path, other_folder, other), result == 0,
           put("rename", 0, 0, 0, from, to, NULL));
}
int rename(const char *path, const char *other) { return renameat(AT_FDCWD, path, AT_FDCWD, other); }
int linkat(int folder, const char *path, int other_folder, const char *other, int flags) {
  char from[PATH_MAX], to[PATH_MAX];
  absolute(folder, path, from), absolute(other_folder, other, to);
  RECORDED(int, below(to), REAL(linkat)(folder, path, other_folder, other, flags), result == 0,
           put("link", 0, 0, 0, from, to, NULL));
}
int link(const char *path, const char *other) { return linkat(AT_FDCWD, path, AT_FDCWD, other, 0); }
int unlinkat(int folder, const char *path, int flags) {
  char full[PATH_MAX];
  absolute(folder, path, full);
  RECORDED(int, below(full), REAL(unlinkat)(folder, path, flags), result == 0, put("remove", 0, 0, 0, full, "", NULL));
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int mkdirat(int folder, const char *path, mode_t mode) {
  char full[PATH_MAX];
  absolute(folder, path, full);
  RECORDED(int, below(full), REAL(mkdirat)(folder, path, mode), result == 0,
           put("mkdir", inode_at(full), 0, 0, full, "", NULL));
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
