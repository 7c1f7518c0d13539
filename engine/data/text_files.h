// The settings of corpora that read a user's own files STEM.ENDING from a folder or an archive.
#pragma once

#include "registry/corpus.h"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace xp {

/// Settings that such kinds share, and what they mean.
struct TextFiles {
  std::string path, archive;
  std::string train = "train", valid = "valid", test = "test";

  void describe(auto& field) {
    field("path", path, "the folder of the files, relative to the spec", any(), Scope::kContent);
    field("archive", archive,
          "an archive of the folder (.tar.xz, .tar.gz, .tar.zst, .zip), beside the spec or in the "
          "mirror",
          any(), Scope::kContent);
    field("train", train, "stem of the training files");
    field("valid", valid, "stem of the validation files; empty = none");
    field("test", test, "stem of the test files; empty = none");
  }

  /// Raises kUser, naming the kind, unless exactly one of `path` and `archive` is given.
  void require_one(const std::string& kind) const;

  /// Subset -> stem, of those that are given.
  std::vector<std::pair<std::string, std::string>> subsets() const;

  /// The identity: the archive's SHA-256, or that of each file STEM + ending (".en"), which may be
  /// compressed (STEM.en.gz).
  CorpusInputs inputs(const CorpusPlace& place, const std::vector<std::string>& endings) const;

  /// One of the files, unpacked. Raises kUser if it is missing.
  std::filesystem::path file(const CorpusPlace& place, const std::string& stem,
                             const std::string& ending) const;
};

}  // namespace xp
