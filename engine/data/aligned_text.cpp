// Lines of mapped files.
#include "engine/data/aligned_text.h"

#include "engine/base/file.h"
#include "engine/base/text.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <unistd.h>

namespace xp {
namespace {

class Lines {
 public:
  Lines(const fs::path& path, bool may_be_blank)
      : path_(readable(path)), file_(path), may_be_blank_(may_be_blank) {
    text_ = {reinterpret_cast<const char*>(file_.bytes().data()), file_.bytes().size()};
    if (text_.starts_with("\xef\xbb\xbf")) text_.remove_prefix(3);  // a byte order mark
    if (text_.empty())
      user_error("'{}' is empty; it should have one sentence a line", path.string());
  }

  bool at_end() const { return at_ >= text_.size(); }
  int64_t line() const { return line_; }
  const std::string& name() const { return path_; }

  std::string_view next() {
    const size_t end = std::min(text_.find('\n', at_), text_.size());
    const std::string_view line = text_.substr(at_, end - at_);
    at_ = end + 1;
    ++line_;
    return line;
  }

  std::string_view next_inspected() {
    const std::string_view line = next();
    inspect(line);
    return line;
  }

  int64_t remaining() const {
    if (at_end()) return 0;
    const auto rest = text_.substr(at_);
    return std::count(rest.begin(), rest.end(), '\n') + (rest.back() == '\n' ? 0 : 1);
  }

 private:
  static std::string readable(const fs::path& path) {
    if (::access(path.c_str(), R_OK) != 0) {
      user_error("'{}' cannot be read: {}", path.string(), std::strerror(errno));
    }
    return path.string();
  }

  void inspect(std::string_view line) const {
    if (!line.empty() && line.back() == '\r') {
      user_error("{}:{}: the line ends in CR LF; convert the file to LF (dos2unix)", path_, line_);
    }
    if (line.find('\0') != std::string_view::npos) {
      user_error("{}:{}: the line has a NUL byte; this is no text file", path_, line_);
    }
    if (!is_valid_utf8(line)) {
      user_error("{}:{}: the line is not UTF-8; convert the file (iconv)", path_, line_);
    }
    if (!may_be_blank_ && trim(line).empty()) {
      user_error("{}:{}: the line is blank; only training text may have blank lines", path_, line_);
    }
  }

  std::string path_;
  MappedFile file_;
  bool may_be_blank_;
  std::string_view text_;
  size_t at_ = 0;
  int64_t line_ = 0;
};

void require_both_at_end(const Lines& sources, const Lines& targets) {
  if (sources.at_end() && targets.at_end()) return;
  user_error("'{}' has {} lines and '{}' has {}; aligned files have the same number",
             sources.name(), sources.line() + sources.remaining(), targets.name(),
             targets.line() + targets.remaining());
}

const char* flaw(std::string_view line) {
  if (line.find('\0') != std::string_view::npos) return "NUL byte";
  return is_valid_utf8(line) ? nullptr : "not UTF-8";
}

std::string_view without_return(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

}  // namespace

void read_aligned(const fs::path& source, const fs::path& target, std::string_view subset,
                  const PairSink& sink) {
  Lines sources(source, subset == "train");
  Lines targets(target, subset == "train");
  while (!sources.at_end() && !targets.at_end()) {
    const auto source_line = sources.next_inspected();
    sink(subset, source_line, targets.next_inspected());
  }
  require_both_at_end(sources, targets);
}

void read_published(const fs::path& source, const fs::path& target, std::string_view subset,
                    const PairSink& sink, const DropSink& dropped) {
  Lines sources(source, true);
  Lines targets(target, true);
  while (!sources.at_end() && !targets.at_end()) {
    const auto source_line = without_return(sources.next());
    const auto target_line = without_return(targets.next());
    const char* wrong = flaw(source_line);
    if (wrong == nullptr) wrong = flaw(target_line);
    if (wrong == nullptr) {
      sink(subset, source_line, target_line);
    } else {
      dropped(subset, wrong, 1);
    }
  }
  require_both_at_end(sources, targets);
}

}  // namespace xp
