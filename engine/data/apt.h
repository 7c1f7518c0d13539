// Fetches and unpacks Debian packages with apt-get, apt-cache and dpkg-deb. Nothing is installed;
// no root is needed.
#pragma once

#include "registry/corpus.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace xp {

/// A package file as an archive offers it.
struct DebFile {
  std::string package, version, sha256, name;  ///< `name` is the file's, without folders
  uint64_t bytes = 0;
};

Value to_json(const DebFile& file);
/// Raises kUser if the name or the hash could not be a package file's; Value::exception if a key is
/// missing.
DebFile deb_file_from_json(const Value& value);

/// The package files in stanzas "Key: value" with blank lines between them, as `apt-cache show`
/// prints them; stanzas without a file are left out.
std::vector<DebFile> parse_stanzas(const std::string& text);

/// The files that LOCK.toml pins for these entries of `packages`, without those that it says are
/// absent; nothing if an entry is not pinned yet. Raises kUser or kMachine if the file is damaged.
std::optional<std::vector<DebFile>> pinned_packages(const std::filesystem::path& lock,
                                                    const std::vector<std::string>& entries);

/// Whether apt-get, apt-cache and dpkg-deb are here.
bool has_apt();

/// Finds and fetches package files. Uses the system's package lists; if these do not know a
/// package, or know a version that is gone, it fetches lists of its own into `downloads`/apt, once.
class Apt {
 public:
  explicit Apt(const CorpusPlace& place);

  /// For each entry the package that the archive offers. An entry is alternatives joined by "|", of
  /// which the first one known counts; an empty alternative at the end means that there may be
  /// none. Raises kMachine naming the entry and what to do.
  std::vector<std::optional<DebFile>> find(const std::vector<std::string>& entries);

  /// The files in the mirror or in `downloads`, in the order given; those that are in neither are
  /// fetched together, with progress on standard error. Their SHA-256 is compared. Raises kMachine.
  std::vector<std::filesystem::path> fetch(const std::vector<DebFile>& files);

 private:
  std::vector<DebFile> offered(const std::vector<std::string>& packages) const;
  std::vector<std::string> command(const std::string& program) const;
  bool has_own_lists() const;
  std::vector<DebFile> missing(const std::vector<DebFile>& files) const;
  std::string download(const std::vector<DebFile>& files);
  std::string update();
  CorpusPlace place_;
  std::filesystem::path own_;
  bool uses_own_lists_ = false;
};

/// The folder of the catalogs (.mo) of one language in a package file, unpacked if it is not yet;
/// it may be empty.
std::filesystem::path unpacked_catalogs(const CorpusPlace& place, const std::filesystem::path& deb,
                                        const DebFile& file, const std::string& language);

}  // namespace xp
