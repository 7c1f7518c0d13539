// English-French of the WMT shared tasks: Europarl, Common Crawl, UN, News Commentary, 10^9 corpus.
// Source: Bojar et al. 2014, "Findings of the 2014 Workshop on Statistical Machine Translation",
// https://www.statmt.org/wmt14/translation-task.html; later years' tasks name the same sets.
//
// The recipe usual for these sets, in the same order of sets, with three differences: SentencePiece
// on the raw text stands in place of Moses' normalisation and tokens and 40k merges; validation is
// newstest2013 in place of every 1333rd training pair; and the length limits of 250 pieces and
// ratio 1.5 are those of [corpus] (max_length, cleaning.max_ratio). The test set is newstest2014.
#include "engine/base/file.h"
#include "engine/base/replace_all.h"
#include "engine/data/aligned_text.h"
#include "engine/data/archive.h"
#include "engine/data/fetch.h"

#include <algorithm>
#include <array>

namespace xp {
namespace {

constexpr const char* kName = "wmt17-en-fr";

// One upstream archive: `stem` + ".en" and ".fr" (and `ending`) are the members that count.
struct Set {
  const char *name, *host, *folder, *stem, *ending;
  uint64_t bytes;
  const char* sha256;
};

constexpr std::array<Set, 5> kTrain = {{
    {"training-parallel-europarl-v7.tgz", "www.statmt.org", "wmt13", "training/europarl-v7.fr-en",
     "", 657632379, "0224c7c710c8a063dfd893b0cc0830202d61f4c75c17eb8e31836103d27d96e7"},
    {"training-parallel-commoncrawl.tgz", "www.statmt.org", "wmt13", "commoncrawl.fr-en", "",
     918311367, "c7a74e2ea01ac6c920123108627e35278d4ccb5701e15428ffa34de86fa3a9e5"},
    {"training-parallel-un.tgz", "www.statmt.org", "wmt13", "un/undoc.2000.fr-en", "", 2365634246,
     "29141b5c1eba149a94f7a59d3b1a834b2e47fe0f8758d68dcd77a3d3f497ee47"},
    {"training-parallel-nc-v9.tgz", "www.statmt.org", "wmt14", "training/news-commentary-v9.fr-en",
     "", 80418416, "cb8953f292298e6877ae433c98912b927cb0766b303f4540512ddd286c748485"},
    {"training-giga-fren.tar", "www.statmt.org", "wmt10", "giga-fren.release2.fixed", ".gz",
     2595102720, "3ff8319f6919393520559bfbc7ad6a747ec81b3abc7be9993b338d4b017b4d9a"},
}};
constexpr Set kDev = {"dev.tgz",
                      "data.statmt.org",
                      "wmt19/translation-task",
                      "dev/newstest2013",
                      "",
                      38654961,
                      "7a7deccf82ebb05ba508dba5eb21356492224e8f630ec4f992132b029b4b25e7"};
// The sentences of newstest2014 are the same in both directions.
constexpr const char* kTestFrench = "dev/newstest2014-fren-src.fr.sgm";
constexpr const char* kTestEnglish = "dev/newstest2014-fren-ref.en.sgm";

RemoteFile remote(const Set& set) {
  RemoteFile out{set.name, {}, set.bytes, set.sha256};
  // The second if certificates are out of date; the SHA-256 is the proof either way.
  for (const char* scheme : {"https", "http"})
    out.addresses.push_back(fmt::format("{}://{}/{}/{}", scheme, set.host, set.folder, set.name));
  return out;
}

// The sentences of an .sgm file as lines of a text file beside it: what stands between <seg ...>
// and </seg>, of which each has a line. It is not proper SGML and has only these entities.
fs::path segments(const fs::path& sgm) {
  fs::path out = sgm;
  out.replace_extension();
  if (fs::exists(out)) return out;
  const std::string text = read_file(sgm);
  std::string lines;
  for (size_t at = 0; (at = text.find("<seg ", at)) != std::string::npos;) {
    const size_t begin = text.find('>', at);
    const size_t end = begin == std::string::npos ? begin : text.find("</seg>", begin);
    if (end == std::string::npos) user_error("'{}' ends inside of a <seg>", sgm.string());
    std::string line = text.substr(begin + 1, end - begin - 1);
    for (const auto& [entity, character] : {std::pair{"\n", " "},
                                            {"&lt;", "<"},
                                            {"&gt;", ">"},
                                            {"&quot;", "\""},
                                            {"&apos;", "'"},
                                            {"&amp;", "&"}}) {
      replace_all(line, entity, character);
    }
    const size_t first = line.find_first_not_of(" \t"), last = line.find_last_not_of(" \t");
    lines += (first == std::string::npos ? "" : line.substr(first, last - first + 1)) + "\n";
    at = end;
  }
  write_atomic(out, lines);
  return out;
}

struct Wmt17EnFr final : Corpus {
  struct Config {
    void describe(auto&) {}
  };

  explicit Wmt17EnFr(const Config&) {}

  std::vector<Direction> directions(const CorpusPlace&,
                                    const std::vector<std::string>& pairs) const override {
    const Direction forward{"en", "fr"}, backward{"fr", "en"};
    std::vector<Direction> out;
    for (const auto& pair : pairs) {
      if (pair == "all") {
        out.insert(out.end(), {forward, backward});
        continue;
      }
      out.push_back(parse_direction(pair));
      if (out.back() != forward && out.back() != backward)
        user_error("{} has no '{}'; it has: en-fr, fr-en", kName, pair);
    }
    return out;
  }

  CorpusInputs inputs(const CorpusPlace& place, const std::vector<Direction>&) const override {
    CorpusInputs out;
    if (const auto archive = mirror_archive(place, kName); !archive.empty()) {
      out.identity = {{"archive", local_sha256(place, archive)}};
      return out;
    }
    for (const auto& set : kTrain)
      out.identity[set.name] = set.sha256;
    out.identity[kDev.name] = kDev.sha256;
    return out;
  }

  void fetch(const CorpusPlace& place, const std::vector<Direction>&) const override {
    if (!mirror_archive(place, kName).empty()) return;
    for (const auto& set : kTrain)
      xp::fetch(place, remote(set));
    xp::fetch(place, remote(kDev));
  }

  void read(const CorpusPlace& place, const Direction& direction, const PairSink& sink,
            const DropSink& dropped) const override {
    for (const auto& set : kTrain) {
      const fs::path folder =
          content(place, set, {member(set, direction.source), member(set, direction.target)});
      read_published(uncompressed(place, folder / member(set, direction.source)),
                     uncompressed(place, folder / member(set, direction.target)), "train", sink,
                     dropped);
    }
    const fs::path dev =
        content(place, kDev, {member(kDev, "en"), member(kDev, "fr"), kTestEnglish, kTestFrench});
    read_aligned(dev / member(kDev, direction.source), dev / member(kDev, direction.target),
                 "valid", sink);
    const fs::path english = segments(dev / kTestEnglish), french = segments(dev / kTestFrench);
    const bool is_forward = direction.source == "en";
    read_aligned(is_forward ? english : french, is_forward ? french : english, "test", sink);
  }

 private:
  static std::string member(const Set& set, const std::string& language) {
    return fmt::format("{}.{}{}", set.stem, language, set.ending);
  }

  // The folder that has these members: of the mirror's archive of the whole corpus, in which they
  // lie under the same names, or of the upstream archive.
  static fs::path content(const CorpusPlace& place, const Set& set,
                          std::vector<std::string> members) {
    if (const auto archive = mirror_archive(place, kName); !archive.empty())
      return unpacked_archive(place, archive);
    std::sort(members.begin(), members.end());  // both directions share what is unpacked
    return unpacked_archive(place, xp::fetch(place, remote(set)), members);
  }
};

XP_REGISTER(Corpus, Wmt17EnFr, kName, "English-French of the WMT shared tasks, 40M pairs");

}  // namespace
}  // namespace xp
