// OPUS-100: English and 99 languages, sampled from OPUS, with validation and test sets of its own.
// Source: Zhang et al. 2020, "Improving Massively Multilingual Neural Machine Translation and
// Zero-Shot Translation", https://arxiv.org/abs/2004.11867.
#include "engine/base/file.h"
#include "engine/base/text.h"
#include "engine/data/aligned_text.h"
#include "engine/data/archive.h"
#include "engine/data/fetch.h"
#include "plugins/corpus/opus_100_files.h"

#include <algorithm>
#include <set>

namespace xp {
namespace {

constexpr const char* kAddress = "https://object.pouta.csc.fi/OPUS-100/v1.0/";
// These have no validation and no test set.
constexpr const char* kTrainOnly[] = {"an-en", "dz-en", "en-hy", "en-mn", "en-yo"};

std::string in_order(const Direction& direction) {
  return std::min(direction.source, direction.target) + "-" +
         std::max(direction.source, direction.target);
}

const OpusFile& upstream(const Direction& direction) {
  const std::string pair = in_order(direction);
  for (const auto& file : kOpusFiles)
    if (file.pair == pair) return file;
  if (direction.source != "en" && direction.target != "en") return kOpusZeroShot;
  user_error("opus-100 has no '{}'; \"all\" names every direction it has", direction.name());
}

RemoteFile remote(const OpusFile& file) {
  const std::string name = fmt::format("opus-100-corpus-{}-v1.0.tar.gz", file.pair);
  return {name, {kAddress + name}, file.bytes, file.sha256};
}

// A pair's files are called opus.A-B-SUBSET.LANG, in either order, flat or in folders.
struct Files {
  fs::path source, target;
};
Files find_files(const fs::path& folder, const Direction& direction, const std::string& subset) {
  const auto& [source, target] = direction;
  for (const auto& pair : {source + "-" + target, target + "-" + source}) {
    for (const auto& top : {folder, folder / "v1.0"}) {
      for (const auto& below :
           {fs::path(), "supervised" / fs::path(pair), "zero-shot" / fs::path(pair)}) {
        const std::string stem = (top / below / fmt::format("opus.{}-{}.", pair, subset)).string();
        if (fs::exists(stem + source) || fs::exists(stem + target))
          return {stem + source, stem + target};
      }
    }
  }
  return {};
}

constexpr std::pair<const char*, const char*> kSubsets[] = {
    {"train", "train"}, {"valid", "dev"}, {"test", "test"}};

struct Opus100 final : Corpus {
  struct Config {
    std::string path, archive;

    void describe(auto& field) {
      field("path", path, "a folder that has the files, relative to the spec", any(),
            Scope::kContent);
      field("archive", archive,
            "an archive of such a folder, beside the spec or in the mirror; neither = upstream's",
            any(), Scope::kContent);
    }
  };

  explicit Opus100(const Config& c) : config(c) {
    if (!config.path.empty() && !config.archive.empty())
      user_error("[corpus] of kind 'opus-100' takes 'path' or 'archive', not both");
  }

  std::vector<Direction> directions(const CorpusPlace& place,
                                    const std::vector<std::string>& pairs) const override {
    std::vector<Direction> out;
    for (const auto& pair : pairs) {
      if (pair != "all") {
        out.push_back(parse_direction(pair));
        if (is_upstream(place)) upstream(out.back());
        continue;
      }
      for (const auto& found : all_pairs(place)) {
        const Direction direction = parse_direction(found);
        const bool english_first = direction.target != "en";
        const Direction other{direction.target, direction.source};
        out.push_back(english_first ? direction : other);
        out.push_back(english_first ? other : direction);
      }
    }
    return out;
  }

  CorpusInputs inputs(const CorpusPlace& place,
                      const std::vector<Direction>& directions) const override {
    CorpusInputs out;
    if (!config.path.empty()) {
      for (const auto& direction : directions)
        add_files(place, direction, out);
    } else if (is_upstream(place)) {
      for (const auto& direction : directions)
        out.identity["archives"][upstream(direction).pair] = upstream(direction).sha256;
    } else if (const fs::path found = archive(place); found.empty()) {
      out.missing = archive_is_missing(config.archive);
    } else {
      out.identity = {{"archive", local_sha256(place, found)}};
    }
    return out;
  }

  void fetch(const CorpusPlace& place, const std::vector<Direction>& directions) const override {
    if (!is_upstream(place)) return;
    for (const auto& direction : directions)
      xp::fetch(place, remote(upstream(direction)));
  }

  void read(const CorpusPlace& place, const Direction& direction, const PairSink& sink,
            const DropSink& dropped) const override {
    const fs::path top = folder(place, direction);
    bool any_found = false;
    for (const auto& [subset, name] : kSubsets) {
      const Files files = find_files(top, direction, name);
      if (files.source.empty()) continue;
      any_found = true;
      if (std::string_view(subset) == "train") {
        read_published(files.source, files.target, subset, sink, dropped);
      } else {
        read_aligned(files.source, files.target, subset, sink);
      }
    }
    if (any_found) return;
    user_error(
        "'{}' has no file of {}; it should be called opus.{}-train.{}, flat or below "
        "supervised/{}",
        top.string(), direction.name(), in_order(direction), direction.source, in_order(direction));
  }

 private:
  fs::path archive(const CorpusPlace& place) const {
    return config.archive.empty() ? mirror_archive(place, "opus-100")
                                  : find_archive(place, config.archive);
  }

  bool is_upstream(const CorpusPlace& place) const {
    return config.path.empty() && config.archive.empty() && archive(place).empty();
  }

  fs::path folder(const CorpusPlace& place, const Direction& direction) const {
    if (!config.path.empty()) return place.spec_folder / config.path;
    if (is_upstream(place))
      return unpacked_archive(place, xp::fetch(place, remote(upstream(direction))));
    return unpacked_archive(place, archive(place));
  }

  void add_files(const CorpusPlace& place, const Direction& direction, CorpusInputs& out) const {
    const fs::path top = place.spec_folder / config.path;
    bool any_found = false;
    for (const auto& [subset, name] : kSubsets) {
      const Files files = find_files(top, direction, name);
      for (const auto& file : {files.source, files.target}) {
        if (file.empty()) continue;
        if (!fs::is_regular_file(file)) {
          out.missing =
              fmt::format("'{}' is missing, the other side of the pair is there", file.string());
          return;
        }
        any_found = true;
        out.identity["files"][file.filename().string()] = local_sha256(place, file);
      }
    }
    if (!any_found)
      out.missing = fmt::format("'{}' has no file of {}", top.string(), direction.name());
  }

  // Pairs that have a test set, English ones first; those of a folder or an archive if one is
  // given, by the names of its files. None if it is missing.
  std::set<std::string> all_pairs(const CorpusPlace& place) const {
    std::set<std::string> out;
    if (is_upstream(place)) {
      for (const auto& file : kOpusFiles)
        out.insert(file.pair);
      for (const char* pair : kTrainOnly)
        out.erase(pair);
      return out;
    }
    for (const auto& name : names(place)) {
      // opus.A-B-test.LANG
      const size_t end = name.find("-test.");
      if (name.starts_with("opus.") && end != std::string::npos && end > 5)
        out.insert(name.substr(5, end - 5));
    }
    return out;
  }

  std::vector<std::string> names(const CorpusPlace& place) const {
    std::vector<std::string> out;
    const auto add = [&](const fs::path& path) { out.push_back(path.filename().string()); };
    if (!config.path.empty()) {
      std::error_code code;
      for (const auto& entry :
           fs::recursive_directory_iterator(place.spec_folder / config.path, code))
        add(entry.path());
    } else if (const fs::path found = archive(place); !found.empty()) {
      for (const auto& name : archive_files(found))
        add(name);
    }
    return out;
  }

  Config config;
};

XP_REGISTER(Corpus, Opus100, "opus-100", "English and 99 languages from OPUS");

}  // namespace
}  // namespace xp
