// Numbers as lines of text; sums of ten million sentences fit 64 bits.
#include "results/runs/sentences.h"

#include "engine/base/error.h"

#include <charconv>

namespace xp {
namespace {

constexpr int64_t kMaxCount = 1'000'000'000'000;  // no sentence has more of anything, nor less

[[noreturn]] void damaged(const fs::path& file) {
  machine_error("'{}' is damaged; delete it: the report then does without its bootstrap",
                file.string());
}

}  // namespace

fs::path hypotheses_file(const fs::path& evaluation_folder, const std::string& subset,
                         const std::string& direction) {
  return evaluation_folder / "hypotheses" / fmt::format("{}.{}.txt", subset, direction);
}

fs::path sentence_file(const fs::path& evaluation_folder, const std::string& subset,
                       const std::string& direction, const std::string& metric) {
  return evaluation_folder / "sentences" / fmt::format("{}.{}.{}.txt", subset, direction, metric);
}

void write_sentence_counts(const fs::path& file, const SentenceCounts& counts) {
  std::string text;
  for (size_t i = 0; i < counts.numbers.size(); ++i)
    text += fmt::format("{}{}", counts.numbers[i], (i + 1) % counts.width == 0 ? '\n' : ' ');
  write_atomic(file, text);
}

SentenceCounts read_sentence_counts(const fs::path& file) {
  SentenceCounts out;
  const auto bytes = read_if_there(file);
  if (!bytes) return out;
  const std::string& text = *bytes;
  if (text.empty() || text.back() != '\n') damaged(file);
  const char *at = text.data(), *const end = at + text.size();
  while (at != end) {
    int64_t number = 0;
    const auto [next, error] = std::from_chars(at, end, number);
    if (error != std::errc() || next == end || number < -kMaxCount || number > kMaxCount)
      damaged(file);
    if (*next != ' ' && *next != '\n') damaged(file);
    out.numbers.push_back(number);
    const size_t count = out.numbers.size();
    if (*next == '\n' && out.width == 0) out.width = count;
    const bool full = out.width > 0 && count % out.width == 0;
    if (full != (*next == '\n')) damaged(file);
    at = next + 1;
  }
  return out;
}

}  // namespace xp
