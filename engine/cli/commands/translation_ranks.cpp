// Starts ranks and speaks with rank 0.
#include "engine/cli/commands/translation_ranks.h"

#include "engine/base/error.h"
#include "engine/launch/ranks.h"
#include "engine/run/work.h"

namespace xp {
namespace {

using std::chrono::milliseconds;

[[noreturn]] void report_end(const LaunchEnd& end) {
  if (end.outcome == Outcome::kUser) user_error("{}", end.cause);
  if (end.outcome == Outcome::kMemory)
    machine_error("{}; fewer tokens at a time need less memory: --set max_tokens=N", end.cause);
  machine_error("{}", end.cause.empty() ? "the ranks ended before all was translated" : end.cause);
}

std::vector<TranslatedLine> answers_in(const Value& translations) {
  std::vector<TranslatedLine> out;
  for (const auto& item : translations) {
    auto& answer = out.emplace_back();
    answer.problem = item.value("problem", "");
    item.value("source_pieces", Value::array()).get_to(answer.source_pieces);
    for (const auto& one : item.value("hypotheses", Value::array())) {
      auto& hypothesis = answer.hypotheses.emplace_back();
      one.at("text").get_to(hypothesis.text);
      one.at("score").get_to(hypothesis.score);
      one.value("pieces", Value::array()).get_to(hypothesis.pieces);
      one.value("alignment", Value::array()).get_to(hypothesis.alignment);
    }
  }
  return out;
}

}  // namespace

TranslationRanks::TranslationRanks(const TranslationSetup& setup,
                                   std::pair<Channel, Descriptor> sides)
    : channel_(std::move(sides.first)) {
  const Descriptor other = std::move(sides.second);
  replace_file(spec_file(folder_.path()), to_toml(setup.spec));
  const Value& launch = setup.spec.at("launch");
  LaunchJob job = shape_of_job(launch);
  job.name = "translate";
  job.nodes = setup.nodes;
  job.ranks_per_node = setup.ranks_per_node;
  job.log_folder = folder_.path();
  job.command = {
      setup.engine.string(),       "translate",  folder_.path().string(),       "--corpus",
      setup.corpus.string(),       "--training", setup.training.string(),       "--channel",
      std::to_string(other.get()), "--device",   launch.value("device", "auto")};
  job_ = start_here(job, other.get());
}

void TranslationRanks::request(const std::vector<SourceLine>& lines,
                               const TranslationRequest& asked) {
  Value sentences = Value::array();
  for (const auto& line : lines) {
    sentences.push_back({{"text", line.text},
                         {"direction", line.direction},
                         {"prefix", line.prefix},
                         {"number", line.number}});
  }
  try {
    channel_.send({{"sentences", std::move(sentences)},
                   {"best", asked.num_best},
                   {"alignment", asked.alignment}});
  } catch (const Error&) {
    // Their end says why.
  }
}

std::optional<TranslationNews> TranslationRanks::poll() {
  const auto message = channel_.receive(milliseconds(0));
  const auto end = job_->poll();
  if (message) {
    TranslationNews news;
    news.is_ready = message->contains("ready");
    news.finished = message->value("finished", int64_t{0});
    if (message->contains("translations")) news.answers = answers_in(message->at("translations"));
    return news;
  }
  if (end) report_end(*end);
  return std::nullopt;
}

}  // namespace xp
