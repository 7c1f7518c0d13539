// Preloaded into a program (LD_PRELOAD), writes down what it does to the files below one folder.
//
// Each call and its record are one step: processes take turns through a lock on the journal, the
// threads of one through a mutex. What is not intercepted: writes through shared mappings (SQLite's
// index of its log, which is made anew after a failure) and what the C library does inside itself.
#include "engine/testing/power_failure/file_journal.h"

#include <climits>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <mutex>
#include <new>
#include <string>
#include <string_view>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

using xp::journal::Header;
using xp::journal::Op;

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

std::recursive_mutex& turn() {
  static auto* mutex = new std::recursive_mutex;  // outlives everything
  return *mutex;
}

const std::string& root() {
  static const auto* text = [] {
    const char* value = std::getenv(xp::journal::kRootVariable);
    return new std::string(value == nullptr ? "" : value);
  }();
  return *text;
}

int journal() {
  static const int descriptor = [] {
    const char* file = std::getenv(xp::journal::kFileVariable);
    if (file == nullptr) return -1;
    static const auto open = real<int(const char*, int, ...)>("open");
    const int low = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    const int high = ::fcntl(low, F_DUPFD_CLOEXEC, 900);  // away from those that programs expect
    static const auto close = real<int(int)>("close");
    close(low);
    return high;
  }();
  return descriptor;
}

bool lock(short type) {
  struct flock range {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  while (::fcntl(journal(), F_SETLKW, &range) != 0) {
    if (errno != EINTR) return false;
  }
  return true;
}

// One step of this process. errno is that of the call.
class Turn {
 public:
  Turn() {
    turn().lock();
    if (depth_++ == 0 && journal() >= 0) lock(F_WRLCK);
  }
  ~Turn() {
    const int error = errno;
    if (--depth_ == 0 && journal() >= 0) lock(F_UNLCK);
    turn().unlock();
    errno = error;
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  bool is_outermost() const { return depth_ == 1; }

 private:
  inline static int depth_ = 0;
};

void write_whole(const void* bytes, size_t size) {
  static const auto write = real<ssize_t(int, const void*, size_t)>("write");
  const char* at = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t got = write(journal(), at, size);
    if (got <= 0 && errno != EINTR) std::abort();
    if (got <= 0) continue;
    at += got;
    size -= static_cast<size_t>(got);
  }
}

void record(Op op, std::string_view path, std::string_view second = "", uint64_t node = 0,
            uint64_t offset = 0, std::string_view data = "") {
  Header header;
  header.op = op;
  header.path_bytes = static_cast<uint32_t>(path.size());
  header.second_bytes = static_cast<uint32_t>(second.size());
  header.node = node;
  header.offset = offset;
  header.data_bytes = data.size();
  write_whole(&header, sizeof header);
  for (const auto part : {path, second, data})
    write_whole(part.data(), part.size());
}

std::string path_of(int descriptor) {
  char text[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  const ssize_t size = ::readlink(link.c_str(), text, sizeof text);
  return size <= 0 ? "" : std::string(text, static_cast<size_t>(size));
}

// Relative to the folder that is watched; "" outside of it.
std::string inside(int folder, const char* path) {
  if (root().empty() || journal() < 0 || path == nullptr) return "";
  std::string whole = path;
  if (whole.empty()) return "";
  if (whole.front() != '/') {
    char here[PATH_MAX];
    whole = (folder == AT_FDCWD ? std::string(::getcwd(here, sizeof here) ? here : "")
                                : path_of(folder)) +
            "/" + whole;
  }
  std::string out;  // without "." and "//"; ".." does not occur
  for (size_t at = 0; at < whole.size();) {
    const size_t end = std::min(whole.find('/', at), whole.size());
    const std::string part = whole.substr(at, end - at);
    if (!part.empty() && part != ".") out += "/" + part;
    at = end + 1;
  }
  if (out.compare(0, root().size(), root()) != 0) return "";
  if (out.size() == root().size()) return ".";
  return out[root().size()] == '/' ? out.substr(root().size() + 1) : "";
}

struct stat about(int descriptor) {
  struct stat out {};
  ::fstat(descriptor, &out);
  return out;
}

bool is_watched(int descriptor) {
  if (root().empty() || journal() < 0) return false;
  return S_ISREG(about(descriptor).st_mode) &&
         !inside(AT_FDCWD, path_of(descriptor).c_str()).empty();
}

// A file that has been removed keeps its name with " (deleted)": its writes concern nobody.
void wrote(int descriptor, uint64_t offset, std::string_view data) {
  record(Op::kWrite, "", "", about(descriptor).st_ino, offset, data);
}

template <class Open>
int opened(int folder, const char* path, int flags, Open&& open) {
  const Turn turn_of_ours;
  const std::string name = inside(folder, path);
  struct stat before {};
  const bool is_new = !name.empty() && ::fstatat(folder, path, &before, 0) != 0;
  const int out = open();
  if (out < 0 || name.empty()) return out;
  const struct stat now = about(out);
  if (!S_ISREG(now.st_mode)) return out;
  if (is_new) record(Op::kCreateFile, name, "", now.st_ino);
  const bool cuts = (flags & O_TRUNC) != 0 && (flags & O_ACCMODE) != O_RDONLY;
  if (!is_new && cuts && before.st_size > 0) record(Op::kResize, "", "", now.st_ino, 0);
  return out;
}

mode_t mode_in(int flags, va_list more) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
}

template <class Call>
int named(Op op, const std::string& path, const std::string& second, Call&& call) {
  const Turn turn_of_ours;
  const int out = call();
  const int error = errno;
  if (out == 0 && !path.empty() && (op == Op::kRemove || op == Op::kMakeFolder || !second.empty()))
    record(op, path, second);
  errno = error;
  return out;
}

int flushed(int descriptor, int (*flush)(int)) {
  const Turn turn_of_ours;
  const int out = flush(descriptor);
  if (out != 0 || root().empty() || journal() < 0) return out;
  const struct stat now = about(descriptor);
  const std::string name = inside(AT_FDCWD, path_of(descriptor).c_str());
  if (S_ISDIR(now.st_mode) && !name.empty()) record(Op::kFlushFolder, name);
  if (S_ISREG(now.st_mode) && !name.empty()) record(Op::kFlushFile, "", "", now.st_ino);
  return out;
}

}  // namespace

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = mode_in(flags, more);
  va_end(more);
  static const auto next = real<int(const char*, int, ...)>("open");
  return opened(AT_FDCWD, path, flags, [&] { return next(path, flags, mode); });
}
EXPORTED int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = mode_in(flags, more);
  va_end(more);
  static const auto next = real<int(const char*, int, ...)>("open64");
  return opened(AT_FDCWD, path, flags, [&] { return next(path, flags, mode); });
}
EXPORTED int openat(int folder, const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = mode_in(flags, more);
  va_end(more);
  static const auto next = real<int(int, const char*, int, ...)>("openat");
  return opened(folder, path, flags, [&] { return next(folder, path, flags, mode); });
}
EXPORTED int creat(const char* path, mode_t mode) {
  return open(path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

namespace {
template <class Next>
FILE* opened_stream(const char* path, const char* how, Next* next) {
  FILE* out = nullptr;
  const int flags = how[0] == 'w' ? O_TRUNC | O_WRONLY : how[0] == 'a' ? O_WRONLY : O_RDONLY;
  opened(AT_FDCWD, path, flags, [&] {
    out = next(path, how);
    return out == nullptr ? -1 : ::fileno(out);
  });
  return out;
}
}  // namespace

EXPORTED FILE* fopen(const char* path, const char* how) {
  static const auto next = real<FILE*(const char*, const char*)>("fopen");
  return opened_stream(path, how, next);
}
EXPORTED FILE* fopen64(const char* path, const char* how) {
  static const auto next = real<FILE*(const char*, const char*)>("fopen64");
  return opened_stream(path, how, next);
}

EXPORTED ssize_t write(int descriptor, const void* bytes, size_t size) {
  static const auto next = real<ssize_t(int, const void*, size_t)>("write");
  if (!is_watched(descriptor)) return next(descriptor, bytes, size);
  const Turn turn_of_ours;
  const ssize_t out = next(descriptor, bytes, size);
  if (out > 0) {
    const auto end = static_cast<uint64_t>(::lseek(descriptor, 0, SEEK_CUR));
    wrote(descriptor, end - static_cast<uint64_t>(out),
          {static_cast<const char*>(bytes), static_cast<size_t>(out)});
  }
  return out;
}
EXPORTED ssize_t writev(int descriptor, const struct iovec* parts, int count) {
  static const auto next = real<ssize_t(int, const struct iovec*, int)>("writev");
  if (!is_watched(descriptor)) return next(descriptor, parts, count);
  ssize_t out = 0;
  const Turn turn_of_ours;
  for (int i = 0; i < count; ++i) {
    const ssize_t got = write(descriptor, parts[i].iov_base, parts[i].iov_len);
    if (got < 0) return out > 0 ? out : got;
    out += got;
    if (static_cast<size_t>(got) < parts[i].iov_len) break;
  }
  return out;
}

namespace {
template <class Next>
ssize_t written_at(int descriptor, const void* bytes, size_t size, off_t offset, Next* next) {
  if (!is_watched(descriptor)) return next(descriptor, bytes, size, offset);
  const Turn turn_of_ours;
  const ssize_t out = next(descriptor, bytes, size, offset);
  if (out > 0)
    wrote(descriptor, static_cast<uint64_t>(offset),
          {static_cast<const char*>(bytes), static_cast<size_t>(out)});
  return out;
}
}  // namespace

EXPORTED ssize_t pwrite(int descriptor, const void* bytes, size_t size, off_t offset) {
  static const auto next = real<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  return written_at(descriptor, bytes, size, offset, next);
}
EXPORTED ssize_t pwrite64(int descriptor, const void* bytes, size_t size, off_t offset) {
  static const auto next = real<ssize_t(int, const void*, size_t, off_t)>("pwrite64");
  return written_at(descriptor, bytes, size, offset, next);
}

// Copies by the kernel: refused for files that are watched, so that callers copy by themselves.
EXPORTED ssize_t sendfile(int to, int from, off_t* offset, size_t size) {
  static const auto next = real<ssize_t(int, int, off_t*, size_t)>("sendfile");
  if (!is_watched(to)) return next(to, from, offset, size);
  errno = EINVAL;
  return -1;
}
EXPORTED ssize_t sendfile64(int to, int from, off_t* offset, size_t size) {
  return sendfile(to, from, offset, size);
}
EXPORTED ssize_t copy_file_range(int from, off_t* from_at, int to, off_t* to_at, size_t size,
                                 unsigned flags) {
  static const auto next =
      real<ssize_t(int, off_t*, int, off_t*, size_t, unsigned)>("copy_file_range");
  if (!is_watched(to)) return next(from, from_at, to, to_at, size, flags);
  errno = ENOSYS;
  return -1;
}

EXPORTED int ftruncate(int descriptor, off_t size) {
  static const auto next = real<int(int, off_t)>("ftruncate");
  const Turn turn_of_ours;
  const int out = next(descriptor, size);
  if (out == 0 && is_watched(descriptor))
    record(Op::kResize, "", "", about(descriptor).st_ino, static_cast<uint64_t>(size));
  return out;
}
EXPORTED int ftruncate64(int descriptor, off_t size) {
  return ftruncate(descriptor, size);
}

EXPORTED int fsync(int descriptor) {
  static const auto next = real<int(int)>("fsync");
  return flushed(descriptor, next);
}
EXPORTED int fdatasync(int descriptor) {
  static const auto next = real<int(int)>("fdatasync");
  return flushed(descriptor, next);
}

EXPORTED int rename(const char* from, const char* to) {
  static const auto next = real<int(const char*, const char*)>("rename");
  return named(Op::kRename, inside(AT_FDCWD, from), inside(AT_FDCWD, to),
               [&] { return next(from, to); });
}
EXPORTED int renameat(int from_folder, const char* from, int to_folder, const char* to) {
  static const auto next = real<int(int, const char*, int, const char*)>("renameat");
  return named(Op::kRename, inside(from_folder, from), inside(to_folder, to),
               [&] { return next(from_folder, from, to_folder, to); });
}
EXPORTED int renameat2(int from_folder, const char* from, int to_folder, const char* to,
                       unsigned flags) {
  static const auto next = real<int(int, const char*, int, const char*, unsigned)>("renameat2");
  // Replays know no exchange of two names; callers fall back to other calls.
  if ((flags & RENAME_EXCHANGE) != 0 && !inside(to_folder, to).empty()) {
    errno = EINVAL;
    return -1;
  }
  return named(Op::kRename, inside(from_folder, from), inside(to_folder, to),
               [&] { return next(from_folder, from, to_folder, to, flags); });
}
EXPORTED int link(const char* from, const char* to) {
  static const auto next = real<int(const char*, const char*)>("link");
  return named(Op::kLink, inside(AT_FDCWD, from), inside(AT_FDCWD, to),
               [&] { return next(from, to); });
}
EXPORTED int linkat(int from_folder, const char* from, int to_folder, const char* to, int flags) {
  static const auto next = real<int(int, const char*, int, const char*, int)>("linkat");
  return named(Op::kLink, inside(from_folder, from), inside(to_folder, to),
               [&] { return next(from_folder, from, to_folder, to, flags); });
}
EXPORTED int symlinkat(const char* target, int folder, const char* path) {
  static const auto next = real<int(const char*, int, const char*)>("symlinkat");
  const Turn turn_of_ours;
  const int out = next(target, folder, path);
  if (const std::string name = inside(folder, path); out == 0 && !name.empty())
    record(Op::kSymlink, name, "", 0, 0, target);
  return out;
}
EXPORTED int symlink(const char* target, const char* path) {
  return symlinkat(target, AT_FDCWD, path);
}
EXPORTED int unlink(const char* path) {
  static const auto next = real<int(const char*)>("unlink");
  return named(Op::kRemove, inside(AT_FDCWD, path), "", [&] { return next(path); });
}
EXPORTED int unlinkat(int folder, const char* path, int flags) {
  static const auto next = real<int(int, const char*, int)>("unlinkat");
  return named(Op::kRemove, inside(folder, path), "", [&] { return next(folder, path, flags); });
}
EXPORTED int rmdir(const char* path) {
  static const auto next = real<int(const char*)>("rmdir");
  return named(Op::kRemove, inside(AT_FDCWD, path), "", [&] { return next(path); });
}
EXPORTED int remove(const char* path) {
  static const auto next = real<int(const char*)>("remove");
  return named(Op::kRemove, inside(AT_FDCWD, path), "", [&] { return next(path); });
}
EXPORTED int mkdir(const char* path, mode_t mode) {
  static const auto next = real<int(const char*, mode_t)>("mkdir");
  return named(Op::kMakeFolder, inside(AT_FDCWD, path), "", [&] { return next(path, mode); });
}
EXPORTED int mkdirat(int folder, const char* path, mode_t mode) {
  static const auto next = real<int(int, const char*, mode_t)>("mkdirat");
  return named(Op::kMakeFolder, inside(folder, path), "", [&] { return next(folder, path, mode); });
}

// A process that is forked in the middle of another thread's step would wait for ever. The child
// takes a new mutex: the thread that locked the old one is not in it.
__attribute__((constructor)) static void prepare() {
  journal();
  ::pthread_atfork([] { turn().lock(); }, [] { turn().unlock(); },
                   [] { new (&turn()) std::recursive_mutex; });
}
