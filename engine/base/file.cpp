// Files over POSIX calls.
#include "engine/base/file.h"

#include "engine/base/descriptor.h"
#include "engine/base/error.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <utility>

namespace xp {
namespace {

std::string reason() {
  return std::strerror(errno);
}

void make_parents(const fs::path& path) {
  std::error_code code;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), code);
  if (code)
    machine_error("folder '{}' cannot be made: {}", path.parent_path().string(), code.message());
}

fs::path beside(const fs::path& path) {
  return path.parent_path() / fmt::format(".{}.{}.new", path.filename().string(), ::getpid());
}

enum class Flush { kNo, kYes };

void write_all(int descriptor, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) machine_error("writing '{}': {}", path.string(), reason());
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

void flush_folder(const fs::path& folder) {
  const Descriptor opened(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY));
  if (opened.get() >= 0) ::fsync(opened.get());
}

void flush_tree(const fs::path& root) {
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const Descriptor opened(::open(entry.path().c_str(), O_RDONLY));
    if (opened.get() >= 0) ::fsync(opened.get());
  }
  flush_folder(root);
}

void write_and_rename(const fs::path& path, std::span<const std::string_view> pieces, Flush flush) {
  make_parents(path);
  const fs::path fresh = beside(path);
  try {
    const Descriptor file(
        ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (file.get() < 0) machine_error("writing '{}': {}", path.string(), reason());
    for (const auto piece : pieces)
      write_all(file.get(), piece, path);
    if (flush == Flush::kYes && ::fsync(file.get()) != 0)
      machine_error("writing '{}': {}", path.string(), reason());
    if (::rename(fresh.c_str(), path.c_str()) != 0)
      machine_error("writing '{}': {}", path.string(), reason());
  } catch (...) {
    ::unlink(fresh.c_str());
    throw;
  }
  if (flush == Flush::kYes) flush_folder(path.parent_path());
}

bool lock(int descriptor, int command, short type = F_WRLCK) {
  struct flock range {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  int result = 0;
  do {
    result = ::fcntl(descriptor, command, &range);
  } while (result < 0 && errno == EINTR);
  return result == 0;
}

int open_lock(const fs::path& path) {
  make_parents(path);
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0) machine_error("lock file '{}' cannot be opened: {}", path.string(), reason());
  return descriptor;
}

}  // namespace

std::optional<std::string> read_if_there(const fs::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  if (file.get() < 0) user_error("'{}' cannot be read: {}", path.string(), reason());
  struct stat about {};
  if (::fstat(file.get(), &about) == 0 && S_ISDIR(about.st_mode)) {
    user_error("'{}' is a folder; name a file in it", path.string());
  }
  const auto size = static_cast<size_t>(about.st_size);  // 0 in /proc
  std::string out;
  char piece[1 << 16];
  while (size == 0 || out.size() < size) {
    const ssize_t got = ::read(file.get(), piece, sizeof piece);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) user_error("'{}' cannot be read: {}", path.string(), reason());
    if (got == 0) break;
    out.append(piece, static_cast<size_t>(got));
  }
  return out;
}

std::string read_file(const fs::path& path) {
  auto bytes = read_if_there(path);
  if (!bytes) user_error("'{}' cannot be read: {}", path.string(), reason());
  return *std::move(bytes);
}

void write_atomic(const fs::path& path, std::string_view bytes) {
  write_atomic(path, std::span(&bytes, 1));
}

void write_atomic(const fs::path& path, std::span<const std::string_view> pieces) {
  write_and_rename(path, pieces, Flush::kYes);
}

void replace_file(const fs::path& path, std::string_view bytes) {
  write_and_rename(path, std::span(&bytes, 1), Flush::kNo);
}

void flush_file(const fs::path& path) {
  const Descriptor opened(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (opened.get() >= 0 && ::fsync(opened.get()) != 0)
    machine_error("writing '{}': {}", path.string(), reason());
}

void append_file(const fs::path& path, std::string_view bytes) {
  make_parents(path);
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (file.get() < 0) machine_error("writing '{}': {}", path.string(), reason());
  write_all(file.get(), bytes, path);
}

void make_folder_atomic(const fs::path& path, const std::function<void(const fs::path&)>& fill) {
  make_parents(path);
  const fs::path fresh = beside(path);
  std::error_code ignored;
  fs::remove_all(fresh, ignored);
  try {
    if (!fs::create_directory(fresh)) machine_error("folder '{}' cannot be made", fresh.string());
    fill(fresh);
    flush_tree(fresh);
    fs::remove_all(path);
    fs::rename(fresh, path);
  } catch (const fs::filesystem_error& error) {
    fs::remove_all(fresh, ignored);
    machine_error("folder '{}' cannot be made: {}", path.string(), error.code().message());
  } catch (...) {
    fs::remove_all(fresh, ignored);
    throw;
  }
  flush_folder(path.parent_path());
}

uint64_t free_bytes(const fs::path& path) {
  fs::path at = fs::absolute(path);
  while (!fs::exists(at) && at.has_relative_path())
    at = at.parent_path();
  struct statvfs about {};
  if (::statvfs(at.c_str(), &about) != 0)
    machine_error("free space of '{}': {}", at.string(), reason());
  return static_cast<uint64_t>(about.f_bavail) * about.f_frsize;
}

MappedFile::MappedFile(const fs::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) machine_error("'{}' cannot be opened: {}", path.string(), reason());
  struct stat about {};
  if (::fstat(file.get(), &about) != 0) machine_error("'{}': {}", path.string(), reason());
  size_ = static_cast<size_t>(about.st_size);
  if (size_ == 0) return;
  void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.get(), 0);
  if (mapped == MAP_FAILED) machine_error("'{}' cannot be mapped: {}", path.string(), reason());
  data_ = static_cast<const std::byte*>(mapped);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

FileLock FileLock::wait(const fs::path& path, const std::function<void()>& on_wait) {
  const int descriptor = open_lock(path);
  if (!lock(descriptor, F_OFD_SETLK)) {
    if (on_wait) on_wait();
    if (!lock(descriptor, F_OFD_SETLKW)) machine_error("locking '{}': {}", path.string(), reason());
  }
  return FileLock(descriptor);
}

std::optional<FileLock> FileLock::attempt(const fs::path& path) {
  const int descriptor = open_lock(path);
  if (lock(descriptor, F_OFD_SETLK)) return FileLock(descriptor);
  ::close(descriptor);
  return std::nullopt;
}

FileLock FileLock::share(const fs::path& path) {
  while (true) {
    FileLock out(open_lock(path));
    if (!lock(out.descriptor_, F_OFD_SETLKW, F_RDLCK))
      machine_error("locking '{}': {}", path.string(), reason());
    struct stat held {
    }, named{};
    if (::fstat(out.descriptor_, &held) == 0 && ::stat(path.c_str(), &named) == 0 &&
        held.st_dev == named.st_dev && held.st_ino == named.st_ino)
      return out;
  }
}

bool FileLock::is_held(const fs::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  return file.get() >= 0 && ::fcntl(file.get(), F_OFD_GETLK, &range) == 0 &&
         range.l_type != F_UNLCK;
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

TempFolder::TempFolder(const fs::path& parent) {
  const fs::path base = parent.empty() ? fs::temp_directory_path() : parent;
  std::string pattern = (base / "xp-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    machine_error("a temporary folder in '{}' cannot be made: {}", base.string(), reason());
  }
  path_ = pattern;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace xp
