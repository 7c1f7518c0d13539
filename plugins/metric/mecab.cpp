// MeCab's interface for C, found by name.
// Source: mecab.h of MeCab 0.996.
#include "plugins/metric/mecab.h"

#include "engine/base/error.h"
#include "engine/base/text.h"

#include <fmt/format.h>

#include <dlfcn.h>

namespace xp {
namespace {

// Dictionaries are recognized by their words, as in sacreBLEU; Debian's has the era that began in
// 2019, too.
constexpr unsigned kIpaWords = 392'126, kDebianWords = kIpaWords + 1;
constexpr const char* kPackages = "install libmecab2 and mecab-ipadic-utf8";

struct DictionaryInfo {
  const char *file, *charset;
  unsigned size;
  int type;
  unsigned left_size, right_size;
  unsigned short version;
  DictionaryInfo* next;
};

}  // namespace

struct Mecab::Library {
  void* handle = ::dlopen("libmecab.so.2", RTLD_NOW | RTLD_LOCAL);
  void* tagger = nullptr;

  ~Library() {
    if (tagger != nullptr) function<void(void*)>("mecab_destroy")(tagger);
    if (handle != nullptr) ::dlclose(handle);
  }

  template <class Signature>
  Signature* function(const char* name) const {
    auto* found = reinterpret_cast<Signature*>(::dlsym(handle, name));
    if (found == nullptr) machine_error("libmecab.so.2 has no '{}'; {}", name, kPackages);
    return found;
  }
};

Mecab::Mecab() : library_(std::make_unique<Library>()) {
  if (library_->handle == nullptr)
    machine_error("tokenizer 'ja-mecab' needs MeCab, which is not here; {}", kPackages);
  library_->tagger = library_->function<void*(const char*)>("mecab_new2")(
      "-r /dev/null -d /var/lib/mecab/dic/ipadic-utf8 -Owakati");
  if (library_->tagger == nullptr)
    machine_error("MeCab finds no dictionary in '/var/lib/mecab/dic/ipadic-utf8'; {}", kPackages);
  const auto* about =
      library_->function<const DictionaryInfo*(void*)>("mecab_dictionary_info")(library_->tagger);
  if ((about->size != kIpaWords && about->size != kDebianWords) || about->next != nullptr) {
    user_error("'{}' has {} words and should be the IPA dictionary, which has {} or {}; {}",
               about->file, about->size, kIpaWords, kDebianWords, kPackages);
  }
}

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
