// Ranks send their counts as text: it is rare, and needs no agreement about sizes.
#include "engine/train/exchange_log.h"

#include "engine/base/json_text.h"
#include "engine/comm/gather.h"
#include "results/runs/exchange_record.h"

namespace xp {
namespace {

constexpr int64_t kFirst = 10;

std::string text_of(const std::map<std::string, SentRows>& sent) {
  Value out = Value::object();
  for (const auto& [name, part] : sent) {
    out[name] = {{"width", part.width},
                 {"value_bytes", part.value_bytes},
                 {"tokens", part.tokens},
                 {"rows", part.rows_E},
                 {"crossing", part.crossing_M}};
  }
  return json_text(out);
}

void add_rank(const std::string& text, ExchangeRecord& out) {
  const Value sent = Value::parse(text);
  for (const auto& [name, value] : sent.items()) {
    const size_t dot = name.rfind('.');
    PartRecord& part = out.layers[name.substr(0, dot)][name.substr(dot + 1)];
    part.width = value.at("width");
    part.value_bytes = value.at("value_bytes");
    part.tokens.push_back(value.at("tokens"));
    if (auto rows = value.at("rows").get<std::vector<double>>(); !rows.empty())
      part.rows.push_back(std::move(rows));
    if (auto crossing = value.at("crossing").get<std::vector<double>>(); !crossing.empty())
      part.crossing.push_back(std::move(crossing));
  }
}

}  // namespace

bool ExchangeLog::is_due(int64_t update) const {
  if (folder_.empty() || update % kFirst != 0) return false;
  const int64_t tens = update / kFirst;
  return (tens & (tens - 1)) == 0;
}

void ExchangeLog::write(TranslationModel& model, int64_t update, int64_t calls) {
  const int64_t updates = update - last_update_;
  const auto sent = model.take_sent();
  if (folder_.empty() || updates < 1 || sent.empty()) return;
  last_update_ = update;
  const auto texts = gather_texts(world_, text_of(sent));
  if (world_.rank() != 0) return;
  ExchangeRecord sample;
  sample.nodes = world_.topology().nodes;
  sample.ranks_per_node = world_.topology().ranks_per_node;
  sample.updates = static_cast<double>(updates);
  sample.calls = static_cast<double>(updates * calls);
  for (const auto& text : texts)
    add_rank(text, sample);
  append_exchange(folder_, update, sample);
}

}  // namespace xp
