// A program of the user's that scores sentences: COMET, BLEURT, MetricX or a script.
//
// It gets its texts in files, whose paths take the place of words in braces in its command:
//
//   {source} {hypothesis} {reference}   a file of a sentence per line; {reference} is the first one
//   {references}                        a word by itself: a word for each reference's file
//   {input}                             JSON lines: {"source": .., "hypothesis": ..,
//                                       "reference": .., "references": [..]}
//   {source_language} {target_language} codes
//   {scores}                            a file that the program writes; without it, scores are read
//                                       from its standard output
#pragma once

#include "registry/metric.h"

#include <filesystem>
#include <regex>
#include <string>
#include <vector>

namespace xp {

class ScoringProgram {
 public:
  /// Scores are kept to six digits after the point.
  static constexpr int64_t kUnits = 1'000'000;

  /// `pattern` finds the scores in what is printed: its first group is the score of the next
  /// sentence, lines without a match are skipped. "": every line is a score. Raises kUser if the
  /// pattern cannot be read, or a word in braces is misspelt.
  ScoringProgram(std::vector<std::string> command, const std::string& pattern, double timeout_s);

  /// Raises kUser if there is no command, if it is not given the translations, or if there is no
  /// such program here.
  void require_usable() const;

  /// The score of every sentence in units. Raises kUser if the command needs texts that are not
  /// there, if the program is missing, or prints anything but a number for each sentence; kMachine
  /// if it fails or takes too long. Nothing of it is left then. The program dies with this process.
  std::vector<int64_t> scores(const Translations& texts) const;

  /// A hash of what the scores depend on: the command, the files that its words name (their content
  /// if they are not larger than 64 MiB, else their size), and the texts.
  std::string hash(const Translations& texts) const;

  /// "comet-score -s {source} -t {hypothesis} --gpus 0".
  std::string words() const;

 private:
  bool reads(const char* text) const;
  std::vector<std::string> filled_in(const Translations& texts, const std::filesystem::path&) const;
  void write_texts(const Translations& texts, const std::filesystem::path& folder) const;
  void run(const std::vector<std::string>& command, const std::filesystem::path& folder) const;
  std::vector<int64_t> parsed(const std::string& printed, size_t sentences,
                              const std::string& errors) const;

  std::vector<std::string> command_;
  std::string pattern_text_;
  std::regex pattern_;
  double timeout_s_;
};

}  // namespace xp
