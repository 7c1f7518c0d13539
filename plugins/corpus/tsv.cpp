// Tables of translations: a line a pair, columns apart by tabs, STEM.tsv or STEM.tsv.gz.
#include "engine/base/file.h"
#include "engine/base/text.h"
#include "engine/data/text_files.h"

#include <algorithm>

namespace xp {
namespace {

struct Tsv final : Corpus {
  struct Config {
    TextFiles files;
    std::vector<std::string> columns = {"en", "fr"};

    void describe(auto& field) {
      files.describe(field);
      field("columns", columns, "language of each column; empty = not read, further ones neither");
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
    const MappedFile mapped(file);
    std::string_view text(reinterpret_cast<const char*>(mapped.bytes().data()),
                          mapped.bytes().size());
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // a byte order mark
    if (text.empty()) user_error("'{}' is empty; it should have one pair a line", file.string());
    for (int64_t number = 1; !text.empty(); ++number) {
      const size_t end = std::min(text.find('\n'), text.size());
      std::string_view line = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      const auto refuse = [&](const std::string& why) {
        user_error("{}:{}: {}", file.string(), number, why);
      };
      if (line.find('\0') != std::string_view::npos)
        refuse("the line has a NUL byte; this is no text file");
      if (!is_valid_utf8(line)) refuse("the line is not UTF-8; convert the file (iconv)");
      const auto [first, first_there] = cell(line, source);
      const auto [second, second_there] = cell(line, target);
      if (!first_there || !second_there) {
        refuse(fmt::format("the line has {} columns; '{}' is column {}",
                           std::count(line.begin(), line.end(), '\t') + 1,
                           first_there ? direction.target : direction.source,
                           (first_there ? target : source) + 1));
      }
      if (subset != "train" && (trim(first).empty() || trim(second).empty()))
        refuse("a side is blank; only training text may have blank sides");
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

XP_REGISTER(Corpus, Tsv, "tsv", "tables with a pair a line, STEM.tsv");

}  // namespace
}  // namespace xp
