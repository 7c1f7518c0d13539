// The default encoder, which caches nothing.
#include "registry/tokenizer.h"

namespace xp {
namespace {

struct PlainEncoder final : Encoder {
  explicit PlainEncoder(const Vocabulary& used) : vocabulary(used) {}
  void encode(std::string_view text, std::vector<int32_t>& ids) override {
    const auto found = vocabulary.encode(text);
    ids.insert(ids.end(), found.begin(), found.end());
  }
  const Vocabulary& vocabulary;
};

}  // namespace

std::unique_ptr<Encoder> Vocabulary::encoder() const {
  return std::make_unique<PlainEncoder>(*this);
}

}  // namespace xp
