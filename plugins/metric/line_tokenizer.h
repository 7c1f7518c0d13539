// The tokenizers of sacreBLEU's BLEU, by its names.
// Source: sacreBLEU 2.6.0, tokenizers/.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace xp {

/// A line to its tokens, separated by white space.
struct LineTokenizer {
  std::string signature;  ///< as sacreBLEU writes it after "tok:"
  std::function<std::string(std::string_view line)> tokenized;
};

/// "13a", "intl", "char", "zh", "none", "ja-mecab", "ko-mecab", "flores101", "flores200".
const std::vector<std::string>& line_tokenizer_names();

/// `model` is the SentencePiece model of flores101 or flores200, or the folder of mecab-ko (see
/// Mecab::korean). Raises kUser for another name, or without the model; kMachine if MeCab or its
/// dictionary is not installed. Thread: each has its own.
LineTokenizer make_line_tokenizer(const std::string& name, const std::string& model = "");

/// Lower case of every character, by its context where that matters, as Python's str.lower.
std::string lower_case(std::string_view text);

}  // namespace xp
