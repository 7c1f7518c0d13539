// Archives and compressed files, unpacked once.
#pragma once

#include "registry/corpus.h"

#include <filesystem>
#include <string>

namespace xp {

/// The folder of an archive's content (.tar, .tar.gz, .tar.xz, .tar.zst), unpacked with `tar` into
/// `downloads`/unpacked if it is not yet; where the archive holds a single folder, that folder.
/// Unpacked as a whole or not at all. Raises kUser where the archive is truncated or damaged, or
/// holds links or names that lead out of it; kMachine where there is no space or no `tar`. Needs
/// `place.may_fetch`.
std::filesystem::path unpacked_archive(const CorpusPlace& place,
                                       const std::filesystem::path& archive);

/// The bytes of a gzip file. Raises kUser where it is truncated or damaged.
std::string gunzipped(const std::filesystem::path& file);

}  // namespace xp
