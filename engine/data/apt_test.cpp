// Packages from an archive on this machine, through apt itself.
#include "engine/data/apt.h"

#include "engine/testing/message.h"
#include "engine/testing/package_archive.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

namespace xp {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

struct AptTest {
  TempFolder folder;
  CorpusPlace place;
  PackageArchive archive;

  AptTest() {
    if (!PackageArchive::is_possible()) SKIP("no apt-get and dpkg-deb on this machine");
    place.downloads = folder.path() / "downloads";
    place.mirror = folder.path() / "mirror";
    place.lock = folder.path() / "LOCK.toml";
    place.may_fetch = true;
    archive.offer("tiny-locales", "1.0",
                  {{"usr/share/locale/fr/LC_MESSAGES/tiny.mo", "catalog"},
                   {"usr/share/locale/de/LC_MESSAGES/tiny.mo", "Katalog"},
                   {"usr/share/doc/tiny/fr/LC_MESSAGES.txt", "no catalog"}});
  }
  DebFile found() { return Apt(place).find({"tiny-locales"}).at(0).value(); }
};

TEST_CASE_METHOD(AptTest, "a package is found by lists of the workspace's own, fetched once") {
  const DebFile file = found();
  CHECK(file.package == "tiny-locales");
  CHECK(file.version == "1.0");
  CHECK(file.name == "tiny-locales_1.0_all.deb");
  CHECK(file.sha256 == archive.sha256_of("tiny-locales"));
  CHECK(fs::exists(place.downloads / "apt" / "updated"));
  const DebFile again = deb_file_from_json(to_json(file));
  CHECK(again.sha256 == file.sha256);
  CHECK(again.bytes == file.bytes);
}

TEST_CASE_METHOD(AptTest,
                 "the first alternative that is offered counts, and an empty one allows none") {
  archive.offer("old-locales", "3", {});
  const auto files = Apt(place).find({"new-locales|old-locales|tiny-locales", "new-locales|"});
  CHECK(files.at(0).value().package == "old-locales");
  CHECK_FALSE(files.at(1).has_value());
}

TEST_CASE_METHOD(AptTest, "a package that is not offered is named with what to do") {
  CHECK(message_of([&] {
          Apt(place).find({"tiny-locales", "nowhere|nor-here"});
        }) ==
        "no package 'nowhere|nor-here' is offered here; correct 'packages' in [corpus], or set "
        "'catalogs' to a folder that holds catalogs, such as \"/usr/share/locale\"");
}

TEST_CASE_METHOD(AptTest, "a package is fetched once and its catalogs of one language unpacked") {
  const DebFile file = found();
  const auto paths = Apt(place).fetch({file});
  CHECK(paths == std::vector<fs::path>{place.downloads / "tiny-locales_1.0_all.deb"});
  archive.close();
  CHECK(Apt(place).fetch({file}) == paths);
  const fs::path french = unpacked_catalogs(place, paths.at(0), file, "fr");
  CHECK(read_file(french / "tiny.mo") == "catalog");
  CHECK(read_file(unpacked_catalogs(place, paths.at(0), file, "de") / "tiny.mo") == "Katalog");
  CHECK(fs::is_empty(unpacked_catalogs(place, paths.at(0), file, "cs")));
}

TEST_CASE_METHOD(AptTest, "a package in the mirror needs no archive") {
  const DebFile file = found();
  const auto fetched = Apt(place).fetch({file});
  fs::create_directories(place.mirror);
  fs::rename(fetched.at(0), place.mirror / file.name);
  archive.close();
  CHECK(Apt(place).fetch({file}) == std::vector<fs::path>{place.mirror / file.name});
}

TEST_CASE_METHOD(AptTest, "a version that is gone is named with the file that pins it") {
  const DebFile file = found();
  archive.close();
  archive.offer("tiny-locales", "2.0", {});
  const std::string words = message_of([&] { Apt(place).fetch({file}); });
  CHECK_THAT(words, StartsWith("package 'tiny-locales' 1.0 ("));
  CHECK_THAT(words, ContainsSubstring("cannot be fetched: Version '1.0' for 'tiny-locales' was "
                                      "not found; put 'tiny-locales_1.0_all.deb' into '" +
                                      place.downloads.string() + "', or delete it from '" +
                                      place.lock.string() + "' to take what is offered now"));
  CHECK_FALSE(fs::exists(place.downloads / file.name));
}

TEST_CASE_METHOD(AptTest, "other bytes than those pinned are never taken") {
  DebFile file = found();
  file.sha256 = std::string(64, 'a');
  CHECK_THAT(message_of([&] { Apt(place).fetch({file}); }),
             ContainsSubstring("cannot be fetched: other files came; "));
  CHECK_FALSE(fs::exists(place.downloads / file.name));
}

TEST_CASE_METHOD(AptTest, "a name that leads out of the downloads is refused") {
  DebFile file = found();
  file.name = "../tiny.deb";
  CHECK(message_of([&] { Apt(place).fetch({file}); }) ==
        "'../tiny.deb' is not the name of a package file");
}

}  // namespace
}  // namespace xp
