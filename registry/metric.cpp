// What metrics that sum over sentences share.
#include "registry/metric.h"

namespace xp {
namespace {

// "length" and "length_error" of the component `length` are "words" and "words_error" of a metric
// that is called "words".
class RenamedMetric final : public Metric {
 public:
  RenamedMetric(std::string name, std::string component, std::unique_ptr<Metric> metric)
      : name_(std::move(name)), component_(std::move(component)), metric_(std::move(metric)) {}

  std::vector<Score> score(const Translations& texts) const override {
    return renamed(metric_->score(texts));
  }
  SentenceCounts sentence_counts(const Translations& texts) const override {
    return metric_->sentence_counts(texts);
  }
  std::vector<Score> score_of(const CountSums& sums) const override {
    return renamed(metric_->score_of(sums));
  }
  std::vector<Score> sample() const override { return renamed(metric_->sample()); }
  void require_usable() const override { metric_->require_usable(); }

 private:
  std::vector<Score> renamed(std::vector<Score> scores) const {
    for (Score& score : scores) {
      score.name = score.name.starts_with(component_) ? name_ + score.name.substr(component_.size())
                                                      : name_ + "_" + score.name;
      score.label = score.name;
    }
    return scores;
  }

  std::string name_, component_;
  std::unique_ptr<Metric> metric_;
};

}  // namespace

std::vector<int64_t> sums_of(const SentenceCounts& counts) {
  std::vector<int64_t> out(counts.width);
  for (size_t i = 0; i < counts.numbers.size(); ++i)
    out[i % counts.width] += counts.numbers[i];
  return out;
}

std::vector<Score> Metric::score(const Translations& texts) const {
  const SentenceCounts counts = sentence_counts(texts);
  check(counts.width > 0, "a metric has sentence counts or a score of its own");
  const auto sums = sums_of(counts);
  return score_of({sums, counts.num_references});
}

SentenceCounts Metric::sentence_counts(const Translations&) const {
  return {};
}

std::vector<Score> Metric::score_of(const CountSums&) const {
  return {};
}

std::vector<Score> Metric::sample() const {
  const std::vector<std::string> text = {"a"};
  return score({text, text, text});
}

std::unique_ptr<Metric> make_metric(const std::string& name, const Value& tables) {
  Value table = tables.is_object() ? tables.value(name, Value::object()) : Value::object();
  const std::string component = table.value("use", name);
  table["use"] = component;
  auto made = make_part<Metric>(table);
  if (component == name) return made;
  return std::make_unique<RenamedMetric>(name, component, std::move(made));
}

}  // namespace xp
