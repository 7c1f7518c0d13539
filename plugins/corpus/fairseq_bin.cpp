// Data binarised by fairseq-preprocess, with its dictionaries, used as it is: the same ids.
//
// Files are called SUBSET.A-B.LANG.bin and .idx, A-B being the direction or its reverse; train1,
// train2, ... follow train.
#include "engine/data/fairseq_bin.h"

#include "engine/base/text.h"
#include "engine/data/archive.h"
#include "engine/data/fetch.h"

#include <algorithm>

namespace xp {
namespace {

struct FairseqBin final : Corpus {
  struct Config {
    std::string path, archive, joins = "sentencepiece";

    void describe(auto& field) {
      field("path", path, "the folder of the files, relative to the spec", any(), Scope::kContent);
      field(
          "archive", archive,
          "an archive of the folder (.tar.xz, .tar.gz, .tar.zst, .zip), beside the spec or in the "
          "mirror",
          any(), Scope::kContent);
      field("joins", joins,
            "how pieces become text: SentencePiece's mark, \"@@\" (subword-nmt) or spaces",
            one_of({"none", "sentencepiece", "@@"}));
    }
  };

  explicit FairseqBin(const Config& c) : config(c) {
    if (config.path.empty() == config.archive.empty())
      user_error("[corpus] of kind 'fairseq-bin' needs 'path' or 'archive', and not both");
  }

  std::vector<Direction> directions(const CorpusPlace&,
                                    const std::vector<std::string>& pairs) const override {
    return named_directions("fairseq-bin", pairs);
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
    const fs::path top = place.spec_folder / config.path;
    for (const auto& direction : directions) {
      std::vector<fs::path> files = {dictionary(top, direction.source),
                                     dictionary(top, direction.target)};
      for (const auto& part : parts(top, direction)) {
        for (const auto& stem : {part.source, part.target}) {
          files.push_back(stem.string() + ".idx");
          files.push_back(stem.string() + ".bin");
        }
      }
      if (files.size() == 2) {
        out.missing = fmt::format("'{}' has no file train.{}.{}.idx", top.string(),
                                  direction.name(), direction.source);
      }
      for (const auto& file : files) {
        if (!fs::is_regular_file(file)) {
          out.missing = fmt::format("'{}' is missing; fairseq-preprocess writes it", file.string());
          return out;
        }
        out.identity["files"][file.filename().string()] = local_sha256(place, file);
      }
    }
    return out;
  }

  Value vocabulary(const CorpusPlace& place,
                   const std::vector<Direction>& directions) const override {
    const fs::path top = folder(place);
    const auto path = [&](const std::string& language) {
      return fs::absolute(dictionary(top, language));
    };
    const fs::path source = path(directions.front().source);
    const fs::path target = path(directions.front().target);
    const std::string text = read_file(source);
    const bool is_joint = read_file(target) == text;
    for (const auto& direction : directions) {
      if (read_file(path(direction.source)) != text ||
          read_file(path(direction.target)) != read_file(target)) {
        user_error(
            "the dictionaries in '{}' differ from direction to direction; they should be one",
            top.string());
      }
    }
    return {{"use", "dictionary"},
            {"joint", is_joint},
            {"source", source.string()},
            {"target", is_joint ? "" : target.string()},
            {"joins", config.joins}};
  }

  std::optional<DictionarySizes> dictionary_sizes(
      const CorpusPlace& place, const std::vector<Direction>& directions) const override {
    const auto size = [&](const std::string& language) -> std::optional<int64_t> {
      const fs::path file = dictionary(place.spec_folder / config.path, language);
      if (!config.archive.empty() || !fs::exists(file)) return std::nullopt;
      return FairseqDictionary::load(file).size();
    };
    return DictionarySizes{size(directions.front().source), size(directions.front().target)};
  }

  void read(const CorpusPlace& place, const Direction& direction, const PairSink& sink,
            const DropSink&) const override {
    const fs::path top = folder(place);
    const auto sources = FairseqDictionary::load(dictionary(top, direction.source));
    const auto targets = FairseqDictionary::load(dictionary(top, direction.target));
    for (const auto& part : parts(top, direction)) {
      const FairseqFile source(part.source), target(part.target);
      if (source.size() != target.size()) {
        user_error("'{}' has {} sentences and '{}' has {}; the sides have the same number",
                   part.source.string(), source.size(), part.target.string(), target.size());
      }
      for (int64_t i = 0; i < source.size(); ++i)
        sink(part.subset, text(source, i, sources, part.source),
             text(target, i, targets, part.target));
    }
  }

 private:
  struct Part {
    std::string subset;
    fs::path source, target;  ///< stems
  };

  fs::path folder(const CorpusPlace& place) const {
    return config.archive.empty() ? place.spec_folder / config.path
                                  : unpacked_archive(place, find_archive(place, config.archive));
  }

  static fs::path dictionary(const fs::path& top, const std::string& language) {
    const fs::path own = top / fmt::format("dict.{}.txt", language);
    return !fs::exists(own) && fs::exists(top / "dict.txt") ? top / "dict.txt" : own;
  }

  // Subsets in the order train, train1, ..., valid, valid1, ..., test, ...
  static std::vector<Part> parts(const fs::path& top, const Direction& direction) {
    std::vector<Part> out;
    const auto& [source, target] = direction;
    for (const std::string subset : {"train", "valid", "test"}) {
      for (int number = 0;; ++number) {
        const std::string split = number == 0 ? subset : subset + std::to_string(number);
        const size_t before = out.size();
        for (const auto& pair : {source + "-" + target, target + "-" + source}) {
          const std::string stem = (top / (split + "." + pair + ".")).string();
          if (!fs::exists(stem + source + ".idx") && !fs::exists(stem + target + ".idx")) continue;
          out.push_back({subset == "train" ? subset : split, stem + source, stem + target});
          break;
        }
        if (out.size() == before) break;
      }
    }
    return out;
  }

  static std::string text(const FairseqFile& file, int64_t i, const FairseqDictionary& dictionary,
                          const fs::path& stem) {
    std::string out;
    for (const int64_t id : file.sentence(i)) {
      if (id < 0 || id >= dictionary.size()) {
        user_error(
            "'{}.bin' has the id {} and its dictionary {} entries; they do not belong "
            "together",
            stem.string(), id, dictionary.size());
      }
      if (!out.empty()) out += ' ';
      out += dictionary.symbol(static_cast<int32_t>(id));
    }
    return out;
  }

  Config config;
};

XP_REGISTER(Corpus, FairseqBin, "fairseq-bin", "data binarised by fairseq-preprocess, as it is");

}  // namespace
}  // namespace xp
