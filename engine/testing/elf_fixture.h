// Small shared objects made by hand: a header, one loaded segment and one of notes.
#pragma once

#include <bit>
#include <cstring>
#include <elf.h>
#include <string>
#include <string_view>
#include <vector>

namespace xp {

struct FixtureNote {
  std::string owner;
  uint32_t type = 1;
  std::string text;
};

template <class T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

inline std::string padded(std::string bytes) {
  bytes.resize((bytes.size() + 3) / 4 * 4, '\0');
  return bytes;
}

/// A shared object of this machine with these notes.
inline std::string shared_object(const std::vector<FixtureNote>& notes) {
  std::string segment;
  for (const auto& note : notes) {
    const Elf64_Nhdr head{static_cast<Elf64_Word>(note.owner.size() + 1),
                          static_cast<Elf64_Word>(note.text.size()), note.type};
    segment += bytes_of(head) + padded(note.owner + '\0') + padded(note.text);
  }
  Elf64_Ehdr head{};
  std::memcpy(head.e_ident, ELFMAG, SELFMAG);
  head.e_ident[EI_CLASS] = ELFCLASS64;
  head.e_ident[EI_DATA] = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
  head.e_type = ET_DYN;
#if defined(__aarch64__)
  head.e_machine = EM_AARCH64;
#else
  head.e_machine = EM_X86_64;
#endif
  head.e_phoff = sizeof head;
  head.e_phentsize = sizeof(Elf64_Phdr);
  head.e_phnum = 2;
  Elf64_Phdr loaded{}, noted{};
  loaded.p_type = PT_LOAD;
  loaded.p_filesz = sizeof head + 2 * sizeof loaded + segment.size();
  noted.p_type = PT_NOTE;
  noted.p_offset = sizeof head + 2 * sizeof loaded;
  noted.p_filesz = segment.size();
  noted.p_align = 4;
  return bytes_of(head) + bytes_of(loaded) + bytes_of(noted) + segment;
}

/// The same with one stamp of a plug-in.
inline std::string stamped_object(const std::string& stamp) {
  return shared_object({{"GNU", 3, "build"}, {"xp", 1, stamp}});
}

}  // namespace xp
