// Lines of mapped files.
#include "engine/data/text_lines.h"

#include "engine/base/error.h"
#include "engine/base/text.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unistd.h>

namespace xp {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

const fs::path& readable(const fs::path& path) {
  if (::access(path.c_str(), R_OK) == 0) return path;
  user_error("'{}' cannot be read: {}", path.string(), std::strerror(errno));
}

}  // namespace

TextLines::TextLines(const fs::path& path, std::string_view content)
    : path_(readable(path)),
      file_(path),
      rest_(reinterpret_cast<const char*>(file_.bytes().data()), file_.bytes().size()) {
  if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
  if (rest_.empty()) user_error("'{}' is empty; it should have {}", path.string(), content);
}

std::string_view TextLines::next() {
  const size_t end = std::min(rest_.find('\n'), rest_.size());
  std::string_view line = rest_.substr(0, end);
  rest_.remove_prefix(std::min(end + 1, rest_.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  ++number_;
  return line;
}

int64_t TextLines::count() const {
  const bool is_open_ended = !rest_.empty() && rest_.back() != '\n';
  return number_ + std::count(rest_.begin(), rest_.end(), '\n') + (is_open_ended ? 1 : 0);
}

void TextLines::refuse(std::string_view why) const {
  user_error("{}:{}: {}", path_.string(), number_, why);
}

void TextLines::require_text(std::string_view line) const {
  if (line.find('\0') != std::string_view::npos)
    refuse("the line has a NUL byte; this is not a text file");
  if (!is_valid_utf8(line)) refuse("the line is not UTF-8; convert the file (iconv)");
}

const char* flaw_of_line(std::string_view line) {
  if (line.find('\0') != std::string_view::npos) return "NUL byte";
  return is_valid_utf8(line) ? nullptr : "not UTF-8";
}

}  // namespace xp
