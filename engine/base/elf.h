// Notes in shared objects, read from the file's bytes: nothing is loaded and nothing runs.
//
// Source: the ELF-64 object file format (version 1.5) and the gABI's chapter on note sections.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xp {

/// What the notes of `owner` and `type` hold, in the order of the file; empty if it has none.
/// Nothing if the bytes are no whole 64-bit shared object for this machine: any other file, one
/// that was cut short, or one whose tables point outside of it. Takes every input.
std::optional<std::vector<std::string>> elf_notes(std::string_view file, std::string_view owner,
                                                  uint32_t type);

}  // namespace xp
