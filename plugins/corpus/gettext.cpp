// Sentence pairs from the message catalogs of free programs, as Debian packages have them.
//
// English messages and their translations by the programs' translators. Terms of use are those of
// each package.
#include "engine/base/file.h"
#include "engine/base/replace_all.h"
#include "engine/base/text.h"
#include "engine/base/toml.h"
#include "engine/data/apt.h"
#include "engine/data/fetch.h"
#include "engine/data/leakage.h"
#include "engine/data/message_text.h"
#include "engine/data/mo_file.h"

#include <algorithm>
#include <tuple>

namespace xp {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

size_t num_words(std::string_view text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), ' ')) + 1;
}

struct Gettext final : Corpus {
  struct Config {
    // Names differ between releases: the first alternative that is offered counts. Ubuntu keeps
    // the catalogs of its main packages in language packs.
    std::vector<std::string> packages = {"gcc-12-locales|gcc-14-locales|gcc-13-locales",
                                         "binutils-common",
                                         "git",
                                         "gnucash-common",
                                         "gramps",
                                         "dpkg",
                                         "apt",
                                         "aptitude-common",
                                         "language-pack-{language}-base|"};
    std::string catalogs;
    int64_t valid = 500, test = 500, seed = 1;

    void describe(auto& field) {
      field("packages", packages,
            "Debian packages whose catalogs are read; a|b: the first that is offered, a|: may be "
            "absent");
      field("catalogs", catalogs,
            "a folder LANGUAGE/LC_MESSAGES/*.mo to read instead of packages; empty if there is "
            "no apt = the system's",
            any(), Scope::kContent);
      field("valid", valid, "validation pairs", at_least(0, "pairs"));
      field("test", test, "test pairs", at_least(0, "pairs"));
      field("seed", seed, "picks the validation and test pairs");
    }
  };

  explicit Gettext(const Config& c) : config(c) {}

  std::vector<Direction> directions(const CorpusPlace&,
                                    const std::vector<std::string>& pairs) const override {
    auto out = named_directions("gettext", pairs);
    for (const auto& direction : out) {
      if (direction.source != "en" && direction.target != "en")
        user_error("'{}' in 'pairs' has no English side; catalogs translate from English",
                   direction.name());
    }
    return out;
  }

  CorpusInputs inputs(const CorpusPlace& place,
                      const std::vector<Direction>& directions) const override {
    CorpusInputs out;
    for (const auto& direction : directions) {
      const std::string language = other_side(direction);
      if (!from_packages()) {
        for (const auto& file : catalog_files(place, language))
          out.identity["catalogs"][language][file.filename().string()] = local_sha256(place, file);
        if (out.identity.is_null()) {
          out.missing = fmt::format("there is no catalog '{}/LC_MESSAGES/*.mo' in {}", language,
                                    join(catalog_folders(place), " or "));
        }
        continue;
      }
      const auto files = package_files(place, language);
      if (!files) {
        out.known = false;
        continue;
      }
      for (const auto& file : *files)
        out.identity["packages"][file.package] = {{"version", file.version},
                                                  {"sha256", file.sha256}};
    }
    return out;
  }

  void fetch(const CorpusPlace& place, const std::vector<Direction>& directions) const override {
    if (!from_packages()) return;
    for (const auto& direction : directions)
      catalog_files(place, other_side(direction));
  }

  void read(const CorpusPlace& place, const Direction& direction, const PairSink& sink,
            const DropSink& dropped) const override {
    const std::string language = other_side(direction);
    DropCounts counts;
    Pairs pairs;
    for (const auto& file : catalog_files(place, language))
      add(file, pairs, counts);
    keep_first_of_each_source(pairs, counts);
    const auto subsets = subset_of_each(pairs);
    const bool is_forward = direction.source == "en";
    for (const std::string_view subset : {"train", "valid", "test"}) {
      for (size_t i = 0; i < pairs.size(); ++i) {
        const auto& [english, translated] = pairs[i];
        if (subsets[i] != subset) continue;
        sink(subset, is_forward ? english : translated, is_forward ? translated : english);
      }
    }
    counts["like an evaluation sentence"] = std::count(subsets.begin(), subsets.end(), "");
    for (const auto& [reason, count] : counts)
      if (count > 0) dropped("train", reason, count);
  }

 private:
  static std::string other_side(const Direction& direction) {
    return direction.source == "en" ? direction.target : direction.source;
  }

  bool from_packages() const { return config.catalogs.empty() && has_apt(); }

  std::vector<std::string> catalog_folders(const CorpusPlace& place) const {
    if (!config.catalogs.empty()) return {(place.spec_folder / config.catalogs).string()};
    return {"/usr/share/locale", "/usr/share/locale-langpack"};
  }

  // The files that the entries of `packages` mean, as pinned in the lock file; what is not pinned
  // is looked up and pinned if `may_fetch`, otherwise the result is empty.
  std::optional<std::vector<DebFile>> package_files(const CorpusPlace& place,
                                                    const std::string& language) const {
    std::vector<std::string> entries = config.packages;
    for (auto& entry : entries)
      replace_all(entry, "{language}", language);
    auto files = pinned_packages(place.lock, entries);
    if (files || !place.may_fetch) return files;
    const auto lock = FileLock::wait(place.lock.string() + ".lock");
    files = pinned_packages(place.lock, entries);  // by another process meanwhile
    if (files) return files;
    const auto found = Apt(place).find(entries);
    Value all = fs::exists(place.lock) ? load_toml(place.lock.string()) : Value::object();
    for (size_t i = 0; i < entries.size(); ++i) {
      Value& pin = all["gettext"][entries[i]];
      if (pin.is_null()) pin = found[i] ? to_json(*found[i]) : Value{{"package", ""}};
    }
    write_atomic(place.lock, to_toml(all));
    return pinned_packages(place.lock, entries);
  }

  std::vector<fs::path> catalog_files(const CorpusPlace& place, const std::string& language) const {
    std::vector<fs::path> folders;
    if (from_packages()) {
      const auto files = package_files(place, language);
      check(files.has_value(), "a corpus is read after its inputs are known");
      const auto paths = Apt(place).fetch(*files);
      for (size_t i = 0; i < paths.size(); ++i)
        folders.push_back(unpacked_catalogs(place, paths[i], (*files)[i], language));
    } else {
      for (const auto& folder : catalog_folders(place))
        folders.push_back(fs::path(folder) / language / "LC_MESSAGES");
    }
    std::vector<fs::path> out;
    for (const auto& folder : folders) {
      std::error_code code;
      std::vector<fs::path> here;
      for (const auto& entry : fs::directory_iterator(folder, code)) {
        if (entry.path().extension() == ".mo") here.push_back(entry.path());
      }
      std::sort(here.begin(), here.end());
      out.insert(out.end(), here.begin(), here.end());
    }
    return out;
  }

  static void add(const fs::path& file, Pairs& pairs, DropCounts& counts) {
    const MappedFile mapped(file);
    const std::string_view bytes(reinterpret_cast<const char*>(mapped.bytes().data()),
                                 mapped.bytes().size());
    const MoCatalog catalog = parse_mo(bytes, file.string());
    std::string charset = catalog.charset;
    for (char& c : charset)
      c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    if (charset != "UTF-8" && charset != "UTF8") {
      counts["charset is not UTF-8"] += static_cast<int64_t>(catalog.entries.size());
      return;
    }
    for (const auto& entry : catalog.entries) {
      for (auto& pair : message_pairs(entry.id, entry.translation, counts))
        pairs.push_back(std::move(pair));
    }
  }

  static void keep_first_of_each_source(Pairs& pairs, DropCounts& counts) {
    SeenPairs seen;
    const size_t before = pairs.size();
    std::erase_if(pairs, [&](const auto& pair) { return !seen.add(pair.first, ""); });
    counts["repeated source"] = static_cast<int64_t>(before - pairs.size());
  }

  // Test and validation pairs are those with the smallest hash of their English text's key, so that
  // another package moves few of them. Pairs that resemble one of them on either side are in no
  // subset ("").
  std::vector<std::string_view> subset_of_each(const Pairs& pairs) const {
    std::vector<std::tuple<uint64_t, uint64_t, size_t>> order;
    for (size_t i = 0; i < pairs.size(); ++i) {
      const auto& [english, translated] = pairs[i];
      const size_t words = num_words(english), others = num_words(translated);
      if (std::min(words, others) < 4 || std::max(words, others) > 45) continue;
      const uint64_t key = text_key(english);
      const auto seed = static_cast<uint64_t>(config.seed);
      order.emplace_back((key ^ seed * 0x9E3779B97F4A7C15u) * 0xD6E8FEB86659FD93u, key, i);
    }
    std::sort(order.begin(), order.end());
    std::vector<std::string_view> out(pairs.size(), "train");
    HeldOut held_out;
    int64_t chosen = 0;
    for (const auto& [hash, key, i] : order) {
      if (chosen == config.test + config.valid) break;
      const auto& [english, translated] = pairs[i];
      if (held_out.contains(english) || held_out.contains(translated)) continue;
      held_out.add(english);
      held_out.add(translated);
      out[i] = chosen++ < config.test ? "test" : "valid";
    }
    if (chosen < config.test + config.valid) {
      user_error("the catalogs hold {} sentences for 'valid' and 'test', which ask for {}", chosen,
                 config.test + config.valid);
    }
    for (size_t i = 0; i < pairs.size(); ++i) {
      const auto& [english, translated] = pairs[i];
      if (out[i] == "train" && (held_out.contains(english) || held_out.contains(translated)))
        out[i] = "";
    }
    return out;
  }

  Config config;
};

XP_REGISTER(Corpus, Gettext, "gettext", "messages of free programs and their translations");

}  // namespace
}  // namespace xp
