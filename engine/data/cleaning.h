// The checks of a single training pair: blank sides, control characters, script.
#pragma once

#include "registry/corpus.h"
#include "registry/sections.h"

#include <string>
#include <string_view>

namespace xp {

/// `text` in Unicode's composed form (NFC): itself if it is composed already, else written to
/// `room`.
std::string_view composed(std::string_view text, std::string& room);

/// Whether a C0 or C1 control character other than a tab, or U+FFFD, which stands for bytes that a
/// conversion could not read, is in the text.
bool has_control_character(std::string_view text);

/// Whether at least half of the letters are of a script in which the language is written ("zh_TW"
/// counts as "zh"). True if there are no letters, or the language is not known here.
bool is_in_script_of(std::string_view language, std::string_view text);

/// Why a pair is left out of training: "blank", "control characters", "wrong script"; nullptr if
/// nothing is wrong.
const char* flaw_of_pair(const CleaningSection& rule, const Direction& direction,
                         std::string_view source, std::string_view target);

}  // namespace xp
