// Gets upstream files: from the mirror, else from the workspace's downloads, else from their
// address.
#pragma once

#include "registry/corpus.h"

#include <filesystem>
#include <string>
#include <vector>

namespace xp {

/// An upstream file. `bytes` and `sha256` may be unknown (0, ""): then they are not compared.
struct RemoteFile {
  std::string name;                    ///< as it is called upstream, without folders
  std::vector<std::string> addresses;  ///< tried in this order
  uint64_t bytes = 0;
  std::string sha256;
  int stall_s = 30;  ///< an address that sends next to nothing for so long is given up ...
  int retries = 3;   ///< ... after so many further tries
};

/// SHA-256 of a local file. Known results are kept in `downloads`/sha256.json, keyed by path, size,
/// times of change and inode, so that a big file is read once; written only if `place.may_fetch`.
/// Raises kUser if the file cannot be read.
std::string local_sha256(const CorpusPlace& place, const std::filesystem::path& file);

/// Where the file is here already: in the mirror or in `downloads`; empty if it is not. A file
/// of another size or SHA-256 is an error (kUser), never taken.
std::filesystem::path find_local(const CorpusPlace& place, const RemoteFile& file);

/// The file, downloaded into `downloads` with `curl` if it is not here: resumed, retried, compared
/// with size and SHA-256, with progress on standard error. An address that fails or sends another
/// file is followed by the next one. Raises kMachine if it cannot be had; the message names the
/// file, its addresses and what is wrong with each, its size and the folder to put it in. Needs
/// `place.may_fetch`.
std::filesystem::path fetch(const CorpusPlace& place, const RemoteFile& file);

/// The archive `KIND.tar.xz`, `.tar.gz`, `.tar.zst` or `.zip` in the mirror; empty if there is
/// none.
std::filesystem::path mirror_archive(const CorpusPlace& place, const std::string& kind);

}  // namespace xp
