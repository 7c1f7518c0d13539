// Notes are found, and no file makes the reader do anything but answer.
#include "engine/base/elf.h"

#include "engine/base/file.h"
#include "engine/testing/elf_fixture.h"
#include "engine/testing/fuzz.h"

#include <catch2/catch_test_macros.hpp>

#include <cstddef>

namespace xp {
namespace {

using Texts = std::vector<std::string>;

// A whole file with this value in a field of its header.
template <class T>
std::string changed(size_t offset, T value) {
  std::string file = shared_object({{"xp", 1, "text"}});
  file.replace(offset, sizeof value, bytes_of(value));
  return file;
}

size_t in_notes(size_t offset) {
  return sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + offset;
}

FuzzTarget files() {
  return {"elf",
          "engine/base/fuzz/elf",
          {std::string("\x7f"
                       "ELF\2\1\1",
                       7),
           std::string("\4\0\0\0", 4), std::string("xp\0\0", 4), std::string("\xff\xff\xff\xff", 4),
           std::string("\1\0\0\0\4\0\0\0", 8)},
          [](const std::string& text) { elf_notes(text, "xp", 1); }};
}

TEST_CASE("notes are found by owner and type, in order") {
  const std::string file = shared_object(
      {{"GNU", 1, "other owner"}, {"xp", 1, "first"}, {"xp", 2, "other type"}, {"xp", 1, ""}});
  CHECK(elf_notes(file, "xp", 1) == Texts{"first", ""});
  CHECK(elf_notes(file, "xp", 3) == Texts{});
}

TEST_CASE("this program has the notes that its compiler and linker gave it") {
  const auto notes = elf_notes(read_file("/proc/self/exe"), "GNU", NT_GNU_ABI_TAG);
  if (!notes) SKIP("not a position-independent program");
  REQUIRE(notes->size() == 1);
  CHECK(notes->front().size() == 16);
}

TEST_CASE("what is no shared object of this machine has no answer") {
  CHECK_FALSE(elf_notes("", "xp", 1));
  CHECK_FALSE(elf_notes("#!/bin/sh\necho hello\n", "xp", 1));
  CHECK_FALSE(elf_notes(changed<unsigned char>(EI_CLASS, ELFCLASS32), "xp", 1));
  CHECK_FALSE(elf_notes(changed<uint16_t>(offsetof(Elf64_Ehdr, e_machine), EM_S390), "xp", 1));
  CHECK_FALSE(elf_notes(changed<uint16_t>(offsetof(Elf64_Ehdr, e_type), ET_REL), "xp", 1));
}

TEST_CASE("a file that was cut short anywhere has no answer") {
  const std::string file = shared_object({{"xp", 1, "text"}});
  REQUIRE(elf_notes(file, "xp", 1) == Texts{"text"});
  for (size_t size = 0; size < file.size(); ++size)
    CHECK_FALSE(elf_notes(file.substr(0, size), "xp", 1));
}

TEST_CASE("tables that point outside of the file have no answer") {
  constexpr uint64_t kFar = ~uint64_t{0} - 8;
  CHECK_FALSE(elf_notes(changed(offsetof(Elf64_Ehdr, e_phoff), kFar), "xp", 1));
  CHECK_FALSE(elf_notes(changed(offsetof(Elf64_Ehdr, e_phnum), uint16_t{65535}), "xp", 1));
  CHECK_FALSE(elf_notes(changed(in_notes(offsetof(Elf64_Phdr, p_offset)), kFar), "xp", 1));
  CHECK_FALSE(elf_notes(changed(in_notes(offsetof(Elf64_Phdr, p_filesz)), kFar), "xp", 1));
  const size_t text_size = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr) + 4;
  CHECK_FALSE(elf_notes(changed(text_size, ~uint32_t{0}), "xp", 1));
}

TEST_CASE("the reader survives any file") {
  fuzz(files(), kSmokeSeconds);
}

TEST_CASE("the reader survives any file for long", "[.][fuzz]") {
  fuzz(files(), kFuzzSeconds);
}

}  // namespace
}  // namespace xp
