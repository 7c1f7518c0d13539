// Files: whole reads, writes that are never half done, mapped reads, locks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace xp {

namespace fs = std::filesystem;

/// The bytes of a file. Raises kUser naming the path if it cannot be read.
std::string read_file(const fs::path& path);
/// The same; nothing if there is no such file.
std::optional<std::string> read_if_there(const fs::path& path);

/// Replaces `path` in one step: written beside it, flushed to disk, renamed. Missing folders are
/// made. Raises kMachine naming the path and the reason (no space, no permission); `path` is then
/// unchanged.
void write_atomic(const fs::path& path, std::string_view bytes);
/// The same from several pieces, one after the other, without joining them in memory.
void write_atomic(const fs::path& path, std::span<const std::string_view> pieces);

/// The same without waiting for the disk: who reads meanwhile sees the old bytes or the new ones,
/// but after a power failure the file may be the old one, empty or missing. For what can be done
/// without, or is flushed later by `flush_file`.
void replace_file(const fs::path& path, std::string_view bytes);
/// Waits until the bytes of a file are on the disk; does nothing if there is none.
void flush_file(const fs::path& path);

/// Adds whole lines to a file (made if missing) with one write call, without flushing to disk.
void append_file(const fs::path& path, std::string_view bytes);

/// Makes a folder as a whole: `fill` writes into a temporary folder beside `path`, which is flushed
/// and renamed to `path` at the end. If `fill` throws, or the process dies, `path` does not exist.
/// An existing `path` is replaced.
void make_folder_atomic(const fs::path& path, const std::function<void(const fs::path&)>& fill);

/// Free bytes for this user on the file system that holds (or would hold) `path`.
uint64_t free_bytes(const fs::path& path);

/// A file mapped read-only. Raises kMachine if it cannot be opened.
class MappedFile {
 public:
  explicit MappedFile(const fs::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

/// An advisory lock (fcntl, so it also works on NFS and ends with the process) held while the
/// object lives: by one object alone, or shared by several.
class FileLock {
 public:
  /// Waits until the lock is free; `on_wait` is called once if it has to wait.
  static FileLock wait(const fs::path& path, const std::function<void()>& on_wait = {});
  /// The lock, or nothing if another process holds it.
  static std::optional<FileLock> attempt(const fs::path& path);
  /// The lock, shared with others that ask for it so; waits while somebody holds it alone, who may
  /// remove the file meanwhile.
  static FileLock share(const fs::path& path);
  /// Whether somebody holds the lock now, alone or shared. Neither takes the lock nor makes the
  /// file.
  static bool is_held(const fs::path& path);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

/// A fresh folder that is removed with the object.
class TempFolder {
 public:
  /// Inside `parent`, or the system's temporary folder.
  explicit TempFolder(const fs::path& parent = {});
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

}  // namespace xp
