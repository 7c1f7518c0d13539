// One rank of a training.
#include "engine/base/cpu.h"
#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/device/accelerator.h"
#include "engine/eval/evaluate.h"
#include "engine/train/trainer.h"
#include "engine/worker/log.h"
#include "engine/worker/rank.h"
#include "registry/metric.h"
#include "registry/outcome.h"
#include "results/runs/attempts.h"

#include <spdlog/spdlog.h>

#include <cmath>
#include <csignal>
#include <map>
#include <set>

namespace xp {
namespace {

std::atomic<bool> stop_requested{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may set it");

// Validates on the corpus's `valid` subset: loss on all of it, BLEU on its first sentences.
class Validator {
 public:
  Validator(const PreparedCorpus& corpus, const Pairs& pairs, const TrainSection& settings,
            TranslationModel& model, const Groups& groups)
      : corpus_(corpus), settings_(settings), model_(model), world_(*groups.world) {
    const BatchRule rule{settings.max_tokens, world_.size(), 0};
    const auto lengths = pairs.lengths();
    const Epoch epoch = plan_epoch(lengths, rule, 0);
    if (!epoch.too_long.empty()) {
      uint32_t longest = 0;
      for (const uint32_t i : epoch.too_long)
        longest = std::max(longest, lengths[i].longest());
      user_error(
          "pairs of subset 'valid' that do not fit into 'max_tokens' = {} of [train]: {}; raise it "
          "to {}, the length of the longest",
          settings.max_tokens, epoch.too_long.size(), longest);
    }
    for (int64_t step = 0; step < epoch.num_steps(); ++step) {
      batches_.push_back(pairs.batch(epoch.batch(step, world_.rank())));
    }
  }

  Validated operator()() const {
    Validated out;
    const SubsetLoss loss = loss_of(model_, batches_, world_);
    const double perplexity = std::exp(std::min(loss.nll / loss.tokens, 700.0));
    out.figures = {{"valid_loss", loss.nll / loss.tokens}, {"perplexity", perplexity}};
    out.quality = -perplexity;
    if (settings_.validate_sentences > 0) add_scores(out);
    return out;
  }

 private:
  // BLEU, and the metric that picks the best checkpoint: means over the directions.
  void add_scores(Validated& out) const {
    std::set<std::string> names = {"bleu"};
    if (settings_.best_metric != "perplexity") names.insert(settings_.best_metric);
    std::map<std::string, std::vector<Score>> scores;
    SubsetRule rule;
    rule.decode.search.beam = 1;
    rule.decode.max_tokens = settings_.max_tokens;
    rule.max_sentences = settings_.validate_sentences;
    for (const auto& direction : corpus_.directions()) {
      if (!has_sentences(corpus_, "valid", direction)) continue;
      const auto hypotheses = translate_subset(model_, corpus_, "valid", direction, rule, world_);
      auto references = corpus_.references("valid", direction);
      references.resize(hypotheses.size());
      auto sources = corpus_.text("valid", direction, Side::kSource);
      sources.resize(hypotheses.size());
      const Translations texts{sources, hypotheses, references, direction.source, direction.target};
      for (const auto& name : names)
        scores[name].push_back(make_part<Metric>({{"use", name}})->score(texts).front());
    }
    for (const auto& [name, of_directions] : scores) {
      double sum = 0;
      for (const Score& score : of_directions)
        sum += score.value;
      const double mean = sum / static_cast<double>(of_directions.size());
      const Score& first = of_directions.front();
      out.figures[first.name] = mean;
      if (name == settings_.best_metric) out.quality = first.higher_is_better ? mean : -mean;
    }
  }

  const PreparedCorpus& corpus_;
  const TrainSection& settings_;
  TranslationModel& model_;
  Group& world_;
  std::vector<Batch> batches_;
};

}  // namespace

int train_command(const WorkerArguments& arguments) {
  std::signal(SIGTERM, [](int) { stop_requested = true; });
  const double started_s = now_s();
  const Groups groups = join_groups(arguments);
  const Value settings = load_run_settings(arguments);
  const PreparedCorpus corpus = open_corpus(arguments.corpus, settings.at("corpus"));
  const auto model = build_model(settings, corpus, groups, nullptr);
  const Pairs pairs(corpus, "train");

  TrainJob job;
  job.settings = bind_settings<TrainSection>(settings.at("train"));
  job.sampling = bind_settings<CorpusSection>(settings.at("corpus")).sampling;
  job.micro_batch_split = settings.value("micro_batch_split", int64_t{1});
  job.checkpoints = arguments.folder / "checkpoints";
  job.attempt = attempt_folder(arguments.folder, arguments.attempt);
  job.init_from = job.settings.init_from.value_or("");
  job.origin = {settings.value("training_id", ""), settings};
  job.origin.settings.erase("training_id");
  job.origin.settings.erase("corpus_id");
  const Pairs valid(corpus, "valid");
  if (valid.size() > 0) job.validate = Validator(corpus, valid, job.settings, *model, groups);
  job.stop = &stop_requested;
  const bool is_first = groups.world->rank() == 0;
  const bool uses_cpu = accelerator() == nullptr;
  if (is_first && uses_cpu && job.settings.precision == "bf16" && !multiplies_bf16_faster())
    spdlog::warn(kNoBf16);
  std::optional<EventLog> events;
  if (is_first) events.emplace(attempt_folder(arguments.folder, arguments.attempt));
  const TrainEnd end = train(*model, pairs, groups, job, is_first ? &*events : nullptr);
  if (end.how == TrainEnd::How::kStopped) return 128 + SIGTERM;
  if (end.how == TrainEnd::How::kDiverged) {
    log_failure(end.cause);
    return kDivergedExit;
  }
  const auto peaks = groups.world->all_gather(torch::tensor({peak_memory_bytes()}, torch::kLong));
  if (!is_first) return 0;
  Value summary = end.summary;
  const auto of_ranks = peaks.contiguous();
  events->write(
      "memory", summary.at("updates"),
      {{"peak_bytes", std::vector<int64_t>(of_ranks.data_ptr<int64_t>(),
                                           of_ranks.data_ptr<int64_t>() + of_ranks.numel())}});
  summary["memory_bytes"] = peaks.max().item<int64_t>();
  if (job.micro_batch_split > 1) summary["micro_batch_split"] = job.micro_batch_split;
  events->write("end", end.summary.at("updates").get<int64_t>(), summary);
  write_status(arguments.folder,
               {State::kDone, arguments.attempt, started_s, now_s(), "", summary});
  return 0;
}

}  // namespace xp
