// Files in, numbers out; whatever the program does, the next step gets a number for each sentence.
#include "plugins/metric/scoring_program.h"

#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/base/json_text.h"
#include "engine/base/process.h"
#include "engine/base/replace_all.h"
#include "engine/base/text.h"
#include "engine/base/to_integer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <csignal>
#include <fcntl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace xp {
namespace {

constexpr std::array<const char*, 8> kTexts = {"source",          "hypothesis", "reference",
                                               "references",      "input",      "source_language",
                                               "target_language", "scores"};
constexpr double kMaxScore = 1e6;    // so that sums over millions of sentences are exact
constexpr size_t kMaxLine = 10'000;  // of what a pattern is looked for in, which recurs by byte
constexpr uintmax_t kMaxHashed = 64 << 20;  // larger files are models, which nobody edits

std::string braced(std::string_view text) {
  return fmt::format("{{{}}}", text);
}

// The names in braces in a word.
std::vector<std::string> names_in(const std::string& word) {
  static const std::regex kName(R"(\{([a-z_]+)\})");
  std::vector<std::string> out;
  for (std::sregex_iterator at(word.begin(), word.end(), kName), end; at != end; ++at)
    out.push_back((*at)[1]);
  return out;
}

// Braces may be of the program's own, such as JSON; a word that is nearly ours is a mistake.
void require_known(const std::string& word) {
  const std::vector<std::string> known(kTexts.begin(), kTexts.end());
  for (const auto& name : names_in(word)) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string near = nearest(name, known);
    if (!near.empty())
      user_error("'command' has '{}', did you mean '{}'?", braced(name), braced(near));
  }
}

std::string lines(std::span<const std::string> texts) {
  std::string out;
  for (const auto& text : texts)
    out += text + "\n";
  return out;
}

std::string json_lines(const Translations& texts) {
  std::string out;
  for (size_t i = 0; i < texts.hypotheses.size(); ++i) {
    Value one = {{"hypothesis", texts.hypotheses[i]}, {"reference", texts.references[i]}};
    if (!texts.sources.empty()) one["source"] = texts.sources[i];
    one["references"] = Value::array({texts.references[i]});
    for (const auto& more : texts.more_references)
      one["references"].push_back(more[i]);
    out += json_text(one) + "\n";
  }
  return out;
}

// "" if there is no such program.
std::string program_file(const std::string& program) {
  if (program.find('/') == std::string::npos) return find_program(program);
  return ::access(program.c_str(), X_OK) == 0 && !fs::is_directory(program) ? program : "";
}

std::string last_line(const std::string& text) {
  const std::string_view all = trim(text);
  const size_t line = all.rfind('\n');
  return std::string(
      trim(all.substr(line == std::string_view::npos ? 0 : line + 1)).substr(0, 300));
}

// ": what the program said last".
std::string said(const std::string& errors) {
  const std::string line = last_line(errors);
  return line.empty() ? "" : ": " + line;
}

/// A file of what a process writes.
class Capture {
 public:
  explicit Capture(fs::path file)
      : file_(std::move(file)),
        descriptor_(::open(file_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) {
    if (descriptor_ < 0) machine_error("cannot write '{}'", file_.string());
  }
  ~Capture() { ::close(descriptor_); }
  Capture(const Capture&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  fs::path file_;
  int descriptor_;
};

// The exit code; nothing if it took longer.
std::optional<int> waited_for(pid_t child, double seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  auto pause = std::chrono::milliseconds(1);
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() >= end) {
      ::kill(-child, SIGKILL);
      ::waitpid(child, &status, 0);
      return std::nullopt;
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(2 * pause, std::chrono::milliseconds(100));
  }
  ::kill(-child, SIGKILL);  // what it started and left behind
  return exit_code_of(status);
}

}  // namespace

ScoringProgram::ScoringProgram(std::vector<std::string> command, const std::string& pattern,
                               double timeout_s)
    : command_(std::move(command)), pattern_text_(pattern), timeout_s_(timeout_s) {
  for (const auto& word : command_)
    require_known(word);
  try {
    pattern_ = std::regex(pattern, std::regex::optimize);
  } catch (const std::regex_error& error) {
    user_error("'pattern' is no regular expression: {}", error.what());
  }
  if (!pattern.empty() && pattern_.mark_count() == 0)
    user_error("'pattern' has no group; put the score in brackets: \"score: (\\S+)\"");
}

std::string ScoringProgram::words() const {
  return join(command_, " ");
}

bool ScoringProgram::reads(const char* text) const {
  const std::string word = braced(text);
  return std::any_of(command_.begin(), command_.end(),
                     [&](const std::string& one) { return one.find(word) != std::string::npos; });
}

void ScoringProgram::require_usable() const {
  if (command_.empty())
    user_error("'command' is empty; name the program that scores, and its words");
  if (!reads("hypothesis") && !reads("input")) {
    user_error(
        "the command '{}' is not given the translations; write {{hypothesis}} or {{input}} where "
        "their file belongs",
        words());
  }
  if (!program_file(command_.front()).empty()) return;
  user_error("there is no program '{}' here; install it, or name its file", command_.front());
}

std::string ScoringProgram::hash(const Translations& texts) const {
  Sha256 hash;
  const auto add = [&hash](std::string_view text) {
    hash.add(fmt::format("{} ", text.size())).add(text);
  };
  for (size_t i = 0; i < command_.size(); ++i) {
    add(command_[i]);
    const fs::path file = i == 0 ? program_file(command_[i]) : command_[i];
    std::error_code code;
    if (!fs::is_regular_file(file, code)) continue;
    const uintmax_t size = fs::file_size(file, code);
    add(!code && size <= kMaxHashed ? sha256_file(file.string()) : std::to_string(size));
  }
  add(pattern_text_);
  add(texts.source_language);
  add(texts.target_language);
  std::vector<std::span<const std::string>> all = {texts.hypotheses, texts.references};
  all.insert(all.end(), texts.more_references.begin(), texts.more_references.end());
  if (reads("source") || reads("input")) all.push_back(texts.sources);
  for (const auto& text : all) {
    add(std::to_string(text.size()));
    for (const auto& line : text)
      add(line);
  }
  return hash.hex();
}

void ScoringProgram::write_texts(const Translations& texts, const fs::path& folder) const {
  const size_t sentences = texts.hypotheses.size();
  if (reads("source") && texts.sources.size() != sentences)
    user_error("'{}' reads the source, which is not given", command_.front());
  replace_file(folder / "source", lines(texts.sources));
  replace_file(folder / "hypothesis", lines(texts.hypotheses));
  replace_file(folder / "reference", lines(texts.references));
  for (size_t i = 0; i < texts.more_references.size(); ++i)
    replace_file(folder / fmt::format("reference{}", i + 2), lines(texts.more_references[i]));
  if (reads("input")) replace_file(folder / "input", json_lines(texts));
}

std::vector<std::string> ScoringProgram::filled_in(const Translations& texts,
                                                   const fs::path& folder) const {
  std::vector<std::string> out;
  for (const auto& word : command_) {
    if (word == braced("references")) {
      out.push_back((folder / "reference").string());
      for (size_t i = 0; i < texts.more_references.size(); ++i)
        out.push_back((folder / fmt::format("reference{}", i + 2)).string());
      continue;
    }
    std::string filled = word;
    replace_all(filled, braced("source_language"), texts.source_language);
    replace_all(filled, braced("target_language"), texts.target_language);
    for (const char* file : {"source", "hypothesis", "reference", "input", "scores"})
      replace_all(filled, braced(file), (folder / file).string());
    out.push_back(filled);
  }
  return out;
}

void ScoringProgram::run(const std::vector<std::string>& command, const fs::path& folder) const {
  const Capture output(folder / "output"), errors(folder / "errors");
  NewProcess process;
  process.command = command;
  process.setup.leads_group = true;
  process.setup.output = output.descriptor();
  process.setup.errors = errors.descriptor();
  const auto code = waited_for(start_process(process), timeout_s_);
  if (!code) {
    machine_error("'{}' took more than {} and was ended; raise 'timeout_s' of the metric{}",
                  command_.front(), human_duration(timeout_s_), said(read_file(folder / "errors")));
  }
  if (*code > 128) {
    machine_error("'{}' was killed by signal {}{}", command_.front(), *code - 128,
                  said(read_file(folder / "errors")));
  }
  if (*code != 0) {
    machine_error("'{}' ended with code {}{}", command_.front(), *code,
                  said(read_file(folder / "errors")));
  }
}

std::vector<int64_t> ScoringProgram::parsed(const std::string& printed, size_t sentences,
                                            const std::string& errors) const {
  std::vector<int64_t> out;
  auto all = split(printed, '\n');
  if (!all.empty() && all.back().empty()) all.pop_back();  // behind the last line end
  for (const auto& line : all) {
    std::smatch found;
    if (!pattern_text_.empty() &&
        (line.size() > kMaxLine || !std::regex_search(line, found, pattern_)))
      continue;
    const std::string text(trim(pattern_text_.empty() ? line : found.str(1)));
    double value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || stop != end || !std::isfinite(value) ||
        std::abs(value) > kMaxScore) {
      user_error(
          "'{}' printed '{}' as the score of sentence {}; must be a number up to {}{}",
          command_.front(), text.substr(0, 60), out.size() + 1, static_cast<int64_t>(kMaxScore),
          pattern_text_.empty() ? "; 'pattern' of the metric finds scores in other text" : "");
    }
    out.push_back(to_nearest_integer(value * static_cast<double>(kUnits)));
  }
  if (out.size() != sentences) {
    user_error("'{}' printed {} scores for {} sentences{}", command_.front(), out.size(), sentences,
               said(errors));
  }
  return out;
}

std::vector<int64_t> ScoringProgram::scores(const Translations& texts) const {
  require_usable();
  const TempFolder folder;
  write_texts(texts, folder.path());
  run(filled_in(texts, folder.path()), folder.path());
  const std::string errors = read_file(folder.path() / "errors");
  const fs::path written = folder.path() / (reads("scores") ? "scores" : "output");
  const auto printed = read_if_there(written);
  if (!printed) {
    user_error("'{}' wrote no file {{scores}}{}", command_.front(), said(errors));
  }
  return parsed(*printed, texts.hypotheses.size(), errors);
}

}  // namespace xp
