// Kind `renderer`: a table of results to text in one format.
#pragma once

#include "registry/measure.h"
#include "registry/registry.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace xp {

/// How a text in the place of a number is coloured.
enum class Tone { kQuiet, kActive, kBad };

/// One cell: a text, or a number with its spread over seeds and its difference to the baseline.
struct Cell {
  std::string text;          ///< shown if there is no number; empty = nothing is known
  Tone tone = Tone::kQuiet;  ///< of `text`
  bool is_number = false;
  double value = 0;   ///< mean
  double spread = 0;  ///< standard deviation over seeds; 0 if n < 2
  int64_t count = 0;  ///< seeds
  bool has_difference = false;
  double difference = 0;  ///< to the baseline's mean; a share of it if the column is relative
  bool is_best = false;
  bool is_tied = false;  ///< not the best, but the difference to the best is not significant
  /// Two-sided, of no difference, corrected for the other rows of the column; nothing if it could
  /// not be tested.
  std::optional<double> p{};
  bool is_significant = false;  ///< the difference to the baseline is
  bool is_disturbed = false;    ///< a speed that other programs disturbed: not compared
  /// 95 % of resampled differences lie in it; shares if the column is relative.
  std::optional<std::pair<double, double>> interval{};
};

/// A column. Cells hold values as they were measured; `scale`, `suffix` and `decimals` are how a
/// person reads them: value / scale with so many decimals, then the suffix ("41.2k").
struct Column {
  std::string name, unit;
  bool is_number = false;            ///< numbers, or texts that are aligned as such
  Better better = Better::kNeither;  ///< which values are marked
  std::string key{};                 ///< "tokens_per_second": the name in data formats
  double scale = 1;                  ///< of the unit: 1e6 for MB
  std::string suffix{};              ///< behind every number
  int decimals = 2;                  ///< behind the point
  bool is_relative = false;          ///< differences are shares of the baseline
  bool is_measured = false;          ///< a metric, not a setting
  std::string meaning{};             ///< one sentence without a full stop; "" = none
};

/// A value of `column` as people read it: scaled, rounded, with the suffix ("41.2k"). The unit is
/// in the head.
std::string number_text(const Column& column, double value);
/// "inter-node MB/step"
std::string head_text(const Column& column);

/// A mean and what its runs span there; both limits equal it for a single run.
struct CurvePoint {
  double x = 0, mean = 0, low = 0, high = 0;
};

/// A line of a chart.
struct Curve {
  std::string name;
  std::vector<CurvePoint> points;  ///< by rising x
  size_t row = 0;  ///< whose line it is: figures of one row have one colour and one key
};

struct Chart {
  std::string title, x, y;  ///< what the axes show
  std::vector<Curve> curves;
};

/// Quality against cost, with 95 % margins.
struct Tradeoff {
  /// kNear: beaten, but by less than the margins.
  enum class Position { kFront, kNear, kBeaten };
  struct Place {
    std::string name;
    Position position = Position::kFront;
    std::string standing;  ///< that in words: "front", "near", "beaten by gshard"
    double cost = 0, quality = 0, cost_margin = 0, quality_margin = 0;
    size_t row = 0;
  };
  std::string title, cost, quality;
  std::vector<Place> places;  ///< by rising cost
};

/// One value per row, with its standard deviation.
struct BarChart {
  struct Bar {
    std::string name;
    double value = 0, spread = 0;
    size_t row = 0;
  };
  std::string title, unit;
  std::vector<Bar> bars;
};

/// Values that add up, end to end in tracks; a bar has one track above the other.
struct StackChart {
  struct Bar {
    std::string name;
    std::vector<std::vector<double>> tracks;  ///< as in `parts`
    size_t row = 0;
  };
  std::string title, unit;
  std::vector<std::vector<std::string>> parts;  ///< names, by track
  std::vector<Bar> bars;
};

/// Values over two axes; NaN if there is none.
struct HeatMap {
  std::string title, row_name, column_name;
  std::vector<std::string> rows, columns;
  std::vector<std::vector<double>> values;
  int decimals = 2;
  bool is_by_column = false;  ///< the columns are different figures: each has its own scale
  /// What the scale spans; nothing: from the least to the most value.
  std::optional<std::pair<double, double>> range{};
};

/// Counts of classes, side by side for every series.
struct Histogram {
  std::string title, x, y;
  std::vector<std::string> classes;  ///< what the bars stand for: "0", "10", "20" pieces and more
  std::vector<std::pair<std::string, std::vector<double>>> series;  ///< name, a count each class
};

/// A corpus that was compared on.
struct CorpusCard {
  std::string name;
  std::vector<Histogram> histograms;
  std::vector<HeatMap> tables;  ///< sentences kept of each subset; training pairs left out, and why
};

/// A sentence of the test set and what rows made of it.
struct TranslatedSentence {
  struct Version {
    std::string text;             ///< "" = the row has none
    std::optional<double> score;  ///< of this sentence by itself
  };
  std::string direction;  ///< "en-fr"
  int64_t number = 0;     ///< of the subset, from 1
  std::string source, reference;
  size_t num_words = 0;           ///< of the source
  double pieces_a_word = 0;       ///< of the source: more for rare words; 0 = not known
  std::vector<Version> versions;  ///< by the rows of the set
};

/// Some sentences of a text, and how rows compare on all of them.
struct SentenceSet {
  std::string metric;  ///< that scores single sentences: "chrF"; "" = none does
  bool higher_is_better = true;
  std::vector<std::string> rows;  ///< names
  std::vector<TranslatedSentence> sentences;
  size_t num_sentences = 0;               ///< of the whole text
  std::vector<std::vector<size_t>> wins;  ///< [a][b]: sentences that a translates better than b
};

/// One run, in groups of facts: results, settings, origin.
struct RunCard {
  struct Group {
    std::string title;
    std::vector<std::pair<std::string, std::string>> facts;  ///< name, value with its unit
  };
  std::string name, state;
  std::string row;  ///< the name of the table's row that it belongs to
  std::vector<Group> groups;
};

/// What a page shows beside its table.
struct Details {
  std::vector<std::pair<std::string, std::string>> facts;  ///< below the title: date, machine, ...
  std::vector<std::string> rows;  ///< names of the rows that figures show, by `row`
  std::vector<Chart> charts;
  std::vector<Tradeoff> tradeoffs;
  std::vector<BarChart> bars;
  std::vector<StackChart> stacks;
  std::vector<HeatMap> maps;
  SentenceSet sentences;
  std::vector<CorpusCard> corpora;
  std::vector<RunCard> runs;
};

/// A report as data: what was compared, rows of cells, and sentences below.
struct Table {
  std::string title;
  std::string baseline;  ///< the row or rows that differences refer to; empty = no differences
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;
  std::vector<std::string> row_names{};  ///< of `rows`, as RunCard::row has them; may be empty
  std::vector<std::string> notes{};      ///< what the figures are and what is missing
  std::vector<std::string> hints{};      ///< what to type next ("next: ..."); not for a page
  Details details{};                     ///< empty unless the renderer wants them
};

struct Renderer {
  static constexpr const char* kKind = "renderer";
  virtual ~Renderer() = default;
  /// The table as UTF-8 text; `colour` only if the output is a terminal that supports it.
  virtual std::string render(const Table& table, bool colour) const = 0;
  /// Whether it shows `details`, which cost time to gather.
  virtual bool wants_details() const { return false; }
};

}  // namespace xp
