// Greedy: as many words on a line as fit.
#include "engine/cli/terminal/wrapped_text.h"

#include "engine/base/terminal.h"
#include "engine/base/text.h"

#include <algorithm>

namespace xp {

std::string wrapped_text(std::string_view head, std::string_view text, size_t columns) {
  std::string clean(text);
  std::replace_if(
      clean.begin(), clean.end(),
      [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, ' ');
  const size_t indent = display_width(head);
  const size_t room = std::max<size_t>(columns, indent + 10) - indent;
  std::string out(head), line;
  const auto end_line = [&] {
    out += line + "\n";
    out.append(indent, ' ');
    line.clear();
  };
  for (auto& word : split(clean, ' ')) {
    if (word.empty()) continue;
    if (!line.empty() && display_width(line) + 1 + display_width(word) > room) end_line();
    if (!line.empty()) line += ' ';
    while (display_width(word) > room) {
      const std::string part = clipped(word, room);
      line = part;
      end_line();
      word.erase(0, part.size());
    }
    line += word;
  }
  return out + line + "\n";
}

}  // namespace xp
