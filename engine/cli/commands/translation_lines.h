// What `xp translate` reads and writes: lines of text, or of JSON. No line is lost: every line of
// the input has its place in the output.
#pragma once

#include "engine/base/value.h"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xp {

/// A line of the input.
struct SourceLine {
  int64_t number = 0;  ///< from 1
  std::string text;    ///< UTF-8 without line end
  std::string direction;
  std::string prefix;              ///< what its translation begins with; usually ""
  Value object = Value::object();  ///< the line itself if it is JSON
  std::string problem;             ///< why it cannot be translated: one sentence; "" if it can
  std::string note;                ///< what was changed in it; "" if nothing

  bool is_translated() const;  ///< neither blank nor a problem
};

/// A translation of a line.
struct ScoredText {
  std::string text;
  double score = 0;  ///< log p / length ^ length_penalty; higher is better
  // If asked:
  std::vector<std::string> pieces = {};
  std::vector<std::pair<int64_t, int64_t>> alignment = {};  ///< source piece, piece; from 0
};

/// What became of a line.
struct TranslatedLine {
  std::vector<ScoredText> hypotheses = {};      ///< best first
  std::vector<std::string> source_pieces = {};  ///< if asked
  std::string problem = {};  ///< why there are no hypotheses; "" if there are, or if it is blank
};

struct LineFormat {
  bool reads_json = false;              ///< {"source": "...", "direction": "en-fr"}
  std::vector<std::string> directions;  ///< of the model
  std::string direction;                ///< of lines that name none; "" = they must
  std::string prefix;                   ///< of lines that give none
  bool writes_json = false;
  bool has_scores = false;  ///< of text: LINE, SCORE and HYPOTHESIS with tabs between, one of each
                            ///< hypothesis
  bool has_alignment = false;  ///< of text: then also SOURCE_PIECES, PIECES and PAIRS
};

/// Cuts bytes into lines, however they come. A byte order mark is skipped, LF and CR LF end a line,
/// and the last line may lack its end. Bytes that are not UTF-8 become U+FFFD.
class SourceLines {
 public:
  /// A longer line is no sentence: it has a problem, and only its beginning is kept.
  static constexpr size_t kMaxBytes = size_t{1} << 18;

  explicit SourceLines(LineFormat format) : format_(std::move(format)) {}

  void add(std::string_view bytes);
  /// No more bytes will come.
  void end();
  /// Whole lines that `next` has not returned.
  size_t num_ready() const { return ready_.size(); }
  /// The next line; nothing if there is none yet.
  std::optional<SourceLine> next();

 private:
  void finish_line();

  LineFormat format_;
  std::deque<SourceLine> ready_;
  std::string open_;  // the line that has not ended
  bool is_cut_ = false, has_open_ = false;
  int64_t number_ = 0;
};

/// The translation of a line as it is written, with its line end.
std::string output_text(const SourceLine& line, const TranslatedLine& translated,
                        const LineFormat& format);

}  // namespace xp
