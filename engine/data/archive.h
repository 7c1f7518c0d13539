// Unpacks archives and compressed files, each once.
#pragma once

#include "registry/corpus.h"

#include <filesystem>
#include <string>
#include <vector>

namespace xp {

/// The archive that [corpus] names: beside the spec, or by its file name in the mirror; empty if
/// it is in neither.
std::filesystem::path find_archive(const CorpusPlace& place, const std::string& name);

/// What blocks a corpus whose archive was not found; see CorpusInputs::missing.
std::string archive_is_missing(const std::string& name);

/// The folder of an archive's content (tar, also compressed by gzip, bzip2, xz or zstd, or zip;
/// recognized by its bytes), unpacked into `downloads`/unpacked if it is not yet; if the archive
/// holds a single folder, that folder. With `members`, only these files, and the folder is the
/// archive's top. Unpacked as a whole or not at all. Raises kUser if the archive is truncated or
/// damaged, lacks a member, holds links, names that lead out of it, or what is made to fill a disk:
/// more than 1 GiB and 200 times the archive, or over a million members. Raises kMachine if there
/// is no space. Needs `place.may_fetch`.
std::filesystem::path unpacked_archive(const CorpusPlace& place,
                                       const std::filesystem::path& archive,
                                       const std::vector<std::string>& members = {});

/// The names of the files in an archive, in its order. Reads it to its end; raises as above.
std::vector<std::string> archive_files(const std::filesystem::path& archive);

/// The bytes of a gzip file. Raises kUser if it is truncated or damaged.
std::string gunzipped(const std::filesystem::path& file);

/// `file` itself, or if its name ends in .gz its content, kept in `downloads`/unpacked. Raises
/// as `gunzipped` does. Needs `place.may_fetch`.
std::filesystem::path uncompressed(const CorpusPlace& place, const std::filesystem::path& file);

}  // namespace xp
