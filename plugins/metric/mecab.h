// Japanese words by MeCab with the IPA dictionary, as in sacreBLEU's ja-mecab.
//
// The library is loaded when it is needed (Debian: libmecab2, mecab-ipadic-utf8), so that nobody
// else has to have it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace xp {

class Mecab {
 public:
  /// Raises kMachine, naming the packages, if the library or its dictionary is not installed, and
  /// kUser if the dictionary is another one.
  Mecab();
  ~Mecab();
  Mecab(const Mecab&) = delete;
  Mecab& operator=(const Mecab&) = delete;

  std::string version() const;
  /// The words of a line, separated by spaces.
  std::string words(std::string_view line) const;

 private:
  struct Library;
  std::unique_ptr<Library> library_;
};

}  // namespace xp
