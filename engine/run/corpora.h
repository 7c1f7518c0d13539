// The corpora of an experiment in a workspace: their ids, and their preparation.
#pragma once

#include "engine/plan/plan.h"
#include "registry/corpus.h"

#include <filesystem>
#include <map>
#include <string>

namespace xp {

/// Looks at inputs and prepared corpora once: `prepare` and `update` forget what was seen. Not for
/// several threads.
class Corpora {
 public:
  /// `mirror` may be empty; relative paths start at `spec_folder`; `experiment` is the name whose
  /// earlier runs are looked at.
  Corpora(Workspace workspace, std::filesystem::path mirror, std::filesystem::path spec_folder,
          std::string experiment)
      : workspace_(std::move(workspace)),
        mirror_(std::move(mirror)),
        spec_folder_(std::move(spec_folder)),
        experiment_(std::move(experiment)) {}

  /// What is known without fetching or writing anything. A missing input is not an error: if the
  /// experiment has run with the same [corpus] before, here or where its runs were copied from, the
  /// id is that of then, and nothing is missing if that corpus is still prepared. Raises kUser.
  CorpusIdentity identity(const Value& corpus) const;

  /// What is known of the figures of [corpus] that planning asks for, without fetching or writing
  /// anything: the sizes of the dictionaries that it brings (DictionarySizes), and how full its
  /// batches are (BatchFill), once it is prepared.
  Value figures(const Value& corpus) const;
  /// The first of these.
  Value dictionary_figures(const Value& corpus) const;

  /// Fetches and prepares it unless it is there; the id. Raises kUser, kMachine.
  std::string prepare(const Value& corpus) const;

  /// Forgets what corpora/LOCK.toml holds for corpora of this kind and pins what upstream offers
  /// now; the id that results. If that fails the file is as it was. Raises kUser, kMachine.
  std::string update(const Value& corpus) const;

 private:
  CorpusPlace place(bool may_fetch) const;
  CorpusIdentity identity_of_inputs(const Value& corpus) const;
  void forget() const;
  std::optional<std::string> recorded_id(const Value& corpus) const;
  std::string id_after_fetch(const Value& corpus) const;
  Workspace workspace_;
  std::filesystem::path mirror_, spec_folder_;
  std::string experiment_;
  // By the text of [corpus].
  mutable std::map<std::string, CorpusIdentity> seen_inputs_;
  mutable std::map<std::string, Value> seen_figures_;
};

}  // namespace xp
