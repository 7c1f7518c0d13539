// Tables of translations: one pair per line, columns separated by tabs, STEM.tsv or STEM.tsv.gz.
#include "engine/base/text.h"
#include "engine/data/text_files.h"
#include "engine/data/text_lines.h"

#include <algorithm>

namespace xp {
namespace {

struct Tsv final : Corpus {
  struct Config {
    TextFiles files;
    std::vector<std::string> columns = {"en", "fr"};

    void describe(auto& field) {
      files.describe(field);
      field("columns", columns,
            "language of each column; an empty name, or no name, skips a column");
    }
  };

  explicit Tsv(const Config& c) : config(c) { config.files.require_one("tsv"); }

  std::vector<Direction> directions(const CorpusPlace&,
                                    const std::vector<std::string>& pairs) const override {
    std::vector<Direction> out;
    for (const auto& pair : pairs) {
      if (pair == "all") {
        for (const auto& source : config.columns) {
          for (const auto& target : config.columns)
            if (source != target && !source.empty() && !target.empty())
              out.push_back({source, target});
        }
        continue;
      }
      out.push_back(parse_direction(pair));
      column(out.back().source);
      column(out.back().target);
    }
    return out;
  }

  CorpusInputs inputs(const CorpusPlace& place, const std::vector<Direction>&) const override {
    return config.files.inputs(place, {".tsv"});
  }

  void read(const CorpusPlace& place, const Direction& direction, const PairSink& sink,
            const DropSink&) const override {
    for (const auto& [subset, stem] : config.files.subsets())
      read_table(config.files.file(place, stem, ".tsv"), subset, direction, sink);
  }

 private:
  size_t column(const std::string& language) const {
    const auto found = std::find(config.columns.begin(), config.columns.end(), language);
    if (found == config.columns.end() || language.empty()) {
      user_error("'columns' in [corpus] has no '{}'; it is: {}", language,
                 join(config.columns, ", "));
    }
    return static_cast<size_t>(found - config.columns.begin());
  }

  void read_table(const fs::path& file, const std::string& subset, const Direction& direction,
                  const PairSink& sink) const {
    const size_t source = column(direction.source), target = column(direction.target);
    const bool is_train = subset == "train";
    TextLines lines(file, "one pair per line");
    while (!lines.at_end()) {
      const std::string_view line = lines.next();
      lines.require_text(line);
      if (line.empty() && is_train) {
        sink(subset, line, line);  // counted as blank
        continue;
      }
      if (line.empty())
        lines.refuse("the line is blank; remove it, only training text may have blank lines");
      const auto [first, has_first] = cell(line, source);
      const auto [second, has_second] = cell(line, target);
      if (!has_first || !has_second) {
        lines.refuse(fmt::format("the line has {} columns; '{}' is column {}",
                                 std::count(line.begin(), line.end(), '\t') + 1,
                                 has_first ? direction.target : direction.source,
                                 (has_first ? target : source) + 1));
      }
      if (!is_train && (trim(first).empty() || trim(second).empty()))
        lines.refuse("a side is blank; only training text may have blank sides");
      sink(subset, first, second);
    }
  }

  static std::pair<std::string_view, bool> cell(std::string_view line, size_t index) {
    for (; index > 0; --index) {
      const size_t tab = line.find('\t');
      if (tab == std::string_view::npos) return {{}, false};
      line.remove_prefix(tab + 1);
    }
    return {line.substr(0, line.find('\t')), true};
  }

  Config config;
};

XP_REGISTER(Corpus, Tsv, "tsv", "tables with one pair per line, STEM.tsv");

}  // namespace
}  // namespace xp
