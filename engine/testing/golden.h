// Cases of a text file: what goes in and, to the letter, what must come out.
//
//   === an unknown key
//   [model]
//   widht = 3
//   ---
//   x.toml:5:1: unknown key 'widht' in [model] (code E010)
//   ...
//
// Text before the first case is a comment.
#pragma once

#include "engine/base/file.h"

#include <string>
#include <vector>

namespace xp {

struct GoldenCase {
  std::string name, input, expected;  ///< the texts end with a line break, or are empty
};

inline std::vector<GoldenCase> golden_cases(const fs::path& file) {
  std::vector<GoldenCase> out;
  bool is_input = true;
  const std::string text = read_file(file);
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    const std::string line = text.substr(at, end - at);
    at = end;
    if (line.starts_with("=== ")) {
      out.push_back({line.substr(4, line.size() - 5), "", ""});
      is_input = true;
    } else if (line == "---\n" && is_input && !out.empty()) {
      is_input = false;
    } else if (!out.empty()) {
      (is_input ? out.back().input : out.back().expected) += line;
    }
  }
  return out;
}

}  // namespace xp
