// Translation memories STEM.tmx or STEM.tmx.gz, as OPUS, the EU and translators' programs give
// them.
#include "engine/data/tmx.h"

#include "engine/base/text.h"
#include "engine/data/text_files.h"

namespace xp {
namespace {

struct Tmx final : Corpus {
  struct Config {
    TextFiles files;
    void describe(auto& field) { files.describe(field); }
  };

  explicit Tmx(const Config& c) : files(c.files) { files.require_one("tmx"); }

  std::vector<Direction> directions(const CorpusPlace&,
                                    const std::vector<std::string>& pairs) const override {
    std::vector<Direction> out;
    for (const auto& pair : pairs) {
      if (pair == "all")
        user_error("kind 'tmx' does not know its directions; name them: pairs = [\"en-fr\"]");
      out.push_back(parse_direction(pair));
    }
    return out;
  }

  CorpusInputs inputs(const CorpusPlace& place, const std::vector<Direction>&) const override {
    return files.inputs(place, {".tmx"});
  }

  void read(const CorpusPlace& place, const Direction& direction, const PairSink& sink,
            const DropSink&) const override {
    for (const auto& [subset, stem] : files.subsets()) {
      const auto file = files.file(place, stem, ".tmx");
      int64_t count = 0;
      read_tmx(file, direction.source, direction.target, [&](auto source, auto target) {
        sink(subset, source, target);
        ++count;
      });
      if (count == 0)
        user_error("'{}' has no text of {} in both languages", file.string(), direction.name());
    }
  }

  TextFiles files;
};

XP_REGISTER(Corpus, Tmx, "tmx", "translation memories STEM.tmx");

}  // namespace
}  // namespace xp
