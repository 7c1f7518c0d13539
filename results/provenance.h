// Where a number comes from: code, compiler, machine, environment, command line.
#pragma once

#include "engine/base/value.h"

#include <string>
#include <vector>

namespace xp {

/// A record for provenance.json of a run, with the keys
///   version, revision        of the source ("-dirty" where it had changes)
///   binary, binary_sha256    the running program
///   compiler                 name and version
///   host, kernel, cpu, cores (this process may use), cores_total, memory_bytes
///   devices                  names of the accelerators the driver lists
///   environment              variables that change results or speed; never secrets
///   command, folder, time    the command line, where and when (ISO 8601, UTC)
/// What cannot be found out is left out. Cost: reads the program's file once.
Value provenance(const std::vector<std::string>& command_line);

/// Whether an environment variable belongs into provenance: it steers threads, devices,
/// communication, the scheduler or xp, and its name does not hint at a secret.
bool is_telling_variable(const std::string& name);

}  // namespace xp
