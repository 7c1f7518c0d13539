// Line-aligned text files STEM.LANG, in a folder or an archive.
// Source: the layout of the Moses toolkit's parallel corpora, https://www.statmt.org/moses/.
#include "engine/data/aligned_text.h"
#include "engine/data/text_files.h"

namespace xp {
namespace {

struct Moses final : Corpus {
  struct Config {
    TextFiles files;
    void describe(auto& field) { files.describe(field); }
  };

  explicit Moses(const Config& c) : files(c.files) { files.require_one("moses"); }

  std::vector<Direction> directions(const CorpusPlace&,
                                    const std::vector<std::string>& pairs) const override {
    return named_directions("moses", pairs);
  }

  CorpusInputs inputs(const CorpusPlace& place,
                      const std::vector<Direction>& directions) const override {
    std::vector<std::string> endings;
    for (const auto& direction : directions) {
      endings.push_back("." + direction.source);
      endings.push_back("." + direction.target);
    }
    return files.inputs(place, endings);
  }

  void read(const CorpusPlace& place, const Direction& direction, const PairSink& sink,
            const DropSink&) const override {
    for (const auto& [subset, stem] : files.subsets()) {
      const auto source = files.file(place, stem, "." + direction.source);
      const auto target = files.file(place, stem, "." + direction.target);
      read_aligned(source, target, subset, sink);
    }
  }

  TextFiles files;
};

XP_REGISTER(Corpus, Moses, "moses", "line-aligned text files STEM.LANG");

}  // namespace
}  // namespace xp
