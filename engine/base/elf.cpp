// Every offset and size of the file is compared with what there is before it is used, and tables
// larger than any linker makes are refused, so that no file takes long either.
#include "engine/base/elf.h"

#include <bit>
#include <cstring>
#include <elf.h>

namespace xp {
namespace {

#if defined(__x86_64__)
constexpr uint16_t kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr uint16_t kMachine = EM_AARCH64;
#else
constexpr uint16_t kMachine = EM_NONE;
#endif
constexpr unsigned char kEndian =
    std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;

constexpr uint16_t kMaxSegments = 256;
constexpr size_t kMaxNoteBytes = 1 << 20;

// `size` bytes from `at` on, or nothing if they are not all there.
std::optional<std::string_view> piece(std::string_view bytes, uint64_t at, uint64_t size) {
  if (at > bytes.size() || size > bytes.size() - at) return std::nullopt;
  return bytes.substr(static_cast<size_t>(at), static_cast<size_t>(size));
}

template <class T>
std::optional<T> structure(std::string_view bytes, uint64_t at) {
  const auto found = piece(bytes, at, sizeof(T));
  if (!found) return std::nullopt;
  T out;
  std::memcpy(&out, found->data(), sizeof(T));
  return out;
}

// The notes of one segment; false if one reaches over its end. Linkers put notes of 4 and of 8
// bytes' alignment into one segment, and what lies between them depends on the linker: a note is
// looked for at every place where one may begin.
bool read_notes(std::string_view segment, std::string_view owner, uint32_t type,
                std::vector<std::string>& out) {
  constexpr uint64_t kStep = 4;
  const std::string name = std::string(owner) + '\0';
  const uint64_t text_in_note = sizeof(Elf64_Nhdr) + (name.size() + kStep - 1) / kStep * kStep;
  for (uint64_t at = 0; at < segment.size(); at += kStep) {
    const auto head = structure<Elf64_Nhdr>(segment, at);
    if (!head) return true;
    if (head->n_type != type || head->n_namesz != name.size()) continue;
    if (piece(segment, at + sizeof(Elf64_Nhdr), name.size()) != name) continue;
    const auto text = piece(segment, at + text_in_note, head->n_descsz);
    if (!text) return false;
    out.emplace_back(*text);
  }
  return true;
}

bool is_ours(const Elf64_Ehdr& head) {
  return std::memcmp(head.e_ident, ELFMAG, SELFMAG) == 0 && head.e_ident[EI_CLASS] == ELFCLASS64 &&
         head.e_ident[EI_DATA] == kEndian && head.e_type == ET_DYN && head.e_machine == kMachine &&
         head.e_phentsize == sizeof(Elf64_Phdr);
}

}  // namespace

std::optional<std::vector<std::string>> elf_notes(std::string_view file, std::string_view owner,
                                                  uint32_t type) {
  const auto head = structure<Elf64_Ehdr>(file, 0);
  if (!head || !is_ours(*head)) return std::nullopt;
  if (head->e_phoff > file.size() || head->e_phnum > kMaxSegments) return std::nullopt;
  std::vector<std::string> out;
  for (uint64_t i = 0; i < head->e_phnum; ++i) {
    const auto segment = structure<Elf64_Phdr>(file, head->e_phoff + i * sizeof(Elf64_Phdr));
    if (!segment) return std::nullopt;
    const auto bytes = piece(file, segment->p_offset, segment->p_filesz);
    const bool counts = segment->p_type == PT_LOAD || segment->p_type == PT_NOTE;
    if (counts && !bytes) return std::nullopt;
    if (segment->p_type != PT_NOTE) continue;
    if (bytes->size() > kMaxNoteBytes) return std::nullopt;
    if (!read_notes(*bytes, owner, type, out)) return std::nullopt;
  }
  return out;
}

}  // namespace xp
