// Throws mutated texts at a reader. Where the code is built with coverage (the preset `asan`) a
// text that reaches something new is kept and mutated further; elsewhere mutation is blind.
//
//   TEST_CASE("the reader survives any text") { fuzz(target(), kSmokeSeconds); }
//   TEST_CASE("the reader survives any text for long", "[.][fuzz]") {
//     fuzz(target(), kFuzzSeconds);
//   }
//
// The reader must return, or throw what it says it throws, whatever it is given; a crash, a
// sanitizer's finding or a call of more than kHangSeconds ends the program, and the text that did
// it lies in the file named on standard error. The same seed makes the same texts.
#pragma once

#include "engine/base/file.h"
#include "engine/base/hash.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

// How often each branch ran (engine/testing/coverage); absent where the build notes nothing.
extern "C" __attribute__((weak)) unsigned char xp_coverage_map[1 << 14];

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

#ifdef __SANITIZE_ADDRESS__
inline constexpr double kSmokeSeconds = 20;  ///< in `make test`, under the sanitizers
#else
inline constexpr double kSmokeSeconds = 0.2;
#endif
inline constexpr double kFuzzSeconds = 600;  ///< in `make fuzz`
inline constexpr unsigned kHangSeconds = 20;

struct FuzzResult {
  size_t runs = 0, kept = 0;  ///< texts tried; texts that reached something new
};

class Fuzzer {
 public:
  explicit Fuzzer(const FuzzTarget& target)
      : target_(target), random_(seed_for(1, "fuzz." + target.name)) {
    path_ = fs::temp_directory_path() / fmt::format("xp-fuzz-{}-{}", target.name, ::getpid());
    write_atomic(path_, std::string(kSlot, '\0'));
    file_ = std::fopen(path_.c_str(), "r+");
    void* slot = ::mmap(nullptr, kSlot, PROT_READ | PROT_WRITE, MAP_SHARED, ::fileno(file_), 0);
    slot_ = slot == MAP_FAILED ? nullptr : static_cast<char*>(slot);
    fmt::print(stderr, "fuzz {}: the text being read lies in {}\n", target.name, path_.string());
  }
  Fuzzer(const Fuzzer&) = delete;
  Fuzzer& operator=(const Fuzzer&) = delete;
  ~Fuzzer() {
    ::alarm(0);
    if (slot_ != nullptr) ::munmap(slot_, kSlot);
    std::fclose(file_);
    fs::remove(path_);
  }

  FuzzResult run(double seconds) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(target_.corpus))
      files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const auto& file : files) {
      pool_.push_back(read_file(file));
      attempt(pool_.back());
    }
    if (pool_.empty()) pool_.emplace_back();
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    while (std::chrono::steady_clock::now() < end) {
      std::string text = pool_[below(pool_.size())];
      for (size_t i = 0, count = 1 + below(6); i < count; ++i)
        mutate(text);
      text.resize(std::min(text.size(), target_.longest));
      if (!attempt(text)) continue;
      ++result_.kept;
      pool_.push_back(std::move(text));
    }
    return result_;
  }

 private:
  static constexpr size_t kSlot = 1 << 20, kMap = 1 << 14;

  size_t below(size_t count) { return count == 0 ? 0 : random_() % count; }

  // Whether the text reached something new.
  bool attempt(const std::string& text) {
    if (slot_ != nullptr) {
      std::memcpy(slot_, text.data(), std::min(text.size(), kSlot));
      if (text.size() < kSlot) slot_[text.size()] = '\0';
    }
    const bool has_map = xp_coverage_map != nullptr;
    if (has_map) std::memset(xp_coverage_map, 0, kMap);
    ::alarm(kHangSeconds);
    target_.read(text);
    ++result_.runs;
    bool is_new = false;
    std::array<uint64_t, kMap / 8> counts{};  // a copy: this loop counts, too
    if (has_map) std::memcpy(counts.data(), xp_coverage_map, kMap);
    for (size_t i = 0; i < counts.size(); ++i) {
      for (size_t byte = 8 * i; counts[i] != 0; ++byte, counts[i] >>= 8) {
        const unsigned char bucket = bucket_of(static_cast<unsigned char>(counts[i] & 0xff));
        is_new = is_new || (bucket & ~seen_[byte]) != 0;
        seen_[byte] = static_cast<unsigned char>(seen_[byte] | bucket);
      }
    }
    return is_new;
  }

  // How often an edge ran matters by powers of two: one bit each.
  static unsigned char bucket_of(unsigned char count) {
    if (count == 0) return 0;
    unsigned char bit = 1;
    while (count > 1 && bit < 128) {
      count = static_cast<unsigned char>(count >> 1);
      bit = static_cast<unsigned char>(bit << 1);
    }
    return bit;
  }

  void mutate(std::string& text) {
    const size_t at = below(text.size() + 1), length = below(text.size() - at + 1);
    switch (below(8)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
        break;
      case 1:
        text.insert(at, 1, static_cast<char>(random_() & 0xff));
        break;
      case 2:
        text.erase(at, below(2) == 0 ? 1 : length);
        break;
      case 3:
        text.insert(below(text.size() + 1), text.substr(at, length));
        break;
      case 4: {
        const std::string& other = pool_[below(pool_.size())];
        const size_t from = below(other.size() + 1);
        text.insert(at, other.substr(from, below(other.size() - from + 1)));
        break;
      }
      case 5: {
        static const char* const kNumbers[] = {"0",   "-1",  "1e308", "9223372036854775807",
                                               "nan", "inf", "1e-9",  "-9223372036854775808"};
        text.insert(at, kNumbers[below(std::size(kNumbers))]);
        break;
      }
      default:
        if (target_.words.empty()) break;
        const std::string& word = target_.words[below(target_.words.size())];
        text.replace(at, below(2) == 0 ? 0 : std::min(length, word.size()), word);
    }
  }

  const FuzzTarget& target_;
  std::mt19937_64 random_;
  fs::path path_;
  std::FILE* file_ = nullptr;
  char* slot_ = nullptr;
  std::vector<std::string> pool_;
  std::array<unsigned char, kMap> seen_{};
  FuzzResult result_;
};

/// Reads every file of the corpus, then mutated texts for `seconds`; says how many on standard
/// error.
inline FuzzResult fuzz(const FuzzTarget& target, double seconds) {
  const FuzzResult result = Fuzzer(target).run(seconds);
  fmt::print(stderr, "fuzz {}: {} texts, {} reached something new\n", target.name, result.runs,
             result.kept);
  return result;
}

}  // namespace xp
