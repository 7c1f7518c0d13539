// Keys and notes of decodings.
#include "results/runs/decodings.h"

#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/base/text.h"
#include "results/runs/workspace.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace xp {
namespace {

fs::path note_of(const fs::path& training, const std::string& key) {
  return training / "decodings" / key;
}

bool is_id(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return std::isxdigit(c) != 0; });
}

}  // namespace

std::string decoding_key(const Value& settings) {
  Value what = {{"eval", settings.value("eval", Value::object())}};
  for (const char* key : {"corpus_id", "training_id", "micro_batch_split"})
    if (settings.contains(key)) what[key] = settings.at(key);
  for (const char* key : {"metrics", "metric", "subsets"})
    what["eval"].erase(key);
  return content_id(what);
}

void note_decoding(const fs::path& training, const std::string& key, const std::string& evaluation,
                   double time_s) {
  try {
    fs::create_directories(note_of(training, key).parent_path());
    append_file(note_of(training, key), fmt::format("{} {:.3f}\n", evaluation, time_s));
  } catch (const std::exception&) {
  }
}

std::vector<fs::path> noted_decodings(const fs::path& training, const std::string& key) {
  std::vector<fs::path> out;
  try {
    const auto note = read_if_there(note_of(training, key));
    if (!note) return {};
    const double trained_s = read_status(training).ended_s;
    for (const auto& line : split(*note, '\n')) {
      const auto words = split(line, ' ');
      if (words.size() != 2 || !is_id(words[0])) continue;
      if (std::strtod(words[1].c_str(), nullptr) < trained_s) continue;
      out.push_back(workspace_of(training).evaluation(words[0]));
    }
  } catch (const Error&) {
    return {};
  }
  std::reverse(out.begin(), out.end());
  return out;
}

std::optional<std::vector<std::string>> read_translations(const fs::path& file, size_t count) {
  const auto bytes = read_if_there(file);
  if (!bytes || !bytes->ends_with('\n')) return std::nullopt;
  auto lines = split(*bytes, '\n');
  lines.pop_back();  // behind the last line end
  if (lines.size() != count) return std::nullopt;
  return lines;
}

}  // namespace xp
