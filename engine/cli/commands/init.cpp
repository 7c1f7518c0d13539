// `xp init`: a commented experiment to start from.
#include "engine/base/error.h"
#include "engine/base/file.h"
#include "engine/base/shell.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/points/candidates.h"

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <xp_starter.h>

namespace xp {
namespace {

// Editors complete and check a file by this line once `xp schema > xp.schema.json` has run.
constexpr const char* kSchemaLine = "#:schema xp.schema.json\n";

struct Options {
  fs::path file;

  void declare(Arguments& arguments) {
    arguments.positional("FILE", &file, "the file to create; without it, standard output")
        .completes(file_candidates);
  }
};

int init(const Options& options) {
  const fs::path& file = options.file;
  if (file.empty()) {
    fmt::print("{}{}", kSchemaLine, kStarter);
    return Exit::kDone;
  }
  if (fs::exists(file))
    usage_error("'{}' exists and is not overwritten; name another file", file.string());
  write_atomic(file, std::string(kSchemaLine) + kStarter);
  fmt::print("wrote {}\nnext: xp plan {}\n", file.string(), shell_word(file.string()));
  return Exit::kDone;
}

XP_COMMAND(Options, init, "init", Group::kExperiments, "write a commented experiment to start from",
           "new create");

}  // namespace
}  // namespace xp
