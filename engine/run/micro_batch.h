// What `[launch] on_oom = "halve"` does to a run that ran out of memory.
//
// Its micro-batches are worked through in parts: the same sentences in the same order make the same
// update, and a checkpoint resumes where it was. Expert capacity is counted per part, so a run with
// a capacity factor is no longer comparable: its summary says `micro_batch_split`, and reports say
// so.
#pragma once

#include "engine/base/file.h"

#include <cstdint>

namespace xp {

/// Parts of each micro-batch, kept in RUN/micro_batch.json; 1 unless the run has been split.
int64_t micro_batch_split(const fs::path& run_folder);

/// Twice as many parts from now on; false if there are 64 already.
bool split_micro_batch(const fs::path& run_folder);

}  // namespace xp
