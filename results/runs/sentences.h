// The hypotheses of an evaluation, and the counts of each sentence beside them.
//
//   evaluations/ID/hypotheses/SUBSET.DIRECTION.txt         line i: the translation of sentence i
//   evaluations/ID/sentences/SUBSET.DIRECTION.METRIC.txt   line i: the counts of sentence i,
//                                                          separated by spaces
#pragma once

#include "engine/base/file.h"
#include "registry/metric.h"

#include <string>
#include <vector>

namespace xp {

/// Where the translations of a subset lie.
fs::path hypotheses_file(const fs::path& evaluation_folder, const std::string& subset,
                         const std::string& direction);

/// Where the counts of `metric` lie.
fs::path sentence_file(const fs::path& evaluation_folder, const std::string& subset,
                       const std::string& direction, const std::string& metric);

void write_sentence_counts(const fs::path& file, const SentenceCounts& counts);
/// Width 0 if there is no such file. Raises kMachine if it is damaged.
SentenceCounts read_sentence_counts(const fs::path& file);

}  // namespace xp
