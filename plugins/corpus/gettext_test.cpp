// The gettext corpus on catalogs made here, and its split.
#include "engine/base/file.h"
#include "engine/base/toml.h"
#include "engine/data/leakage.h"
#include "engine/testing/package_archive.h"
#include "registry/corpus.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <map>

namespace xp {
namespace {

using Catch::Matchers::Message;
using Catch::Matchers::MessageMatches;
using Catch::Matchers::StartsWith;
using Pairs = std::vector<std::pair<std::string, std::string>>;

std::string word(size_t value) {
  std::string out;
  for (int i = 0; i < 4; ++i)
    out += static_cast<char>(value >> (8 * i));
  return out;
}

std::string catalog(Pairs entries, const std::string& charset) {
  entries.insert(entries.begin(), {"", "Content-Type: text/plain; charset=" + charset + "\n"});
  std::string ids, translations, texts;
  const auto put = [&](std::string& table, const std::string& text) {
    table += word(text.size()) + word(28 + 16 * entries.size() + texts.size());
    texts += text + '\0';
  };
  for (const auto& entry : entries)
    put(ids, entry.first);
  for (const auto& entry : entries)
    put(translations, entry.second);
  return word(0x950412DE) + word(0) + word(entries.size()) + word(28) +
         word(28 + 8 * entries.size()) + word(0) + word(0) + ids + translations + texts;
}

struct GettextTest {
  TempFolder folder;
  CorpusPlace place;
  Value settings = {{"use", "gettext"}, {"catalogs", "locale"}, {"valid", 0}, {"test", 0}};
  std::map<std::string, int64_t> dropped;

  GettextTest() {
    place.spec_folder = folder.path();
    place.downloads = folder.path() / "downloads";
    place.may_fetch = true;
  }
  fs::path path(const std::string& name) const {
    return folder.path() / "locale" / "fr" / "LC_MESSAGES" / name;
  }
  void put(const std::string& name, const Pairs& entries, const std::string& charset = "UTF-8") {
    write_atomic(path(name), catalog(entries, charset));
  }
  std::map<std::string, Pairs> read(const Direction& direction = {"en", "fr"}) {
    std::map<std::string, Pairs> out;
    dropped.clear();
    make_part<Corpus>(settings)->read(
        place, direction,
        [&](auto subset, auto source, auto target) {
          out[std::string(subset)].emplace_back(source, target);
        },
        [&](auto, auto reason, int64_t count) { dropped[std::string(reason)] += count; });
    return out;
  }
  // Sentences that differ in more than digits.
  static Pairs many(size_t count) {
    Pairs out;
    for (size_t i = 0; i < count; ++i) {
      const std::string name = {static_cast<char>('a' + i / 26 % 26),
                                static_cast<char>('a' + i % 26)};
      out.emplace_back("the file " + name + " is missing", "le fichier " + name + " manque ici");
    }
    return out;
  }
};

TEST_CASE_METHOD(GettextTest, "messages of all catalogs are pairs, each source once") {
  put("b.mo", {{"Close", "Fermer"}, {"Open", "Ouvre"}});
  put("a.mo", {{"Open", "Ouvrir"}, {"%s", "%s"}});
  CHECK(read()["train"] == Pairs{{"Open", "Ouvrir"}, {"Close", "Fermer"}});
  CHECK(dropped == std::map<std::string, int64_t>{{"few letters", 1}, {"repeated source", 1}});
  CHECK(read({"fr", "en"})["train"] == Pairs{{"Ouvrir", "Open"}, {"Fermer", "Close"}});
}

TEST_CASE_METHOD(GettextTest, "catalogs in another charset are skipped and counted") {
  put("a.mo", {{"Open", "Ouvrir"}});
  put("b.mo", {{"Close", "Fermer"}, {"Save", "Sauver"}}, "ISO-8859-1");
  CHECK(read()["train"].size() == 1);
  CHECK(dropped["charset is not UTF-8"] == 2);
}

TEST_CASE_METHOD(GettextTest, "the split is the same every time and has the sizes asked for") {
  settings["valid"] = 20;
  settings["test"] = 30;
  put("a.mo", many(300));
  const auto first = read();
  CHECK(first.at("valid").size() == 20);
  CHECK(first.at("test").size() == 30);
  CHECK(first.at("train").size() == 250);
  CHECK(read() == first);
  settings["seed"] = 2;
  CHECK(read().at("test") != first.at("test"));
}

TEST_CASE_METHOD(GettextTest, "nothing of validation or test is in train, on either side") {
  settings["valid"] = 40;
  settings["test"] = 40;
  Pairs entries = many(200);
  for (auto& [english, french] : many(200)) {
    entries.emplace_back("The FILE " + english.substr(9), "autre texte pour " + english);
    entries.emplace_back("another message about " + english, french + " !");
  }
  put("a.mo", entries);
  const auto subsets = read();
  HeldOut held_out;
  for (const char* subset : {"valid", "test"}) {
    for (const auto& [english, french] : subsets.at(subset)) {
      held_out.add(english);
      held_out.add(french);
    }
  }
  for (const auto& [english, french] : subsets.at("train"))
    CHECK_FALSE((held_out.contains(english) || held_out.contains(french)));
  CHECK(dropped["like an evaluation sentence"] > 0);
}

TEST_CASE_METHOD(GettextTest,
                 "more evaluation pairs than there are is an error with both numbers") {
  settings["test"] = 50;
  put("a.mo", many(10));
  CHECK_THROWS_MATCHES(
      read(), Error,
      Message("the catalogs hold 10 sentences for 'valid' and 'test', which ask for 50"));
}

TEST_CASE_METHOD(GettextTest, "a malformed catalog is named with its place") {
  write_atomic(path("a.mo"), catalog(many(3), "UTF-8").substr(0, 60));
  CHECK_THROWS_MATCHES(read(), Error,
                       MessageMatches(StartsWith("catalog '" + path("a.mo").string() +
                                                 "' is malformed at byte 12: ")));
}

TEST_CASE_METHOD(GettextTest, "a folder without catalogs blocks") {
  CHECK(make_part<Corpus>(settings)->inputs(place, {{"en", "fr"}}).missing ==
        "there is no catalog 'fr/LC_MESSAGES/*.mo' in " + (folder.path() / "locale").string());
}

TEST_CASE_METHOD(GettextTest, "the identity is the catalogs' content") {
  put("a.mo", many(3));
  const auto identity = [&] {
    return make_part<Corpus>(settings)->inputs(place, {{"en", "fr"}}).identity;
  };
  const Value first = identity();
  fs::rename(folder.path() / "locale", folder.path() / "moved");
  settings["catalogs"] = "moved";
  CHECK(identity() == first);
}

// The same from packages of an archive, with a lock file.
struct PackagesTest : GettextTest {
  PackageArchive archive;

  PackagesTest() {
    if (!PackageArchive::is_possible()) SKIP("no apt-get and dpkg-deb on this machine");
    settings = {{"use", "gettext"},
                {"packages", {"tiny-locales", "pack-{language}|"}},
                {"valid", 0},
                {"test", 0}};
    place.lock = folder.path() / "corpora" / "LOCK.toml";
    offer("1.0", {{"Open", "Ouvrir"}});
  }
  void offer(const std::string& version, const Pairs& entries) {
    archive.offer("tiny-locales", version,
                  {{"usr/share/locale/fr/LC_MESSAGES/tiny.mo", catalog(entries, "UTF-8")}});
  }
  CorpusInputs inputs() const { return make_part<Corpus>(settings)->inputs(place, {{"en", "fr"}}); }
};

TEST_CASE_METHOD(PackagesTest, "packages are looked up once and pinned in the lock file") {
  place.may_fetch = false;
  CHECK_FALSE(inputs().known);
  CHECK_FALSE(fs::exists(place.lock));
  place.may_fetch = true;
  const std::string sum = archive.sha256_of("tiny-locales");
  const CorpusInputs first = inputs();
  CHECK(first.identity["packages"] ==
        Value{{"tiny-locales", {{"version", "1.0"}, {"sha256", sum}}}});
  const Value lock = load_toml(place.lock.string());
  CHECK(lock["gettext"]["tiny-locales"]["version"] == "1.0");
  CHECK(lock["gettext"]["tiny-locales"]["sha256"] == sum);
  CHECK(lock["gettext"]["pack-fr|"]["package"] == "");
  offer("2.0", {{"Open", "Ouvre"}});
  place.may_fetch = false;
  CHECK(inputs().known);
  CHECK(inputs().identity == first.identity);
}

TEST_CASE_METHOD(PackagesTest, "what is pinned is read, whatever is offered later") {
  inputs();
  CHECK(read()["train"] == Pairs{{"Open", "Ouvrir"}});
  archive.close();
  CHECK(read()["train"] == Pairs{{"Open", "Ouvrir"}});
}

TEST_CASE_METHOD(PackagesTest, "a lock file that is damaged is named") {
  inputs();
  write_atomic(place.lock,
               "[gettext]\n\"tiny-locales\" = {package = \"tiny-locales\"}\n"
               "\"pack-fr|\" = {package = \"\"}\n");
  CHECK_THROWS_MATCHES(inputs(), Error,
                       MessageMatches(StartsWith("'" + place.lock.string() + "' is damaged: ")));
}

TEST_CASE_METHOD(GettextTest, "one side of a direction is English") {
  const auto corpus = make_part<Corpus>(settings);
  CHECK_THROWS_MATCHES(
      corpus->directions(place, {"de-fr"}), Error,
      Message("'de-fr' in 'pairs' has no English side; catalogs translate from English"));
}

}  // namespace
}  // namespace xp
