// What several finished evaluations translated: their hypotheses beside the text of the corpus.
#pragma once

#include "engine/cli/points/run_folder.h"

#include <cstdint>
#include <string>
#include <vector>

namespace xp {

/// One direction of a subset. Line i of each list belongs together.
struct TranslatedText {
  std::string subset, direction;  ///< "test", "en-fr"
  std::vector<std::string> sources, references;
  std::vector<uint32_t> num_pieces;                    ///< of each source
  std::vector<std::vector<std::string>> hypotheses{};  ///< of each evaluation
};

/// What all of `evaluations` translated, in the order of the first one; `subset` and `direction`
/// limit it unless they are empty. Raises a usage error if one is not done, if they have nothing in
/// common or translated different texts; kMachine if files are missing or damaged.
std::vector<TranslatedText> translated_texts(const Workspace& workspace,
                                             const std::vector<RunFolder>& evaluations,
                                             const std::string& subset,
                                             const std::string& direction);

}  // namespace xp
