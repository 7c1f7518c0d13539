// Translation memories STEM.tmx or STEM.tmx.gz, as OPUS, the EU and translation programs write
// them.
#include "engine/data/tmx.h"

#include "engine/base/text.h"
#include "engine/data/text_files.h"

namespace xp {
namespace {

struct Tmx final : Corpus {
  struct Config {
    static constexpr const char* kVersion = "2";  // 1 lost text of elements and entities
    TextFiles files;
    void describe(auto& field) { files.describe(field); }
  };

  explicit Tmx(const Config& c) : files(c.files) { files.require_one("tmx"); }

  std::vector<Direction> directions(const CorpusPlace&,
                                    const std::vector<std::string>& pairs) const override {
    return named_directions("tmx", pairs);
  }

  CorpusInputs inputs(const CorpusPlace& place, const std::vector<Direction>&) const override {
    return files.inputs(place, {".tmx"});
  }

  void read(const CorpusPlace& place, const Direction& direction, const PairSink& sink,
            const DropSink& dropped) const override {
    for (const auto& [subset, stem] : files.subsets()) {
      const auto file = files.file(place, stem, ".tmx");
      const auto content =
          read_tmx(file, direction.source, direction.target,
                   [&, &name = subset](auto source, auto target) { sink(name, source, target); });
      if (content.num_pairs == 0) {
        user_error("'{}' has no text of {} in both languages; {}", file.string(), direction.name(),
                   content.languages.empty() ? "it has text of no language"
                                             : "it has: " + languages(content));
      }
      for (const auto& [reason, count] : content.dropped)
        dropped(subset, reason, count);
    }
  }

 private:
  static std::string languages(const TmxContent& content) {
    std::vector<std::string> out;
    for (const auto& [language, count] : content.languages)
      out.push_back(language);
    return join(out, ", ");
  }

  TextFiles files;
};

XP_REGISTER(Corpus, Tmx, "tmx", "translation memories STEM.tmx");

}  // namespace
}  // namespace xp
