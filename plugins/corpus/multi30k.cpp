// Multi30k: image captions in English, German, French and Czech. For non-commercial research.
// Source: Elliott et al. 2016, "Multi30K", https://arxiv.org/abs/1605.00459; task 1, raw text.
#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/base/text.h"
#include "engine/data/aligned_text.h"
#include "engine/data/archive.h"
#include "engine/data/fetch.h"

#include <algorithm>

namespace xp {
namespace {

constexpr const char* kAddress =
    "https://raw.githubusercontent.com/multi30k/dataset/"
    "a3d2e0d26b56f3846f66a952536ffed4e401d05a/data/task1/raw/";

// `bytes` is the size of the upstream NAME.gz, `sha256` that of its content.
struct Text {
  const char* name;
  uint64_t bytes;
  const char* sha256;
};

// clang-format off
constexpr Text kTexts[] = {
  {"train.en", 568929, "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6"},
  {"train.de", 637044, "2c2b73fd2b548fbcde3a875e0a78d6ee94d498bfdee6bd3eae3945779e9ddf72"},
  {"train.fr", 604242, "5925a3c18f1587b6b54b87743106e6e8ab93618edb6f65d19eac0621f853a10d"},
  {"train.cs", 593827, "2be68b38c8d586ff4f54eb13cc6e1baaaa053695b3f070d3038303a47f2268da"},
  {"val.en", 21650, "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227"},
  {"val.de", 24681, "660e09eb7e1da2f856ea13ee5ad3cf6d36b3d5b0b733c857e94c5747a3dfc660"},
  {"val.fr", 23001, "5304e444d842e962b2dda4d816b70b22a1765b15401642b7ca37a67477e708dc"},
  {"val.cs", 22096, "d53827e469b0a1ca8d57e9e26b2b64c4bc4b33f5479c7b03ae87ae5c882c3e33"},
  {"test_2016_flickr.en", 21077,
   "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182"},
  {"test_2016_flickr.de", 22890,
   "4be6b5b3236b79c25475c6bb829800a7ce559e9ba7a1f6c2394fe4d40be46d16"},
  {"test_2016_flickr.fr", 22310,
   "cb3160d69b002bb638e66cc7612fcd56cb0af82eadc9c142dedc438afb885ef6"},
  {"test_2016_flickr.cs", 22572,
   "45adb85f688de8407fddcbe1b36dca15d12aab868149b337e2576f2d6d2ff8d8"},
  {"test_2017_flickr.en", 19138,
   "ce1450ddc5ab0834502579d77a170849952e15a2938b34cc503bdc25ebb4fb98"},
  {"test_2017_flickr.de", 21471,
   "c3078bc3b36808bf9d20eb2347ed6137016179ef59ec0d2b9b8ecc3fb2880081"},
  {"test_2017_flickr.fr", 20434,
   "6f3764e31dac41e9455e612958bcfd4e877c5e15cd66df2c2b2be6d9bd83e5b6"},
  {"test_2017_mscoco.en", 8844, "43051fdfa86fd5395182e718a94ca67b1b227b9f7c79596ff0f6b813216981d2"},
  {"test_2017_mscoco.de", 10230,
   "58277df3c75f92f7145a11b910b553d1cf82c439249d4dc237c899609eafac22"},
  {"test_2017_mscoco.fr", 9751, "39cde3f43f32b0a6bf29ce4917a46329ff32e53070c2fac87506695a740ae0a0"},
};
// clang-format on

struct Subset {
  const char *name, *stem;
};
constexpr Subset kSubsets[] = {{"train", "train"},
                               {"valid", "val"},
                               {"test", "test_2016_flickr"},
                               {"test_2017_flickr", "test_2017_flickr"},
                               {"test_2017_mscoco", "test_2017_mscoco"}};

const Text* find_text(const std::string& name) {
  const auto found = std::find_if(std::begin(kTexts), std::end(kTexts),
                                  [&](const Text& text) { return name == text.name; });
  return found == std::end(kTexts) ? nullptr : &*found;
}

struct Multi30k final : Corpus {
  struct Config {
    void describe(auto&) {}
  };

  explicit Multi30k(const Config&) {}

  std::vector<Direction> directions(const CorpusPlace&,
                                    const std::vector<std::string>& pairs) const override {
    std::vector<Direction> out;
    for (const auto& pair : pairs) {
      if (pair == "all") {
        for (const char* language : {"de", "fr", "cs"}) {
          out.push_back({"en", language});
          out.push_back({language, "en"});
        }
        continue;
      }
      const Direction direction = parse_direction(pair);
      for (const auto& language : {direction.source, direction.target}) {
        if (find_text("train." + language) == nullptr) {
          user_error("multi30k has no '{}' for '{}'; it has: en, de, fr, cs", language, pair);
        }
      }
      out.push_back(direction);
    }
    return out;
  }

  CorpusInputs inputs(const CorpusPlace&, const std::vector<Direction>& directions) const override {
    CorpusInputs out;
    for (const auto& direction : directions) {
      for (const auto& [subset, source, target] : files(direction)) {
        out.identity[source->name] = source->sha256;
        out.identity[target->name] = target->sha256;
      }
    }
    return out;
  }

  void fetch(const CorpusPlace& place, const std::vector<Direction>& directions) const override {
    for (const auto& direction : directions) {
      for (const auto& [subset, source, target] : files(direction)) {
        content(place, *source);
        content(place, *target);
      }
    }
  }

  void read(const CorpusPlace& place, const Direction& direction, const PairSink& sink,
            const DropSink&) const override {
    for (const auto& [subset, source, target] : files(direction)) {
      const fs::path source_file = content(place, *source);
      read_aligned(source_file, content(place, *target), subset, sink);
    }
  }

 private:
  struct Files {
    const char* subset;
    const Text *source, *target;
  };

  // Czech has no test sets of 2017.
  static std::vector<Files> files(const Direction& direction) {
    std::vector<Files> out;
    for (const auto& subset : kSubsets) {
      const Text* source = find_text(std::string(subset.stem) + "." + direction.source);
      const Text* target = find_text(std::string(subset.stem) + "." + direction.target);
      if (source != nullptr && target != nullptr) out.push_back({subset.name, source, target});
    }
    return out;
  }

  // The uncompressed text: of the mirror's archive, or of the upstream file, kept in downloads.
  static fs::path content(const CorpusPlace& place, const Text& text) {
    if (const auto archive = mirror_archive(place, "multi30k"); !archive.empty()) {
      const fs::path file = unpacked_archive(place, archive) / text.name;
      if (!fs::exists(file)) user_error("'{}' has no '{}'", archive.string(), text.name);
      return compared(place, file, text);
    }
    CorpusPlace inside = place;
    inside.downloads = place.downloads / "multi30k";
    const fs::path file = inside.downloads / text.name;
    if (!fs::exists(file)) {
      const std::string name = std::string(text.name) + ".gz";
      const fs::path packed = xp::fetch(inside, {name, {kAddress + name}, text.bytes, ""});
      const std::string unpacked = gunzipped(packed);
      if (sha256(unpacked) != text.sha256) {
        user_error("'{}' does not hold the text of {}{}; delete or replace it", packed.string(),
                   kAddress, name);
      }
      write_atomic(file, unpacked);
    }
    return compared(place, file, text);
  }

  static fs::path compared(const CorpusPlace& place, const fs::path& file, const Text& text) {
    if (const std::string found = local_sha256(place, file); found != text.sha256) {
      user_error(
          "'{}' is not Multi30k's text: its SHA-256 is {} and should be {}; delete or replace "
          "it",
          file.string(), found, text.sha256);
    }
    return file;
  }
};

XP_REGISTER(Corpus, Multi30k, "multi30k", "image captions in English, German, French and Czech");

}  // namespace
}  // namespace xp
