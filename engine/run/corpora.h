// The corpora of an experiment in a workspace: who they are, and making them.
#pragma once

#include "engine/plan/plan.h"
#include "registry/corpus.h"

#include <filesystem>
#include <string>

namespace xp {

class Corpora {
 public:
  /// `mirror` may be empty; `spec_folder` is where relative paths of the spec start.
  Corpora(Workspace workspace, std::filesystem::path mirror, std::filesystem::path spec_folder)
      : workspace_(std::move(workspace)),
        mirror_(std::move(mirror)),
        spec_folder_(std::move(spec_folder)) {}

  /// What is known without fetching or writing anything. A missing input is no error.
  CorpusIdentity identity(const Value& corpus) const;

  /// Fetches and prepares it unless it is there; the id. Raises kUser, kMachine.
  std::string prepare(const Value& corpus) const;

  /// Forgets what corpora/LOCK.toml holds for corpora of this kind and pins what upstream offers
  /// now; the id that results. Where that fails the file is as it was. Raises kUser, kMachine.
  std::string update(const Value& corpus) const;

 private:
  CorpusPlace place(bool may_fetch) const;
  Workspace workspace_;
  std::filesystem::path mirror_, spec_folder_;
};

}  // namespace xp
