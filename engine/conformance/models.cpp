// Whole models: the predecessor's own options are read from its recorded command line.
#include "engine/base/error.h"
#include "engine/conformance/cases.h"
#include "engine/conformance/layers.h"
#include "engine/device/accelerator.h"
#include "engine/nn/loss.h"
#include "engine/train/checkpoint.h"
#include "engine/train/parameters.h"
#include "registry/model.h"
#include "registry/optimizer.h"
#include "results/runs/fairseq_checkpoint.h"
#include "results/runs/fairseq_parameters.h"

#include <algorithm>
#include <cmath>

namespace xp {
namespace {

constexpr int64_t kPad = 1, kSteps = 3;

// The recorded command line of the predecessor.
class Options {
 public:
  explicit Options(const Value& settings)
      : words_(settings.at("argv").get<std::vector<std::string>>()) {}
  bool has(const std::string& name) const { return find(name) != words_.end(); }
  std::string text(const std::string& name, const std::string& fallback) const {
    const auto found = find(name);
    return found == words_.end() ? fallback : *std::next(found);
  }
  double number(const std::string& name, double fallback) const {
    return has(name) ? std::stod(text(name, "")) : fallback;
  }
  int64_t integer(const std::string& name, int64_t fallback) const {
    return has(name) ? std::stoll(text(name, "")) : fallback;
  }

 private:
  std::vector<std::string>::const_iterator find(const std::string& name) const {
    return std::find(words_.begin(), words_.end(), name);
  }
  std::vector<std::string> words_;
};

Value moe_table(const Options& options) {
  if (!options.has("--moe-freq")) return {{"every", 0}, {"compatibility", "seed"}};
  const Value exchange = exchange_table(
      options.text("--scomoe-type", "none"),
      [&options](const std::string& option) { return Value(options.number(option, 0)); });
  Value router = {{"use", options.has("--moe-top1-expert") ? "top1" : "top2"},
                  {"prioritized", options.has("--moe-batch-prioritized-routing")}};
  if (options.has("--moe-normalize-gate-prob-before-dropping"))
    router["normalize"] = "before-dropping";
  return {{"every", options.integer("--moe-freq", 2)},
          {"experts", options.integer("--moe-expert-count", 0)},
          {"capacity_factor", options.number("--capacity-factor", 1)},
          {"balance_weight", options.number("--moe-gate-loss-wt", 1)},
          {"balance_combine", options.text("--moe-gate-loss-combine-method", "average")},
          {"compatibility", "seed"},
          {"token_cluster",
           {{"enabled", options.has("--token-cluster")},
            {"gate", options.text("--gate-type", "softmax")},
            {"temperature", options.number("--temperature", 1)},
            {"evaluation", "balanced"}}},
          {"router", router},
          {"exchange", exchange}};
}

Batch batch_of(const Recording& recording, int64_t step) {
  const auto get = [&](const char* name) {
    return recording.on_host(fmt::format("input.{}.{}", step, name));
  };
  Batch batch;
  batch.source_BS = get("src_tokens");
  batch.target_in_BL = get("prev_output_tokens");
  batch.target_out_BL = get("target");
  batch.num_sentences = batch.source_BS.size(0);
  batch.num_tokens = (batch.target_out_BL != kPad).sum().item<int64_t>();
  return batch;
}

// One recorded training under way on this rank.
class Replay {
 public:
  Replay(const Recording& recording, const Groups& groups, Findings& findings)
      : recording_(recording),
        world_(*groups.world),
        findings_(findings),
        options_(recording.settings()),
        draws_(std::make_shared<RecordedDraws>(findings)),
        model_(build(groups)) {
    const int64_t E = options_.integer("--moe-expert-count", 0);
    draws_->num_groups = std::max<int64_t>(1, E);
    names_ =
        fairseq_parameters(recording.settings().at("param_names").get<std::vector<std::string>>(),
                           E / world_.size() * world_.rank());
    import_parameters();
  }

  void run() {
    model_->eval();
    draws_->load(recording_, "eval.", "evalgate");
    compare_logits("eval logits", "output.eval_logits", 0);
    model_->train();
    draws_->load(recording_, "train.", "traingate");
    const ModelOutput output = compare_logits("train logits", "output.train_logits", 0);
    if (recording_.has("output.l_aux") && output.balance.defined()) {
      const auto each = recording_.get("output.l_aux").flatten();
      const bool sum = options_.text("--moe-gate-loss-combine-method", "average") == "sum";
      findings_.near("l_aux", output.balance / options_.number("--moe-gate-loss-wt", 1),
                     sum ? each.sum() : each.mean());
    }
    train();
    model_->eval();
    draws_->load(recording_, "after3.", "");
    compare_last_logits();
  }

 private:
  std::shared_ptr<TranslationModel> build(const Groups& groups) const {
    const Value table = {{"use", "transformer"},
                         {"encoder_layers", options_.integer("--encoder-layers", 6)},
                         {"decoder_layers", options_.integer("--decoder-layers", 6)},
                         {"width", options_.integer("--encoder-embed-dim", 512)},
                         {"ffn_width", options_.integer("--encoder-ffn-embed-dim", 2048)},
                         {"heads", options_.integer("--encoder-attention-heads", 8)},
                         {"dropout", options_.number("--dropout", 0.1)},
                         {"share_embeddings", "decoder"},
                         {"norm", options_.has("--encoder-normalize-before") ? "pre" : "post"},
                         {"moe", moe_table(options_)}};
    ModelContext context;
    context.source_vocabulary = context.target_vocabulary = recording_.settings().at("vocab");
    context.groups = groups;
    context.capacity_fraction = options_.number("--moe-eval-capacity-token-fraction", 0.25);
    context.draws = draws_;
    return make_part<Model>(table)->build(context);
  }

  // As a user would, from the files of all ranks.
  void import_parameters() {
    constexpr std::string_view kPrefix = "param.";
    const TempFolder folder;
    std::vector<fs::path> files;
    for (int64_t rank = 0; rank < world_.size(); ++rank) {
      const TensorFile recorded(recording_.folder() / fmt::format("rank{}.safetensors", rank));
      std::map<std::string, TensorBytes> parameters;
      for (const auto& [name, tensor] : recorded.tensors())
        if (name.starts_with(kPrefix)) parameters[name.substr(kPrefix.size())] = tensor;
      files.push_back(folder.path() / fmt::format("rank-{}.safetensors", rank));
      write_tensor_file(files.back(), parameters, nullptr);
    }
    const fs::path file = folder.path() / "imported.safetensors";
    import_fairseq(files, file);
    load_parameters({file}, *model_);
  }

  static torch::Tensor logits(const ModelOutput& output) {
    return torch::matmul(output.h_TD, output.output_VD.t());
  }

  ModelOutput compare_logits(const std::string& what, const std::string& name, int64_t step,
                             double tolerance = 1e-4) {
    const torch::AutoGradMode with_gradient(model_->is_training());
    const Batch batch = batch_of(recording_, step);
    ModelOutput output = model_->forward(batch);
    if (!recording_.has(name)) return output;
    const auto expected = recording_.on_host(name);
    const auto real = (batch.target_out_BL.flatten() != kPad).nonzero().squeeze(1);
    findings_.near(what, logits(output), expected.flatten(0, -2).index_select(0, real), tolerance);
    return output;
  }

  // Of the last position of the first batch, if it is not a pad.
  void compare_last_logits() {
    const torch::NoGradGuard no_grad;
    const Batch batch = batch_of(recording_, 0);
    const auto is_real_BL = batch.target_out_BL != kPad;
    const auto row_BL = (is_real_BL.flatten().cumsum(0) - 1).view_as(is_real_BL);
    const auto at = is_real_BL.select(1, -1).nonzero().squeeze(1);
    const auto rows = row_BL.select(1, -1).index_select(0, at);
    findings_.near("logits after training",
                   logits(model_->forward(batch)).index_select(0, to_device(rows)),
                   recording_.on_host("output.eval_logits_after3_last").index_select(0, at), 1e-3);
  }

  void train() {
    const auto optimizer =
        make_part<Optimizer>({{"use", "adam"},
                              {"lr", options_.number("--lr", 5e-4)},
                              {"weight_decay", options_.number("--weight-decay", 0)}});
    FlatParameters parameters(*model_, optimizer->state_names(), 1);
    const auto losses = recording_.get("output.step_local_loss_inner_samplesize");
    const auto norms = recording_.get("output.step_gnorm").flatten();
    const auto rates = recording_.get("output.step_lr").flatten();
    for (int64_t step = 0; step < kSteps; ++step) {
      draws_->load(recording_, fmt::format("step{}.", step), "");
      const double tolerance = step == 0 ? 1e-4 : 1e-3;
      parameters.clear_gradients();
      const Batch batch = batch_of(recording_, step);
      const auto n = static_cast<double>(batch.num_tokens);
      const ModelOutput output = model_->forward(batch);
      const CrossEntropy loss = cross_entropy(output.h_TD, output.output_VD, output.target_T,
                                              options_.number("--label-smoothing", 0));
      auto objective = loss.objective;
      if (output.balance.defined()) objective = objective + output.balance * n;
      const auto row = torch::stack({objective.detach(), loss.nll, to_device(torch::tensor(n))});
      findings_.near(fmt::format("loss of step {}", step), row, losses[step].flatten(), tolerance);
      objective.backward();
      parameters.complete_gradients();

      auto tail = parameters.shared.tail();
      tail[0] = n;
      world_.all_reduce_sum(parameters.shared.gradients);
      const double tokens = tail[0].item<double>();
      if (step == 0) compare_gradients(parameters, tokens);
      const auto norm = parameters.normalise_gradients(world_, tokens, expert_scale(parameters),
                                                       options_.number("--clip-norm", 0));
      findings_.near(fmt::format("gradient norm of step {}", step), norm, norms[step], 1e-3);
      const double lr = rate(step);
      findings_.near(fmt::format("learning rate of step {}", step),
                     torch::tensor(lr / rates[step].item<double>(), torch::kDouble),
                     torch::tensor(1.0));
      const torch::NoGradGuard no_grad;
      for (auto* buffer : {&parameters.shared, &parameters.experts})
        optimizer->apply(buffer->values, buffer->gradient(), buffer->state, step + 1, lr);
    }
    compare_parameters();
  }

  // Of GShard the recorded reduction divides by the root of the ranks; SCoMoE's own hook once more,
  // which makes it exact (predecessor.md 3.5).
  double expert_scale(const FlatParameters& parameters) const {
    const bool scomoe = options_.text("--arch", "") == "scomoe";
    return expert_gradient_scale(scomoe ? "exact" : "sqrt-world", world_.size(),
                                 parameters.num_copies());
  }

  // Linear from the first rate to the peak, then falling with the root of the updates before.
  double rate(int64_t update) const {
    const double first = options_.number("--warmup-init-lr", 0), peak = options_.number("--lr", 0);
    const double warmup = options_.number("--warmup-updates", 4000);
    const double n = static_cast<double>(update);
    if (n < warmup) return first + n * (peak - first) / warmup;
    return peak * std::sqrt(warmup / n);
  }

  // Calls `each` with the recorded name, its place in the recorded lists, and our tensor for every
  // parameter that this rank's recording speaks of.
  template <class Each>
  void for_recorded(const Each& each) const {
    const auto recorded = recording_.settings().at("param_names").get<std::vector<std::string>>();
    const auto parameters = model_->named_parameters();
    for (const auto& [ours, theirs] : names_) {
      const auto& tensor = parameters[ours];
      for (size_t i = 0; i < theirs.size(); ++i) {
        // Its gradient is rounding alone, which Adam makes large.
        if (theirs[i].ends_with("k_proj.bias")) continue;
        const auto found = std::find(recorded.begin(), recorded.end(), theirs[i]);
        each(
            theirs[i], found - recorded.begin(),
            [&](const torch::Tensor& whole) {
              return whole.chunk(static_cast<int64_t>(theirs.size()))[i];
            },
            tensor);
      }
    }
  }

  void compare_gradients(const FlatParameters& parameters, double tokens) {
    const auto norms = recording_.get("output.grad_norm_per_param").flatten();
    for_recorded([&](const std::string& name, int64_t at, const auto& part, const auto& tensor) {
      const bool is_expert = name.find("experts.") != std::string::npos;
      const double scale = (is_expert ? expert_scale(parameters) : 1) / tokens;
      const auto gradient = part(tensor.grad()) * scale;
      findings_.near("norm of the gradient of " + name, gradient.norm(), norms[at], 1e-3);
      if (recording_.has_own("grad." + name))
        findings_.near("gradient of " + name, gradient, recording_.get("grad." + name), 1e-3);
    });
  }

  void compare_parameters() {
    const auto norms = recording_.get("output.final_param_norm").flatten();
    const auto sums = recording_.get("output.final_param_sum").flatten();
    for_recorded([&](const std::string& name, int64_t at, const auto& part, const auto& tensor) {
      const auto own = part(tensor);
      findings_.near("norm of " + name, own.norm(), norms[at], 1e-3);
      // A sum of terms of both signs: its error is that of the norm.
      findings_.near("sum of " + name, own.sum() / own.norm(), sums[at] / norms[at], 2e-2);
    });
  }

  const Recording& recording_;
  Group& world_;
  Findings& findings_;
  Options options_;
  std::shared_ptr<RecordedDraws> draws_;
  std::shared_ptr<TranslationModel> model_;
  std::vector<FairseqParameter> names_;
};

}  // namespace

void run_model_case(const Recording& recording, const Groups& groups, Findings& findings) {
  Replay(recording, groups, findings).run();
}

}  // namespace xp
