// Archives and compressed files, unpacked once.
#pragma once

#include "registry/corpus.h"

#include <filesystem>
#include <string>
#include <vector>

namespace xp {

/// The archive that [corpus] names: beside the spec, or by its file name in the mirror; empty where
/// it is in neither.
std::filesystem::path find_archive(const CorpusPlace& place, const std::string& name);

/// What blocks a corpus whose archive was not found; see CorpusInputs::missing.
std::string archive_is_missing(const std::string& name);

/// The folder of an archive's content (.tar, .tar.gz, .tgz, .tar.xz, .tar.zst), unpacked with `tar`
/// into `downloads`/unpacked if it is not yet; where the archive holds a single folder, that
/// folder. With `members`, only these, and the folder is the archive's top. Unpacked as a whole or
/// not at all. Raises kUser where the archive is truncated or damaged, lacks a member, or holds
/// links or names that lead out of it; kMachine where there is no space or no `tar`. Needs
/// `place.may_fetch`.
std::filesystem::path unpacked_archive(const CorpusPlace& place,
                                       const std::filesystem::path& archive,
                                       const std::vector<std::string>& members = {});

/// The bytes of a gzip file. Raises kUser where it is truncated or damaged.
std::string gunzipped(const std::filesystem::path& file);

/// `file` itself, or where its name ends in .gz its content, kept in `downloads`/unpacked. Raises
/// as `gunzipped` does. Needs `place.may_fetch`.
std::filesystem::path uncompressed(const CorpusPlace& place, const std::filesystem::path& file);

}  // namespace xp
