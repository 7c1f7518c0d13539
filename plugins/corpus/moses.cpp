// Line-aligned text files STEM.LANG, in a folder or an archive.
// Source: the layout of the Moses toolkit's parallel corpora, https://www.statmt.org/moses/.
#include "engine/base/file.h"
#include "engine/base/text.h"
#include "engine/data/aligned_text.h"
#include "engine/data/archive.h"
#include "engine/data/fetch.h"

namespace xp {
namespace {

struct Moses final : Corpus {
  struct Config {
    std::string path, archive;
    std::string train = "train", valid = "valid", test = "test";

    void describe(auto& field) {
      field("path", path, "the folder of the files, relative to the spec", any(), Scope::kNone);
      field("archive", archive,
            "an archive of the folder (.tar.xz, .tar.gz, .tar.zst), beside the spec or in the "
            "mirror",
            any(), Scope::kNone);
      field("train", train, "stem of the training files STEM.LANG");
      field("valid", valid, "stem of the validation files");
      field("test", test, "stem of the test files; empty = none");
    }
  };

  explicit Moses(const Config& c) : config(c) {
    if (config.path.empty() == config.archive.empty()) {
      user_error("[corpus] of kind 'moses' needs 'path' or 'archive', and not both");
    }
  }

  std::vector<Direction> directions(const CorpusPlace&,
                                    const std::vector<std::string>& pairs) const override {
    std::vector<Direction> out;
    for (const auto& pair : pairs) {
      if (pair == "all") {
        user_error("kind 'moses' does not know its directions; name them: pairs = [\"en-fr\"]");
      }
      out.push_back(parse_direction(pair));
    }
    return out;
  }

  CorpusInputs inputs(const CorpusPlace& place,
                      const std::vector<Direction>& directions) const override {
    CorpusInputs out;
    if (!config.archive.empty()) {
      const fs::path found = find_archive(place, config.archive);
      if (found.empty()) {
        out.missing = archive_is_missing(config.archive);
      } else {
        out.identity = {{"archive", local_sha256(place, found)}};
      }
      return out;
    }
    for (const auto& direction : directions) {
      for (const auto& [subset, stem] : subsets()) {
        for (const auto& language : {direction.source, direction.target}) {
          const fs::path file = place.spec_folder / config.path / (stem + "." + language);
          if (!fs::is_regular_file(file)) {
            out.missing = fmt::format("'{}' is missing; it should hold the {} text of '{}'",
                                      file.string(), language, subset);
            return out;
          }
          out.identity["files"][subset + "." + language] = local_sha256(place, file);
        }
      }
    }
    return out;
  }

  void read(const CorpusPlace& place, const Direction& direction, const PairSink& sink,
            const DropSink&) const override {
    const fs::path folder = config.archive.empty()
                                ? place.spec_folder / config.path
                                : unpacked_archive(place, find_archive(place, config.archive));
    for (const auto& [subset, stem] : subsets()) {
      read_aligned(folder / (stem + "." + direction.source),
                   folder / (stem + "." + direction.target), subset, sink);
    }
  }

 private:
  std::vector<std::pair<std::string, std::string>> subsets() const {
    std::vector<std::pair<std::string, std::string>> out;
    if (!config.train.empty()) out.emplace_back("train", config.train);
    if (!config.valid.empty()) out.emplace_back("valid", config.valid);
    if (!config.test.empty()) out.emplace_back("test", config.test);
    return out;
  }

  Config config;
};

XP_REGISTER(Corpus, Moses, "moses", "line-aligned text files STEM.LANG");

}  // namespace
}  // namespace xp
