// Fuzzes the readers of foreign files: any bytes are read or refused, nothing else happens.
#include "engine/testing/fuzz.h"

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/data/aligned_text.h"
#include "engine/data/apt.h"
#include "engine/data/archive.h"
#include "engine/data/fairseq_bin.h"
#include "engine/data/mo_file.h"
#include "engine/data/tmx.h"
#include "engine/data/token_file.h"

#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <stdexcept>
#include <unistd.h>

namespace xp {
namespace {

// What the user gave may be refused; it is never a bug of ours, nor the machine's.
void refused_or_read(const std::function<void()>& read) {
  try {
    read();
  } catch (const Error& error) {
    if (error.blame() != Blame::kUser) throw std::logic_error(error.what());
  }
}

// In memory if the system has such a folder: unpacking flushes to disk, which would take nearly all
// of the time.
const fs::path& work() {
  static const fs::path memory = "/dev/shm";
  static const TempFolder folder(::access(memory.c_str(), W_OK) == 0 ? memory : fs::path());
  return folder.path();
}

// Without a flush to disk, which would take most of the time.
void put(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

FuzzTarget tmx() {
  return {"tmx",
          "engine/data/fuzz/tmx",
          {"<tu>", "</tu>", "<tuv xml:lang=\"en\">", "<tuv lang=\"fr\">", "</tuv>", "<seg>",
           "</seg>", "<hi>", "<bpt>", "</bpt>", "<![CDATA[", "]]>", "&amp;", "&#0;", "<!ENTITY"},
          [](const std::string& text) {
            put(work() / "a.tmx", text);
            refused_or_read([] { read_tmx(work() / "a.tmx", "en", "fr", [](auto, auto) {}); });
          }};
}

FuzzTarget gettext() {
  return {"gettext",
          "engine/data/fuzz/mo",
          {"\xde\x12\x04\x95", "\x95\x04\x12\xde", "\4", "charset=UTF-8\n", "charset=ISO-8859-1\n"},
          [](const std::string& text) {
            refused_or_read([&] {
              size_t sum = 0;
              for (const auto& entry : parse_mo(text, "a.mo").entries)
                for (const char c : std::string(entry.id) + std::string(entry.translation))
                  sum += static_cast<unsigned char>(c);
              static_cast<void>(sum);
            });
          }};
}

FuzzTarget idx() {
  write_atomic(work() / "a.bin", std::string("\5\0\6\0\2\0\2\0", 8));
  return {"idx",
          "engine/data/fuzz/idx",
          {std::string("MMIDIDX\0\0", 9), std::string("TNTIDX\0\0", 8), "\xff\xff\xff\xff",
           std::string("\0\0\0\x80", 4)},
          [](const std::string& text) {
            put(work() / "a.idx", text);
            refused_or_read([] {
              const FairseqFile file(work() / "a");
              for (int64_t i = 0; i < file.size(); ++i)
                file.sentence(i);
            });
          },
          512};
}

void unpack(const std::string& bytes) {
  fs::remove_all(work() / "archive");
  fs::create_directories(work() / "archive");
  put(work() / "archive" / "a", bytes);
  CorpusPlace place;
  place.downloads = work() / "archive" / "downloads";
  place.may_fetch = true;
  refused_or_read([&] { unpacked_archive(place, work() / "archive" / "a"); });
  for (const auto& entry : fs::directory_iterator(work())) {
    const std::string name = entry.path().filename().string();
    if (name != "archive" && !name.starts_with("a."))
      throw std::logic_error("an archive wrote outside of its folder: " + name);
  }
}

FuzzTarget tar() {
  return {"tar", "engine/data/fuzz/tar", {"ustar", "../", "/etc/", "00000000644"}, &unpack, 3072};
}

FuzzTarget zip() {
  return {"zip",
          "engine/data/fuzz/zip",
          {"PK\3\4", "PK\1\2", "PK\5\6", "PK\6\6", "PK\6\7", "../", "\xff\xff\xff\xff",
           std::string("\1\0\x10\0", 4), std::string("\x08\0", 2)},
          &unpack,
          1024};
}

// What the workspace holds may also be the machine's fault.
void damaged_or_read(const std::function<void()>& read) {
  try {
    read();
  } catch (const Error& error) {
    if (error.blame() == Blame::kBug) throw std::logic_error(error.what());
  }
}

FuzzTarget text() {
  return {
      "text",
      "engine/data/fuzz/text",
      {"\r\n", "\n", "\xef\xbb\xbf", std::string("\0", 1), "\xed\xa0\x80", "\xc2", "\xe2\x80\xa8"},
      [](const std::string& text) {
        put(work() / "a.text", text);
        const fs::path file = work() / "a.text";
        const auto sink = [](auto, std::string_view source, auto) {
          if (!is_valid_utf8(source)) throw std::logic_error("text that is not UTF-8");
        };
        for (const char* subset : {"train", "test"})
          refused_or_read([&] { read_aligned(file, file, subset, sink); });
        refused_or_read(
            [&] { read_published(file, file, "train", sink, [](auto, auto, auto) {}); });
      }};
}

FuzzTarget dictionary() {
  return {"dictionary",
          "engine/data/fuzz/dictionary",
          {" #fairseq:overwrite", " 1\n", " -1\n", " 99999999999999999999\n", "<unk>", "\r\n"},
          [](const std::string& text) {
            put(work() / "a.dict", text);
            refused_or_read([] {
              const auto loaded = FairseqDictionary::load(work() / "a.dict");
              for (int32_t id = 0; id < loaded.size(); ++id)
                loaded.id(loaded.symbol(id));
            });
          }};
}

FuzzTarget gzip() {
  return {"gzip",
          "engine/data/fuzz/gzip",
          {"\x1f\x8b\x08", std::string("\0\0\0\0", 4), std::string("\x03\0", 2)},
          [](const std::string& text) {
            put(work() / "a.gz", text);
            refused_or_read([] { gunzipped(work() / "a.gz"); });
          },
          512};
}

FuzzTarget tokens() {
  return {"tokens",
          "engine/data/fuzz/tokens",
          {"xptokens", std::string("\1\0\0\0", 4), std::string("\4\0\0\0", 4), "\xff\xff\xff\xff"},
          [](const std::string& text) {
            put(work() / "a.tokens", text);
            damaged_or_read([] {
              const TokenFile file(work() / "a.tokens");
              file.verify();
              for (int64_t i = 0; i < file.size(); ++i)
                file.sentence(i);
            });
          },
          512};
}

FuzzTarget pins() {
  return {"pins",
          "engine/data/fuzz/pins",
          {"[gettext]\n", "\"a|b\" = ", "package = ", "sha256 = ", "name = \"../x\"", "bytes = -1",
           "{", "}"},
          [](const std::string& text) {
            put(work() / "a.toml", text);
            damaged_or_read([] { pinned_packages(work() / "a.toml", {"a|b", "c"}); });
            parse_stanzas(text);
          }};
}

TEST_CASE("the reader of TMX survives any bytes") {
  fuzz(tmx(), kSmokeSeconds);
}
TEST_CASE("the reader of gettext catalogs survives any bytes") {
  fuzz(gettext(), kSmokeSeconds);
}
TEST_CASE("the reader of fairseq's index survives any bytes") {
  fuzz(idx(), kSmokeSeconds);
}
TEST_CASE("unpacking a tar survives any bytes and stays in its folder") {
  fuzz(tar(), kSmokeSeconds);
}
TEST_CASE("unpacking a zip survives any bytes and stays in its folder") {
  fuzz(zip(), kSmokeSeconds);
}
TEST_CASE("the reader of aligned text survives any bytes") {
  fuzz(text(), kSmokeSeconds);
}
TEST_CASE("the reader of fairseq's dictionaries survives any bytes") {
  fuzz(dictionary(), kSmokeSeconds);
}
TEST_CASE("the reader of gzip survives any bytes") {
  fuzz(gzip(), kSmokeSeconds);
}
TEST_CASE("the reader of token files survives any bytes") {
  fuzz(tokens(), kSmokeSeconds);
}
TEST_CASE("the reader of LOCK.toml and package lists survives any bytes") {
  fuzz(pins(), kSmokeSeconds);
}
TEST_CASE("the reader of aligned text survives any bytes for long", "[.][fuzz]") {
  fuzz(text(), kFuzzSeconds);
}
TEST_CASE("the reader of fairseq's dictionaries survives any bytes for long", "[.][fuzz]") {
  fuzz(dictionary(), kFuzzSeconds);
}
TEST_CASE("the reader of gzip survives any bytes for long", "[.][fuzz]") {
  fuzz(gzip(), kFuzzSeconds);
}
TEST_CASE("the reader of token files survives any bytes for long", "[.][fuzz]") {
  fuzz(tokens(), kFuzzSeconds);
}
TEST_CASE("the reader of LOCK.toml and package lists survives any bytes for long", "[.][fuzz]") {
  fuzz(pins(), kFuzzSeconds);
}
TEST_CASE("the reader of TMX survives any bytes for long", "[.][fuzz]") {
  fuzz(tmx(), kFuzzSeconds);
}
TEST_CASE("the reader of gettext catalogs survives any bytes for long", "[.][fuzz]") {
  fuzz(gettext(), kFuzzSeconds);
}
TEST_CASE("the reader of fairseq's index survives any bytes for long", "[.][fuzz]") {
  fuzz(idx(), kFuzzSeconds);
}
TEST_CASE("unpacking a tar survives any bytes for long and stays in its folder", "[.][fuzz]") {
  fuzz(tar(), kFuzzSeconds);
}
TEST_CASE("unpacking a zip survives any bytes for long and stays in its folder", "[.][fuzz]") {
  fuzz(zip(), kFuzzSeconds);
}

}  // namespace
}  // namespace xp
