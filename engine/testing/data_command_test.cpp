// `xp data` as a user has it; needs no xp-engine.
#include "engine/base/file.h"
#include "engine/base/process.h"
#include "engine/testing/package_archive.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;

struct DataUser {
  TempFolder folder;
  fs::path spec = folder.path() / "a.toml";

  DataUser() {
    write_atomic(spec,
                 "schema = 1\nname = \"a\"\n[corpus]\nuse = \"dummy\"\ntrain = 500\nvalid = 20\n"
                 "test = 20\nwords = 300\n[corpus.vocabulary]\nsize = 300\n");
  }
  Finished data(const std::string& action, const std::vector<std::string>& more = {}) const {
    const fs::path build = fs::read_symlink("/proc/self/exe").parent_path().parent_path();
    std::vector<std::string> command = {
        (build / "xp").string(), "data",        action,
        spec.string(),           "--workspace", (folder.path() / "ws").string()};
    command.insert(command.end(), more.begin(), more.end());
    return run_program(command);
  }
};

TEST_CASE_METHOD(DataUser, "a corpus is prepared, looked at, verified and exported by itself") {
  const Finished too_early = data("stats");
  CHECK(too_early.exit_code == 3);
  CHECK_THAT(too_early.errors,
             ContainsSubstring("the corpus is not prepared; next: xp data prepare"));
  const Finished prepared = data("prepare");
  CHECK(prepared.exit_code == 0);
  CHECK_THAT(prepared.output, ContainsSubstring("train   en-fr       500"));
  CHECK_THAT(data("stats", {"--json"}).output, ContainsSubstring("\"schema_version\": 1"));
  CHECK_THAT(data("show").output, ContainsSubstring("test en-fr\n  source 0: \xe2\x96\x81"));
  CHECK_THAT(data("verify").output, ContainsSubstring(": intact, "));
  const std::string out = (folder.path() / "out").string();
  CHECK(data("export", {"--output", out}).exit_code == 0);
  CHECK(fs::file_size(out + "/valid.en-fr.fr.idx") == 26 + 12 * 20);
  CHECK_THAT(data("export", {"--output", out}).errors, ContainsSubstring("is not empty"));
}

TEST_CASE_METHOD(DataUser, "sentences are shown with the tags that the model sees") {
  const auto shown = [&](const char* placement) {
    write_atomic(spec,
                 "schema = 1\nname = \"a\"\n[corpus]\nuse = \"dummy\"\ntrain = 300\nvalid = 9\n"
                 "test = 9\nwords = 50\npairs = [\"en-fr\", \"fr-en\"]\n[corpus.vocabulary]\n"
                 "size = 120\n[corpus.language_tokens]\nsource = \"pair\"\nplacement = \"" +
                     std::string(placement) + "\"\n");
    REQUIRE(data("prepare").exit_code == 0);
    return data("show").output;
  };
  const std::string before = shown("prefix");
  CHECK_THAT(before, ContainsSubstring("test en-fr\n  source 0: <en-fr> \xe2\x96\x81"));
  CHECK_THAT(before, ContainsSubstring("\n  target 0: <fr> \xe2\x96\x81"));
  const std::string behind = shown("replace-eos-bos");
  CHECK_THAT(behind, ContainsSubstring("test en-fr\n  source 0: \xe2\x96\x81"));
  CHECK_THAT(behind, ContainsSubstring(" <en-fr>\n  target 0: <fr> \xe2\x96\x81"));
}

TEST_CASE_METHOD(DataUser, "an update takes packages that came after those that are pinned") {
  if (!PackageArchive::is_possible()) SKIP("no apt-get and dpkg-deb on this machine");
  write_atomic(spec,
               "schema = 1\nname = \"a\"\n[corpus]\nuse = \"gettext\"\n"
               "packages = [\"tiny-locales\"]\nvalid = 0\ntest = 0\n");
  PackageArchive archive;
  archive.offer("tiny-locales", "1.0", {});
  const Finished first = data("update");
  CHECK(first.exit_code == 0);
  CHECK_THAT(first.output, EndsWith(": found\n"));
  const std::string id = first.output.substr(7, 16);
  CHECK(data("update").output == "corpus " + id + ": unchanged\n");
  archive.offer("tiny-locales", "2.0", {});
  CHECK_THAT(data("update").output, EndsWith(" replaces " + id + "\n"));
  archive.close();
  const Finished gone = data("update");
  CHECK(gone.exit_code == 1);
  CHECK_THAT(gone.errors, ContainsSubstring("no package 'tiny-locales' is offered here"));
  CHECK_THAT(read_file(folder.path() / "ws" / "corpora" / "LOCK.toml"), ContainsSubstring("2.0"));
}

TEST_CASE_METHOD(DataUser, "folders of text may have names that are not UTF-8") {
  const fs::path odd = folder.path() / "caf\xe9";
  for (const char* stem : {"train", "valid", "test"}) {
    for (const char* language : {"en", "fr"}) {
      std::string text;
      for (int i = 0; i < 200; ++i)
        text += fmt::format("word {} of {}\n", i * 37, language);
      write_atomic(odd / "text" / (std::string(stem) + "." + language), text);
    }
  }
  spec = odd / "a.toml";
  write_atomic(spec,
               "schema = 1\nname = \"a\"\n[corpus]\nuse = \"moses\"\npath = \"text\"\n"
               "[corpus.cleaning]\nheld_out = false\n[corpus.vocabulary]\nsize = 60\n");
  const Finished prepared = data("prepare");
  CHECK(prepared.errors.find("bug") == std::string::npos);
  CHECK(prepared.exit_code == 0);
  CHECK(data("verify").exit_code == 0);
}

TEST_CASE_METHOD(DataUser, "an action that is none is answered with those there are") {
  const Finished answer = data("verfy");
  CHECK(answer.exit_code == 2);
  CHECK(answer.errors ==
        "no value of ACTION named 'verfy', did you mean 'verify'? known: prepare, stats, show, "
        "export, verify, update\n");
}

}  // namespace
