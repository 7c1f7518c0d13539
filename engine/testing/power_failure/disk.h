// A disk that lost its power: what is left of a folder, by the record of what was done to it.
//
// Model: what was flushed (fsync) is there. Of the bytes of a file that were not flushed there may
// be all, none, those written first, or zeros in their place. Of names that were made, changed or
// removed there are those up to some moment: one moment for the whole folder, as with a journal of
// the file system, or one for each folder in it.
#pragma once

#include "engine/base/file.h"
#include "engine/testing/power_failure/file_journal.h"

#include <cstdint>
#include <string>
#include <vector>

namespace xp {

/// One call that changed or flushed files. Paths are relative to the folder watched.
struct FileCall {
  journal::Op op = journal::Op::kMark;
  std::string path, second, data;
  uint64_t node = 0, offset = 0;
};

/// The record that a preloaded library wrote. Raises kMachine if it is cut off.
std::vector<FileCall> read_calls(const fs::path& journal);

struct Failure {
  size_t at = 0;              ///< calls that had happened
  uint64_t seed = 0;          ///< what is lost
  bool loses_bytes = true;    ///< else everything that was done is there: only processes died
  bool keeps_flushed = true;  ///< false: a disk that lies, and loses even that
};

/// Makes `to`, which must not exist, the folder as it is after the failure.
void restore(const std::vector<FileCall>& calls, const Failure& failure, const fs::path& to);

}  // namespace xp
