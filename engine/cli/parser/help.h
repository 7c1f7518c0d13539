// --help and docs/commands.md, made from what commands declare.
#pragma once

#include "engine/cli/parser/command.h"

#include <string>

namespace xp {

/// `xp --help`: every command with one line, by group.
std::string help_text();

/// `xp COMMAND --help`: usage, arguments with defaults and values, details.
std::string help_text(const CommandEntry& entry);

/// docs/commands.md.
std::string help_markdown();

}  // namespace xp
