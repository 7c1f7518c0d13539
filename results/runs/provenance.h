// Where a number comes from: code, compiler, machine, environment, command line.
#pragma once

#include "engine/base/file.h"
#include "engine/base/value.h"

#include <string>
#include <vector>

namespace xp {

/// A record for provenance.json of a run, with the keys
///   version, revision        of the source ("-dirty" if it had changes)
///   binary, binary_sha256    the running program
///   engine, engine_sha256    the program `engine`, whose ranks compute
///   diff_sha256              of the changes since that commit which the engine was built with
///   compiler                 name and version
///   libtorch                 the version that the build found
///   host, kernel, cpu, cores (this process may use), cores_total, memory_bytes
///   devices                  names of the accelerators the driver lists
///   environment              variables that change results or speed; never secrets
///   command, folder, time    the command line, where and when (ISO 8601, UTC)
/// What cannot be found out is left out. Cost: reads each program's file once a process.
Value provenance(const std::vector<std::string>& command_line, const fs::path& engine = {});

/// The same as provenance.json of `run_folder`, which lies in a workspace, without waiting for the
/// disk, and the changes once in its sources, unless they are more than `kMaxDiffBytes`. `more`
/// are further keys.
void write_provenance(const fs::path& run_folder, const std::vector<std::string>& command_line,
                      const fs::path& engine, const Value& more);
constexpr size_t kMaxDiffBytes = 1 << 20;

/// The SHA-256 of the engine that a run was last worked on with, by its provenance.json; "" if that
/// does not say.
std::string engine_of_run(const fs::path& run_folder);

/// Whether an environment variable belongs into provenance: it steers threads, devices,
/// communication, the scheduler or xp, and its name does not hint at a secret.
bool is_telling_variable(const std::string& name);

}  // namespace xp
