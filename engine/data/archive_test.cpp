// Archives of every format, whole, damaged and hostile; packed here with libarchive.
#include "engine/data/archive.h"

#include "engine/base/file.h"
#include "engine/base/process.h"
#include "engine/testing/file_size_limit.h"
#include "engine/testing/message.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <archive.h>
#include <archive_entry.h>
#include <clocale>
#include <zlib.h>

namespace xp {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;

struct Member {
  std::string name, text;
  unsigned type = AE_IFREG;
  std::string link{};
};

struct ArchiveTest {
  TempFolder folder;
  CorpusPlace place;

  ArchiveTest() {
    place.downloads = folder.path() / "downloads";
    place.may_fetch = true;
  }
  // The format by the name's ending.
  fs::path pack(const std::string& name, const std::vector<Member>& members) const {
    const locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    const locale_t before = ::uselocale(utf8);
    const fs::path path = folder.path() / name;
    struct archive* out = ::archive_write_new();
    if (name.ends_with(".zst")) {
      REQUIRE(::archive_write_add_filter_zstd(out) == ARCHIVE_OK);
      REQUIRE(::archive_write_set_format_pax_restricted(out) == ARCHIVE_OK);
    } else {
      REQUIRE(::archive_write_set_format_filter_by_ext(out, name.c_str()) == ARCHIVE_OK);
    }
    REQUIRE(::archive_write_open_filename(out, path.c_str()) == ARCHIVE_OK);
    for (const auto& member : members) {
      struct archive_entry* entry = ::archive_entry_new();
      ::archive_entry_set_pathname(entry, member.name.c_str());
      ::archive_entry_set_filetype(entry, member.type);
      ::archive_entry_set_perm(entry, 0644);
      ::archive_entry_set_size(entry, static_cast<int64_t>(member.text.size()));
      if (member.type == AE_IFLNK) ::archive_entry_set_symlink(entry, member.link.c_str());
      if (member.type != AE_IFLNK && !member.link.empty())
        ::archive_entry_set_hardlink(entry, member.link.c_str());
      REQUIRE(::archive_write_header(out, entry) == ARCHIVE_OK);
      ::archive_write_data(out, member.text.data(), member.text.size());
      ::archive_entry_free(entry);
    }
    REQUIRE(::archive_write_close(out) == ARCHIVE_OK);
    ::archive_write_free(out);
    ::uselocale(before);
    ::freelocale(utf8);
    return path;
  }
  std::string unpacking(const fs::path& archive) const {
    return message_of([&] { unpacked_archive(place, archive); });
  }
  bool is_nothing_left() const {
    for (const auto& entry : fs::directory_iterator(place.downloads / "unpacked"))
      if (entry.path().extension() != ".lock") return false;
    return true;
  }
};

std::string words(size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i)
    out += std::to_string(i * 7919 % 10007) + (i % 9 == 8 ? '\n' : ' ');
  return out;
}

const std::vector<std::string> kFormats = {"a.tar",    "a.tar.gz",  "a.tar.bz2",
                                           "a.tar.xz", "a.tar.zst", "a.zip"};

TEST_CASE_METHOD(ArchiveTest, "every format is unpacked, a single folder in it is the corpus") {
  for (const auto& format : kFormats) {
    INFO(format);
    const fs::path archive =
        pack(format, {{"top/", "", AE_IFDIR}, {"top/a.en", words(9000)}, {"top/é.fr", "un\n"}});
    const fs::path top = unpacked_archive(place, archive);
    CHECK(top.filename() == "top");
    CHECK(read_file(top / "a.en") == words(9000));
    CHECK(read_file(top / "é.fr") == "un\n");
    CHECK(archive_files(archive) == std::vector<std::string>{"top/a.en", "top/é.fr"});
  }
}

TEST_CASE_METHOD(ArchiveTest, "tars put one after the other have the members of all") {
  const std::string first = read_file(pack("a.tar", {{"a.en", "one\n"}}));
  const std::string second = read_file(pack("b.tar", {{"a.fr", "un\n"}}));
  const fs::path both = folder.path() / "both.tar";
  write_atomic(both, first + second);
  CHECK(archive_files(both) == std::vector<std::string>{"a.en", "a.fr"});
}

TEST_CASE_METHOD(ArchiveTest, "an archive that is cut short anywhere is refused, nothing is left") {
  for (const auto& format : kFormats) {
    const std::string whole =
        read_file(pack(format, {{"a.en", words(9000)}, {"b.en", words(900)}, {"c.en", ""}}));
    for (size_t tenth = 1; tenth < 10; ++tenth) {
      INFO(format << " cut at " << tenth << "/10");
      const fs::path cut = folder.path() / ("cut" + format);
      // A plain tar also where a member ends and the next one could begin.
      const size_t length = whole.size() * tenth / 10;
      write_atomic(cut, whole.substr(0, format == "a.tar" ? length / 512 * 512 : length));
      CHECK_THAT(unpacking(cut), ContainsSubstring("cannot be unpacked, it is cut short"));
    }
  }
  CHECK(is_nothing_left());
}

TEST_CASE_METHOD(ArchiveTest, "a flipped bit in a member is noticed") {
  for (const char* format : {"a.tar.gz", "a.tar.bz2", "a.tar.xz", "a.zip"}) {
    INFO(format);
    const fs::path archive = pack(format, {{"a.en", words(9000)}});
    std::string bytes = read_file(archive);
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
    write_atomic(archive, bytes);
    CHECK_THAT(unpacking(archive), ContainsSubstring("damaged"));
  }
}

TEST_CASE_METHOD(ArchiveTest, "what is not an archive is refused") {
  const fs::path file = folder.path() / "a.zip";
  for (const char* bytes : {"", "PK\3\4", "some text\n"}) {
    write_atomic(file, bytes);
    CHECK_THAT(unpacking(file), ContainsSubstring("is cut short, damaged or neither tar nor zip"));
  }
}

TEST_CASE_METHOD(ArchiveTest, "names that lead out of an archive and links are refused") {
  for (const char* format : {"a.tar", "a.zip"}) {
    for (const char* name : {"../x", "/x", "a/../../x", "a/b/../../../x"}) {
      const fs::path archive = pack(format, {{"a.en", "one\n"}, {name, "two\n"}});
      CHECK(unpacking(archive) == "archive '" + archive.string() + "' holds '" + name +
                                      "', a name that leads out of it; pack it anew");
    }
    const fs::path archive =
        pack(format, {{"a.en", "one\n"}, {"b.en", "", AE_IFLNK, "/etc/hostname"}});
    CHECK(unpacking(archive) ==
          "archive '" + archive.string() +
              "' holds 'b.en', which is neither a file nor a folder; pack it without links");
  }
  CHECK_THAT(unpacking(pack("a.tar", {{"a.en", "one\n"}, {"b.en", "", AE_IFREG, "a.en"}})),
             EndsWith("holds 'b.en', which is neither a file nor a folder; pack it without links"));
  CHECK(is_nothing_left());
}

// What an archive says of its member's size, in place of the truth.
void lie(const fs::path& archive, size_t at, const std::string& bytes) {
  std::string all = read_file(archive);
  write_atomic(archive, all.replace(at, bytes.size(), bytes));
}

TEST_CASE_METHOD(ArchiveTest, "what says to be huge is refused before it is unpacked") {
  const std::string refusal =
      "' would grow to more than 1.1 GB; it is made to fill a disk, or is not text";
  const fs::path zip = pack("a.zip", {{"a.en", words(900)}});
  const std::string bytes = read_file(zip);
  const size_t listed = bytes.find("PK\1\2");
  lie(zip, listed + 24, "\xf0\xff\xff\xff");
  lie(zip, 22, "\xf0\xff\xff\xff");
  CHECK_THAT(unpacking(zip), EndsWith(refusal));

  const fs::path tar = pack("a.tar", {{"a.en", words(900)}});
  std::string header = read_file(tar).substr(0, 512);
  header.replace(124, 12, std::string("77777777777\0", 12)).replace(148, 8, "        ");
  int sum = 0;
  for (const char c : header)
    sum += static_cast<unsigned char>(c);
  header.replace(148, 7, fmt::format("{:06o}", sum) + '\0');
  lie(tar, 0, header);
  CHECK_THAT(unpacking(tar), EndsWith(refusal));
}

TEST_CASE_METHOD(ArchiveTest, "more than was declared is damage") {
  const fs::path zip = pack("a.zip", {{"a.en", words(900)}});
  const std::string bytes = read_file(zip);
  for (const size_t at : {bytes.find("PK\1\2") + 24, size_t{22}})
    lie(zip, at, std::string("\x01\0\0\0", 4));
  CHECK_THAT(unpacking(zip), ContainsSubstring("damaged"));
}

TEST_CASE_METHOD(ArchiveTest, "a file below a file is refused") {
  const fs::path archive = pack("a.zip", {{"a", "one\n"}, {"a/b", "two\n"}});
  CHECK(unpacking(archive) == "archive '" + archive.string() +
                                  "' holds 'a/b', which cannot be unpacked: Not a directory");
}

TEST_CASE_METHOD(ArchiveTest, "a disk that fills up while unpacking is the machine's fault") {
  const fs::path archive = pack("a.zip", {{"a.en", words(90'000)}});
  const fs::path gzip = pack("b.tar.gz", {{"a.en", words(90'000)}});
  const FileSizeLimit limit(100'000);
  CHECK(unpacking(archive) ==
        "unpacking '" + archive.string() + "': writing 'a.en': File too large");
  CHECK(message_of([&] { uncompressed(place, gzip); }) ==
        "unpacking '" + gzip.string() + "': File too large");
  CHECK(is_nothing_left());
}

TEST_CASE_METHOD(ArchiveTest, "what a killed unpacking left goes with the next one") {
  const fs::path archive = pack("a.tar.gz", {{"a.en", "one\n"}, {"b.en", "two\n"}});
  const fs::path made = unpacked_archive(place, archive);
  fs::remove_all(made);
  const fs::path left = made.parent_path() / ("." + made.filename().string() + ".99.new");
  write_atomic(left / "a.en", "on");
  CHECK(read_file(unpacked_archive(place, archive) / "a.en") == "one\n");
  CHECK_FALSE(fs::exists(left));
}

TEST_CASE_METHOD(ArchiveTest, "single members are unpacked by themselves, all must be there") {
  const fs::path archive = pack("a.tar.xz", {{"./a.en", "one\n"}, {"b/c.en", "two\n"}});
  const fs::path top = unpacked_archive(place, archive, {"a.en"});
  CHECK(read_file(top / "a.en") == "one\n");
  CHECK_FALSE(fs::exists(top / "b"));
  CHECK(message_of([&] {
          unpacked_archive(place, archive, {"a.en", "d.en"});
        }) == "archive '" + archive.string() + "' has no 'd.en'");
}

TEST_CASE_METHOD(ArchiveTest, "a gzip file that is cut short or has other content is refused") {
  const fs::path whole = pack("a.tar.gz", {{"a.en", words(900)}}), cut = folder.path() / "b.gz";
  const std::string bytes = read_file(whole);
  CHECK(gunzipped(whole).size() % 512 == 0);
  write_atomic(cut, bytes.substr(0, bytes.size() / 2));
  CHECK_THAT(message_of([&] { gunzipped(cut); }), ContainsSubstring("' is damaged: "));
  std::string other = bytes;
  other[other.size() - 6] = static_cast<char>(other[other.size() - 6] ^ 1);  // of the checksum
  write_atomic(cut, other);
  CHECK_THAT(message_of([&] { gunzipped(cut); }),
             EndsWith("incorrect data check; fetch or compress it again"));
}

TEST_CASE_METHOD(ArchiveTest, "all members of a gzip file are read, and none is lost to damage") {
  const fs::path file = folder.path() / "a.gz";
  const auto packed = [&](const std::string& text) {
    const gzFile out = ::gzopen(file.c_str(), "wb");
    ::gzwrite(out, text.data(), static_cast<unsigned>(text.size()));
    ::gzclose(out);
    return read_file(file);
  };
  const std::string first = packed("one\n"), second = packed("two\n");
  write_atomic(file, first + second + std::string(600, '\0'));  // tapes pad with zeros
  CHECK(gunzipped(file) == "one\ntwo\n");
  std::string damaged = first + second;
  damaged[first.size()] = '\x1e';
  write_atomic(file, damaged);
  CHECK(message_of([&] { gunzipped(file); }) ==
        "gzip file '" + file.string() +
            "' is damaged: 24 bytes after member 1 are not gzip; fetch or compress it again");
  damaged[first.size()] = '\x1f';
  damaged[first.size() + 12] ^= 0x55;
  write_atomic(file, damaged);
  CHECK_THAT(message_of([&] { gunzipped(file); }), ContainsSubstring("' is damaged: "));
}

TEST_CASE_METHOD(ArchiveTest, "a tar whose second compressed part is damaged is refused") {
  const std::string tar = read_file(pack("a.tar", {{"a.en", words(100)}, {"b.en", words(100)}}));
  const size_t border = 512 + (words(100).size() + 511) / 512 * 512;
  for (const std::string program : {"gzip", "bzip2"}) {
    INFO(program);
    std::string parts;
    for (const auto& part : {tar.substr(0, border), tar.substr(border)}) {
      write_atomic(folder.path() / "part", part);
      const Finished packed = run_program({program, "-c", (folder.path() / "part").string()});
      REQUIRE(packed.exit_code == 0);
      parts += packed.output;
      if (part.size() > border) parts[parts.size() - packed.output.size()] = '!';
    }
    const fs::path archive = folder.path() / ("parts-" + program);
    write_atomic(archive, parts);
    CHECK_THAT(unpacking(archive), ContainsSubstring("cannot be unpacked, it is cut short"));
  }
}

}  // namespace
}  // namespace xp
