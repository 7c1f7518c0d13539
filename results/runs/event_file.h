// Learning curves of a run in the event files that TensorBoard reads.
//
// A file is a series of records: u64 length, u32 checksum of the length, bytes, u32 checksum of the
// bytes, all little-endian. Checksums are CRC-32C, masked. The bytes are protocol buffers: Event
// {double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5}, Summary
// {repeated Value value = 1}, Value {string tag = 1; float simple_value = 2}.
// Source: tensorflow/core/lib/io/record_writer.h, tensorflow/core/util/event.proto.
#pragma once

#include "engine/base/file.h"

#include <string>
#include <vector>

namespace xp {

/// A figure at an update.
struct Scalar {
  std::string tag;
  int64_t update = 0;
  double seconds = 0;  ///< since 1970
  double value = 0;
};

/// The bytes of an event file that was begun at `started_s` (seconds since 1970).
std::string event_file(double started_s, const std::vector<Scalar>& scalars);

/// The curves of a training or the progress of an evaluation, by update and tag: what the events
/// "update" and "validation" of all attempts hold, the last attempt's where they overlap. Raises
/// kMachine if a folder cannot be read.
std::vector<Scalar> scalars_of(const fs::path& run_folder);

/// Writes FOLDER/events.out.tfevents.SECONDS.xp for a run, in place of one of before: TensorBoard
/// shows FOLDER as a run. Returns the number of scalars; writes nothing if there are none. Raises
/// kMachine.
size_t write_event_file(const fs::path& run_folder, const fs::path& folder);

}  // namespace xp
