// Throws texts at a reader. The preset `fuzz` leaves it to libFuzzer to make them; any other build
// reads the files of the corpus and no more.
//
//   TEST_CASE("the reader survives any text") { fuzz(target(), kSmokeSeconds); }
//   TEST_CASE("the reader survives any text for long", "[.][fuzz]") {
//     fuzz(target(), kFuzzSeconds);
//   }
//
// The reader must return, or throw what it says it throws, whatever it is given; a crash, a leak, a
// sanitizer's finding or a text that takes more than kHangSeconds ends the program, and libFuzzer
// names the file in which it keeps the text. `make test` fuzzes the cases named "... survives any
// ..." shortly, `make fuzz` those labelled fuzz.
#pragma once

#include "engine/base/file.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#ifdef XP_LIBFUZZER
extern "C" int LLVMFuzzerRunDriver(int* count, char*** words, int (*read)(const uint8_t*, size_t));
#endif

namespace xp {

/// What is fuzzed: `read` gets each text; texts start from the files of `corpus` (a folder,
/// relative to the source tree) and are put together with the words of the format.
struct FuzzTarget {
  std::string name;
  fs::path corpus;
  std::vector<std::string> words;
  std::function<void(const std::string& text)> read;
  size_t longest = 4096;
};

inline constexpr int kSmokeSeconds = 20;
inline constexpr int kFuzzSeconds = 600;
inline constexpr int kHangSeconds = 20;

#ifdef XP_LIBFUZZER

/// A word as a line of libFuzzer's dictionary.
inline std::string dictionary_line(const std::string& word) {
  std::string out;
  for (const unsigned char c : word)
    out += fmt::format("\\x{:02X}", c);
  return "\"" + out + "\"\n";
}

/// Fuzzes and ends the process: with 0 if nothing was found in so many seconds.
[[noreturn]] inline void fuzz(const FuzzTarget& target, int seconds) {
  static const TempFolder folder;  // removed by exit()
  static const FuzzTarget* reader = nullptr;
  reader = &target;
  std::string dictionary;
  for (const auto& word : target.words)
    dictionary += dictionary_line(word);
  write_atomic(folder.path() / "words", dictionary);
  fs::create_directories(folder.path() / "kept");
  const fs::path findings = fs::temp_directory_path() / ("xp-fuzz-" + target.name + "-");
  std::vector<std::string> words = {target.name,
                                    fmt::format("-max_total_time={}", seconds),
                                    fmt::format("-max_len={}", target.longest),
                                    fmt::format("-timeout={}", kHangSeconds),
                                    "-dict=" + (folder.path() / "words").string(),
                                    "-artifact_prefix=" + findings.string(),
                                    "-print_final_stats=1",
                                    (folder.path() / "kept").string(),
                                    target.corpus.string()};
  std::vector<char*> pointers;
  for (auto& word : words)
    pointers.push_back(word.data());
  int count = static_cast<int>(pointers.size());
  char** first = pointers.data();
  const int code =
      LLVMFuzzerRunDriver(&count, &first, [](const uint8_t* bytes, size_t size) noexcept {
        reader->read(std::string(reinterpret_cast<const char*>(bytes), size));
        return 0;
      });
  std::exit(code);
}

#else

/// Reads every file of the corpus.
inline void fuzz(const FuzzTarget& target, int) {
  for (const auto& entry : fs::directory_iterator(target.corpus))
    target.read(read_file(entry.path()));
}

#endif

}  // namespace xp
