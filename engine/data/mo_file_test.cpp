// Catalogs, whole and damaged.
#include "engine/data/mo_file.h"

#include "engine/base/error.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <algorithm>

namespace xp {
namespace {

using Catch::Matchers::Message;
using Entries = std::vector<std::pair<std::string, std::string>>;

std::string word(uint32_t value, bool is_big) {
  std::string out;
  for (int i = 0; i < 4; ++i)
    out += static_cast<char>(value >> (8 * i));
  if (is_big) std::reverse(out.begin(), out.end());
  return out;
}

// What msgfmt writes: a header of 28 bytes, both tables, then the texts.
std::string catalog(const Entries& entries, bool is_big = false) {
  const auto count = static_cast<uint32_t>(entries.size());
  std::string ids, translations, texts;
  const uint32_t start = 28 + 16 * count;
  const auto put = [&](std::string& table, const std::string& text) {
    table += word(static_cast<uint32_t>(text.size()), is_big) +
             word(start + static_cast<uint32_t>(texts.size()), is_big);
    texts += text + '\0';
  };
  for (const auto& [id, translation] : entries)
    put(ids, id);
  for (const auto& [id, translation] : entries)
    put(translations, translation);
  std::string out;
  for (const uint32_t value : {0x950412DEu, 0u, count, 28u, 28 + 8 * count, 0u, start})
    out += word(value, is_big);
  return out + ids + translations + texts;
}

const Entries kSmall = {{"", "Content-Type: text/plain; charset=UTF-8\nX: y\n"},
                        {"File", "Fichier"},
                        {"menu\x04Open", "Ouvrir"}};

TEST_CASE("a catalog of either endianness gives its entries and charset") {
  for (const bool is_big : {false, true}) {
    const std::string bytes = catalog(kSmall, is_big);
    const MoCatalog read = parse_mo(bytes, "a.mo");
    CHECK(read.charset == "UTF-8");
    REQUIRE(read.entries.size() == 2);
    CHECK(read.entries[0].id == "File");
    CHECK(read.entries[0].translation == "Fichier");
    CHECK(read.entries[1].id == "menu\x04Open");
  }
}

TEST_CASE("a catalog cut at any byte is refused by name") {
  const std::string whole = catalog(kSmall);
  for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
    CAPTURE(bytes);
    CHECK_THROWS_AS(parse_mo(std::string_view(whole).substr(0, bytes), "a.mo"), Error);
  }
}

TEST_CASE("a catalog with any byte changed is read or refused, but harmless") {
  const std::string whole = catalog(kSmall);
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const int change : {0x01, 0x80, 0xFF}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ change);
      try {
        for (const auto& entry : parse_mo(changed, "a.mo").entries)
          CHECK(entry.id.size() + entry.translation.size() < 2 * whole.size());
      } catch (const Error& error) {
        CHECK(error.blame() == Blame::kUser);
      }
    }
  }
}

TEST_CASE("what is wrong is named with file and offset") {
  CHECK_THROWS_MATCHES(
      parse_mo("not a catalog", "b.mo"), Error,
      Message(
          "catalog 'b.mo' is malformed at byte 0: this is not a .mo file; replace or remove it"));
  CHECK_THROWS_MATCHES(
      parse_mo(std::string_view(catalog(kSmall)).substr(0, 10), "b.mo"), Error,
      Message("catalog 'b.mo' is malformed at byte 8: the file ends here; replace or remove it"));
  std::string far = catalog(kSmall);
  far.replace(8, 4, "\xff\xff\xff\xff");
  CHECK_THROWS_MATCHES(parse_mo(far, "b.mo"), Error,
                       Message("catalog 'b.mo' is malformed at byte 12: a table lies outside the "
                               "file; replace or remove it"));
}

}  // namespace
}  // namespace xp
