// The list of measures, and the page that explains them.
#include "registry/measure.h"

#include "engine/base/text.h"

#include <algorithm>
#include <array>

namespace xp {
namespace {

constexpr const char* kPerRow = "mean over MoE layers at the end of training: ";

Measure loss(const char* key, const char* label, const char* meaning) {
  return {.key = key,
          .label = label,
          .unit = "nats/token",
          .meaning = meaning,
          .better = Better::kLower,
          .is_relative = false,
          .decimals = 3};
}

Measure time(const char* key, const char* label, const char* unit, const char* meaning) {
  return {.key = key,
          .label = label,
          .unit = unit,
          .meaning = meaning,
          .better = Better::kLower,
          .depends_on = DependsOn::kMachine};
}

Measure traffic(const char* key, const char* label, const char* meaning) {
  return {.key = key,
          .label = label,
          .unit = "B/step",
          .meaning = meaning,
          .better = Better::kLower,
          .depends_on = DependsOn::kLayout};
}

Measure count(const char* key, const char* label, const char* unit, const char* meaning) {
  return {.key = key, .label = label, .unit = unit, .meaning = meaning};
}

Measure router(const char* name, const char* unit, Better better, const char* meaning) {
  const std::string key = std::string(kRouter) + name;
  std::string label = label_of(key);
  for (const char* ending : {" ms", " bytes"}) {  // tables put the unit behind it
    if (label.ends_with(ending)) label.resize(label.size() - std::string_view(ending).size());
  }
  return {.key = key,
          .label = std::move(label),
          .unit = unit,
          .meaning = std::string(kPerRow) + meaning,
          .better = better};
}

std::vector<Measure> make_list() {
  std::vector<Measure> out = {
      loss("train_loss", "train loss", "cross-entropy of the last update's batch"),
      loss("loss", "train loss", "the same over the updates: the curve behind train_loss"),
      loss("valid_loss", "valid loss",
           "cross-entropy of the validation set, at the last validation"),
      {.key = "valid_perplexity",
       .label = "valid perplexity",
       .unit = "",
       .meaning = "exp(valid_loss)",
       .better = Better::kLower,
       .is_relative = false,
       .decimals = 3},
      {.key = "tokens_per_second",
       .label = "tokens/s",
       .unit = "tokens/s",
       .meaning = "target tokens of all ranks per second of training, the first updates left out",
       .better = Better::kHigher,
       .depends_on = DependsOn::kMachine},
      time("step_ms", "step", "ms",
           "time of an update: the median of the slowest rank, the first updates left out"),
      time("compute_ms", "compute", "ms",
           "time of an update without waiting for other ranks: the mean of the first rank, the "
           "first "
           "updates left out"),
      time("in_node_ms", "in-node", "ms",
           "time of an update in which rows or gradients were under way inside a node; that of "
           "layers and gradients adds up, and some hides behind the compute"),
      time("inter_node_ms", "inter-node", "ms", "the same between nodes"),
      time("exposed_ms", "exposed", "ms",
           "time of an update in which the rank does nothing but wait for the links"),
      time("train_seconds", "train", "s", "time of all updates, validations left out"),
      time("cpu_seconds", "CPU", "s", "CPU time of all ranks in updates"),
      traffic("inter_node_bytes", "inter-node",
              "sent from node to node by the MoE exchanges of all ranks, forward and backward; "
              "gradients are not in it"),
      traffic("in_node_bytes", "in-node", "the same between ranks of one node"),
      traffic("gradient_inter_node_bytes", "gradient inter-node",
              "sent from node to node to sum the gradients of the parameters that all ranks share"),
      count("parameters", "parameters", "",
            "parameters of the model, experts of all ranks included"),
      count("updates", "updates", "", "updates of the parameters that the training made"),
      count("epochs", "epochs", "", "passes over the training pairs"),
      count("tokens", "tokens", "", "target tokens that the training saw"),
      count("best_update", "best update", "", "the update of the best checkpoint"),
      count("micro_batch_split", "micro-batch split", "",
            "parts that micro-batches were split into after memory ran out"),
      count("left_out_pairs", "left out", "pairs",
            "training pairs left out because they are longer than train.max_tokens"),
      {.key = "health_warnings",
       .label = "health warnings",
       .unit = "",
       .meaning = "times that the training broke a limit of [train.health]",
       .better = Better::kLower},
      time("cpu_hours", "CPU", "h",
           "CPU time of all ranks and attempts, validations and the start included"),
      {.key = "energy_kj",
       .label = "energy",
       .unit = "kJ",
       .meaning = "energy that the machines used while the run's attempts ran, others on them "
                  "included",
       .better = Better::kLower,
       .depends_on = DependsOn::kMachine},
      {.key = "other_load",
       .label = "other load",
       .unit = "",
       .meaning = "share of the machine's processors that other programs kept busy during the "
                  "last attempt; speeds are disturbed by it",
       .depends_on = DependsOn::kMachine},
      {.key = "memory_bytes",
       .label = "memory",
       .unit = "B/rank",
       .meaning = "peak resident memory of a process: the largest of all ranks",
       .better = Better::kLower,
       .depends_on = DependsOn::kMachine},
      count("gradient_norm", "gradient norm", "",
            "norm of the gradient before clipping, over the updates"),
      count("lr", "learning rate", "", "learning rate, over the updates"),
      count("balance", "balance loss", "", "load-balancing loss per token, over the updates"),
      count("share_done", "share done", "",
            "used part of the limit of [train] that is nearest, over the updates"),
      time("seconds", "since the start", "s", "time since the training began, over the updates"),
      time("gradient_exposed_ms", "gradient wait", "ms",
           "time of an update that the first rank waited for sums of gradients, over the updates"),
      time("gradient_in_node_ms", "gradient in-node", "ms",
           "time of an update that these sums took inside the node, over the updates"),
      time("gradient_inter_node_ms", "gradient inter-node", "ms", "the same between nodes"),
      count("calls", "calls", "/step", "micro-batches of an update: calls of each MoE layer"),
      router("entropy", "nats", Better::kNeither,
             "entropy of the router's probabilities of a token; ln(experts) if it cannot choose"),
      router("unrouted", "", Better::kLower, "share of tokens that no expert had room for"),
      router("overflow_first", "%", Better::kLower, "first choices that a full expert dropped"),
      router("overflow_second", "%", Better::kLower, "further choices that a full expert dropped"),
      router("unused_first", "experts", Better::kLower, "experts that no token chose first"),
      router("unused_second", "experts", Better::kLower, "experts that no token chose second"),
      router("balance_top_first", "%", Better::kNeither,
             "first choices that go to the busiest fifth of the experts; 20 if balanced"),
      router("balance_top_second", "%", Better::kNeither, "the same of further choices"),
      router("balance_bottom_first", "%", Better::kNeither,
             "first choices that go to the least busy fifth of the experts; 20 if balanced"),
      router("balance_bottom_second", "%", Better::kNeither, "the same of further choices"),
      router("rows_least", "", Better::kHigher,
             "rows that came to the least busy expert, as a share of an even share"),
      router("rows_p10", "", Better::kNeither, "the same of the expert at the 10th percentile"),
      router("rows_median", "", Better::kNeither, "the same of the median expert"),
      router("rows_p90", "", Better::kNeither, "the same of the expert at the 90th percentile"),
      router("rows_most", "", Better::kLower, "the same of the busiest expert"),
      router("inter_node_bytes", "B", Better::kLower,
             "sent from node to node by a rank in one call"),
      router("in_node_bytes", "B", Better::kLower,
             "sent to the ranks of its node by a rank in one call"),
      router("compute_ms", "ms", Better::kLower,
             "time of one call in the layer, forward and backward, without waiting"),
      router("in_node_ms", "ms", Better::kLower,
             "time of one call in which rows were under way inside the node"),
      router("inter_node_ms", "ms", Better::kLower, "the same between nodes"),
      router("exposed_ms", "ms", Better::kLower,
             "time of one call in which the rank did nothing but wait for rows"),
      time("eval_seconds", "eval", "s", "time of the evaluation"),
      time("eval_cpu_seconds", "eval CPU", "s", "CPU time of all ranks in the evaluation"),
      time("eval_cpu_hours", "eval CPU", "h", "CPU time of all ranks and attempts at it"),
      {.key = "eval_energy_kj",
       .label = "eval energy",
       .unit = "kJ",
       .meaning = "energy that the machines used meanwhile",
       .better = Better::kLower,
       .depends_on = DependsOn::kMachine},
      {.key = "eval_other_load",
       .label = "eval other load",
       .unit = "",
       .meaning = "other_load of the evaluation",
       .depends_on = DependsOn::kMachine},
      count("parameters_on_rank", "parameters", "/rank", "parameters that one rank holds"),
      count("flops", "compute", "FLOP/step", "matrix products of one rank, forward and backward"),
      count("dense_flops", "compute without experts", "FLOP/step",
            "the same if every MoE layer were an ordinary feed-forward layer"),
      count("full_flops", "compute with all rows", "FLOP/step",
            "the same if every row of the MoE layers went to as many experts as the router picks"),
      count("expert_flops", "compute of experts", "FLOP/step", "matrix products of experts"),
      count("exchanges", "exchanges", "/step",
            "all-to-alls of the MoE layers, there and back and their gradients"),
      count("shared_parameters", "shared parameters", "", "parameters that all ranks hold"),
      count("late_parameters", "late parameters", "",
            "parameters whose gradients the backward pass ends with"),
      count("output_flops", "compute of the output", "FLOP/step",
            "products behind which no sums of gradients can hide"),
      count("global_share", "global share", "", "share of an MoE layer that may go to any node"),
      traffic("fixed_inter_node_bytes", "fixed inter-node",
              "of the bytes between nodes, those that the exchange's shares do not change"),
      traffic("local_bytes", "on-rank", "rows of MoE layers that stay on their rank"),
      count("checkpoint_bytes", "checkpoint", "B", "size of a checkpoint on disk")};
  for (Measure& measure : out) {
    measure.of_evaluation = measure.key.starts_with("eval_");
    if (measure.key.starts_with(kRouter) && measure.is_bytes())
      measure.depends_on = DependsOn::kLayout;
    if (measure.key.starts_with(kRouter) && measure.unit == "ms")
      measure.depends_on = DependsOn::kMachine;
  }
  return out;
}

// What only a plan has: shown as predicted_X.
constexpr std::array kPlanned = {"parameters_on_rank", "flops",           "dense_flops",
                                 "full_flops",         "expert_flops",    "exchanges",
                                 "shared_parameters",  "late_parameters", "output_flops",
                                 "global_share",       "local_bytes",     "fixed_inter_node_bytes",
                                 "checkpoint_bytes"};

const char* direction_of(Better better) {
  return better == Better::kHigher ? "higher" : better == Better::kLower ? "lower" : "";
}

std::string line_of(const Measure& measure, const std::string& key) {
  return fmt::format("| `{}` | {} | {} | {} |\n", key, measure.unit, direction_of(measure.better),
                     measure.meaning);
}

std::string table_head() {
  return "| column | unit | better | meaning |\n|---|---|---|---|\n";
}

}  // namespace

std::span<const Measure> declared_measures() {
  static const std::vector<Measure> list = make_list();
  return list;
}

Measure measure_of(const Score& score) {
  return {.key = score.name,
          .label = score.label.empty() ? label_of(score.name) : score.label,
          .unit = score.unit,
          .meaning = "",
          .better = score.higher_is_better ? Better::kHigher : Better::kLower,
          .of_evaluation = true,
          .is_relative = false};
}

std::string label_of(std::string key) {
  std::replace(key.begin(), key.end(), '_', ' ');
  return key;
}

GroupedScore grouped_score(const std::string& key) {
  const size_t at = key.find('@');
  if (at == std::string::npos) return {key, ""};
  return {key.substr(0, at), key.substr(at + 1)};
}

std::optional<Measure> find_measure(
    const std::string& key,
    const std::function<std::optional<Measure>(const std::string& name)>& score) {
  for (const Measure& measure : declared_measures()) {
    if (measure.key == key) return measure;
  }
  const auto [name, group] = grouped_score(key);
  if (auto found = score(name)) {
    found->key = key;
    if (!group.empty()) found->label += " " + group;
    return found;
  }
  if (key.starts_with(kPredicted)) {
    const auto of = find_measure(key.substr(kPredicted.size()), score);
    if (!of) return std::nullopt;
    return Measure{.key = key,
                   .label = "predicted " + of->label,
                   .unit = of->unit,
                   .meaning = "",
                   .depends_on = of->depends_on};
  }
  if (key.ends_with(kVersusPredicted)) {
    const auto of = find_measure(key.substr(0, key.size() - kVersusPredicted.size()), score);
    if (!of) return std::nullopt;
    return Measure{.key = key, .label = of->label + " vs predicted", .unit = "", .meaning = ""};
  }
  if (key.starts_with(kValidation)) {
    auto of = score(key.substr(kValidation.size()));
    if (!of) return std::nullopt;
    of->key = key;
    of->label = "valid " + of->label;
    of->of_evaluation = false;
    return of;
  }
  // A router of a plug-in may log figures of its own.
  if (key.starts_with(kRouter))
    return Measure{.key = key, .label = label_of(key), .unit = "", .meaning = ""};
  return std::nullopt;
}

std::string columns_document() {
  const auto is_planned = [](const Measure& measure) {
    return std::find(kPlanned.begin(), kPlanned.end(), measure.key) != kPlanned.end();
  };
  std::string out =
      "# Columns of a report\n\n"
      "What `[report] columns`, `--columns`, `--pareto` and the tables `summary`, `metrics` and "
      "`scores` of `xp.db` can name.\nThis page is written from the declarations in the code; a "
      "test fails if it is out of date.\n\n"
      "## Scores\n\n"
      "Of the first subset in `[eval] subsets`, the mean over its directions. `valid_NAME` is the "
      "same of the last validation, for\nthe scores that trainings validate with. `NAME@en-x` is "
      "the mean "
      "over the directions from English, `NAME@x-en` over those into it,\n`NAME@en-de` that of one "
      "direction, `NAME@low` over those that `groups` in `[report]` calls so. A plug-in's\nscores "
      "come with their own unit and direction; those of `command` are called by the name in "
      "`[eval] "
      "metrics`.\n\n" +
      table_head();
  for (const AnyEntry* entry : entries()) {
    if (std::string_view(entry->kind) != Metric::kKind || entry->is_of_plugin) continue;
    for (const Score& score : make_metric(entry->name, {})->sample()) {
      Measure measure = measure_of(score);
      measure.meaning = entry->summary;
      out += line_of(measure, measure.key);
    }
  }
  out += "\n## Measures of runs\n\n" + table_head();
  for (const Measure& measure : declared_measures()) {
    if (!is_planned(measure)) out += line_of(measure, measure.key);
  }
  out +=
      "\nTimes and speeds belong to a machine, bytes to a layout of nodes and ranks: a report "
      "averages and compares neither over\ndifferent ones.\n\n"
      "## Predictions\n\n"
      "`predicted_X` is what the plan expects of X, and `X_vs_predicted` what was measured as a "
      "share of it, for `step_ms` and its parts,\n`parameters`, `inter_node_bytes` and "
      "`in_node_bytes`. Only "
      "predicted:\n\n" +
      table_head();
  for (const Measure& measure : declared_measures()) {
    if (!is_planned(measure)) continue;
    Measure predicted = measure;
    predicted.better = Better::kNeither;
    out += line_of(predicted, std::string(kPredicted) + measure.key);
  }
  return out;
}

}  // namespace xp
