// The sections of the experiment file that every run has, whatever components it picks.
//
// [corpus], [model] and [launch] also pick components; the settings that all components of the kind
// share are declared here.
#pragma once

#include "registry/registry.h"

namespace xp {

/// [corpus.cleaning]: which training pairs are left out; the reasons are counted. Pairs with a
/// blank side or with more than [corpus] max_length pieces are always left out.
struct CleaningSection {
  bool unicode = true, control = true, script = true, repeated = true, held_out = true;
  double max_ratio = 0;

  void describe(auto& field) {
    field("unicode", unicode, "normalize text to Unicode NFC first");
    field("control", control, "leave out pairs with control or replacement characters");
    field("script", script,
          "leave out pairs with a side whose letters are mostly not of its language's script");
    field("repeated", repeated, "keep only the first of equal pairs");
    field("held_out", held_out,
          "leave out training pairs with a side that is also in another subset, ignoring case, "
          "digits and punctuation");
    field("max_ratio", max_ratio,
          "leave out pairs whose longer side has more than this many times the pieces of the "
          "shorter; "
          "0 or inf = no limit",
          at_least(0).or_infinite());
  }
};

/// [corpus.language_tokens]: tags that tell a multilingual model which languages are meant. They
/// are added when pairs are read, so the prepared corpus does not depend on them.
struct LanguageTokensSection {
  std::string source = "none", placement = "prefix";
  std::optional<bool> target;

  void describe(auto& field) {
    field("source", source,
          "tag of the source sentence: its own language, the target language, or both (pair)",
          one_of({"none", "source", "target", "pair"}), Scope::kTrain);
    field("target", target,
          "tag target sentences with their language; default true with several directions", Limit{},
          Scope::kTrain);
    field("placement", placement,
          "before the sentence, or instead of the source's </s> and the decoder's first symbol",
          one_of({"prefix", "replace-eos-bos"}), Scope::kTrain);
  }
};

/// [corpus.sampling]: how much of each direction an epoch has.
struct SamplingSection {
  std::string method = "proportional";
  double temperature = 1.5;

  void describe(auto& field) {
    field("method", method,
          "share of each direction in an epoch: by its pairs, equal, or its pairs to the power of "
          "1 / temperature",
          one_of({"proportional", "uniform", "temperature"}), Scope::kTrain);
    field("temperature", temperature, "1 = proportional; inf = uniform", at_least(1).or_infinite(),
          Scope::kTrain);
  }
};

/// [model]: settings that all models share.
struct ModelSection {
  static constexpr Scope kScope = Scope::kTrain;
  std::string use = "transformer";

  void describe(auto& field) { field("use", use, "the model: a component of kind `model`"); }
};

/// [corpus]: settings that all corpora share.
struct CorpusSection {
  static constexpr Scope kScope = Scope::kCorpus;
  std::string use;
  std::vector<std::string> pairs = {"en-fr"};
  int64_t max_length = 100;
  CleaningSection cleaning;
  LanguageTokensSection language_tokens;
  SamplingSection sampling;
  Value vocabulary;

  void describe(auto& field) {
    field("use", use, "the corpus: a component of kind `corpus`");
    field("pairs", pairs, "directions, source-target; \"all\" if the corpus lists its directions");
    field("max_length", max_length,
          "training pairs with more pieces on a side are left out and counted",
          at_least(1, "pieces"));
    field.table("cleaning", cleaning);
    field.table("language_tokens", language_tokens);
    field.table("sampling", sampling);
    field.component("vocabulary", "tokenizer", vocabulary, "sentencepiece",
                    "splits text into pieces");
  }

  // Of corpora that bring dictionaries of their own planning knows better (Corpus), and of prepared
  // ones how full batches are: tokens of a side for each of the longer one, of which a mean batch's
  // sentences have "batch_length". "tag_pieces": 1 if a side of a pair has a tag beside its </s>.
  static std::vector<Figure> figures() {
    return {{"source_pieces", "vocabulary.size"},
            {"target_pieces", "vocabulary.size"},
            {"source_fill", "1"},
            {"target_fill", "1"},
            {"batch_length", "1"},
            {"tag_pieces",
             "if(language_tokens.placement == 'prefix' and (language_tokens.source != 'none' or "
             "language_tokens.target == true or (not (language_tokens.target == false) and "
             "count(pairs) > 1)), 1, 0)"}};
  }
};

/// [train.health]: limits that change no result; 0 = no limit.
struct HealthSection {
  double max_gradient_norm = 0, max_loss_rise = 0, min_expert_share = 0;
  std::string action = "warn";

  void describe(auto& field) {
    field("max_gradient_norm", max_gradient_norm, "of an update, before clipping; 0 = no limit",
          at_least(0), Scope::kNone);
    field("max_loss_rise", max_loss_rise,
          "of the mean training loss of ten updates above its lowest; 0 = no limit",
          at_least(0, "nats per token"), Scope::kNone);
    field("min_expert_share", min_expert_share,
          "of an MoE layer's rows, 1 = an even share, between two validations; 0 = no limit",
          between(0, 1), Scope::kNone);
    field("action", action,
          "\"stop\" ends the training as failed with the reason; \"warn\" logs it",
          one_of({"warn", "stop"}), Scope::kNone);
  }
};

/// [train]
struct TrainSection {
  static constexpr Scope kScope = Scope::kTrain;
  int64_t max_updates = 100000, max_tokens = 4096, accumulate = 1, seed = 1;
  double max_epochs = 0, max_hours = 0, max_cpu_seconds = 0;
  double clip_norm = 1.0, label_smoothing = 0.0;
  std::string precision = "fp32";
  std::string expert_gradient_scale = "exact";
  int64_t validate_every = 1000, validate_sentences = 1000, save_every = 1000, keep = 1,
          patience = 0;
  bool save_in_background = true, recompute_activations = false, shard_optimizer = false;
  std::optional<int64_t> tokens_per_update, batches_in_flight;
  std::optional<std::string> init_from;
  std::optional<double> validate_epochs;
  std::optional<std::string> gradient_wire;
  std::string best_metric = "bleu";
  HealthSection health;
  Value optimizer, schedule;

  void describe(auto& field) {
    field("max_updates", max_updates,
          "updates of the parameters; training ends at the first limit it reaches",
          at_least(1, "updates"));
    field("max_epochs", max_epochs, "passes over the training pairs; 0 or inf = no limit",
          at_least(0, "epochs").or_infinite());
    field("max_hours", max_hours, "wall time; 0 or inf = no limit",
          at_least(0, "hours").or_infinite());
    field("max_cpu_seconds", max_cpu_seconds,
          "CPU time of all ranks without evaluation; 0 or inf = no limit",
          at_least(0, "s").or_infinite());
    field("max_tokens", max_tokens,
          "per rank and micro-batch: sentences x longest length of either side, with </s>",
          at_least(1, "tokens"));
    field("accumulate", accumulate, "micro-batches per update; larger batches without more memory",
          at_least(1));
    field("tokens_per_update", tokens_per_update,
          "in place of accumulate: as many micro-batches as make max_tokens of all ranks this much",
          at_least(1, "tokens"));
    field("batches_in_flight", batches_in_flight,
          "micro-batches of an update that are computed in turns, default 1: of 2, one computes "
          "while rows of the other cross nodes, for the memory of both",
          between(1, 2));
    field("clip_norm", clip_norm, "maximum norm of the whole gradient; 0 or inf = no clipping",
          at_least(0).or_infinite());
    field("label_smoothing", label_smoothing,
          "probability mass spread evenly over the other pieces", between(0, 0.99));
    field("precision", precision, "number format of the forward and backward pass",
          one_of({"fp32", "bf16", "fp16"}));
    field("gradient_wire", gradient_wire,
          "number format of gradients between nodes, default fp32; bf16 halves their bytes, with "
          "rounding",
          one_of({"fp32", "bf16"}));
    field("expert_gradient_scale", expert_gradient_scale,
          "\"sqrt-world\" scales the gradients of experts as fairseq-moe does",
          one_of({"exact", "sqrt-world"}));
    field("seed", seed, "seed of every random stream", at_least(0));
    field("validate_every", validate_every, "updates between validations", at_least(1, "updates"));
    field("validate_epochs", validate_epochs,
          "epochs between further validations, for the predecessor's once an epoch", above(0));
    field("validate_sentences", validate_sentences,
          "validation sentences to translate for BLEU, at most", at_least(0));
    field("save_every", save_every, "updates between checkpoints", at_least(1, "updates"));
    field("save_in_background", save_in_background,
          "training continues while a checkpoint is written, for the memory of one more copy",
          Limit{}, Scope::kNone);
    field("recompute_activations", recompute_activations,
          "keep only the input of each attention and FFN and compute them again in the backward "
          "pass: less memory, a third more time, the same result",
          Limit{}, Scope::kSpeed);
    field("shard_optimizer", shard_optimizer,
          "each rank keeps the optimizer's state of its share of the parameters that all share: "
          "less memory, one more broadcast, the same result (ZeRO stage 1)",
          Limit{}, Scope::kSpeed);
    field(
        "init_from", init_from,
        "checkpoint to take the first parameters from, relative to the spec; the run's id depends "
        "on its content",
        any(), Scope::kContent);
    field("keep", keep, "latest checkpoints to keep, each with what was best by then", at_least(1));
    field("patience", patience,
          "stop after this many validations without a better best_metric; 0 = never", at_least(0));
    field("best_metric", best_metric,
          "what picks the best checkpoint: a component of kind `metric`, or perplexity, which also "
          "decides if no sentences are translated");
    field.table("health", health);
    field.component("optimizer", "optimizer", optimizer, "adam",
                    "updates the parameters from the gradients");
    field.component("schedule", "schedule", schedule, "inverse-sqrt",
                    "learning rate over the updates");
  }

  static std::vector<Rule> rules() {
    return {
        {"E043",
         "max_tokens > corpus.max_length",
         "'max_tokens' in [train] is {max_tokens}, but a sentence may have {corpus.max_length} "
         "pieces and </s>; raise it to at least {corpus.max_length + 1} or lower 'max_length' "
         "in [corpus]",
         {"max_tokens", "corpus.max_length"}},
        {"E043",
         "corpus.tag_pieces == 0 or max_tokens != corpus.max_length + 1",
         "'max_tokens' in [train] is {max_tokens}, but a sentence may have {corpus.max_length} "
         "pieces, a language tag and </s>; raise it to at least {corpus.max_length + 2} or "
         "lower 'max_length' in [corpus]",
         {"max_tokens", "corpus.max_length"}},
        {"E043",
         "accumulate == 1 or tokens_per_update == 0",
         "'accumulate' in [train] is {accumulate} beside 'tokens_per_update', which takes its "
         "place; drop one of them",
         {"accumulate", "tokens_per_update"}},
        {"E043",
         "batches_in_flight < 2 or tokens > max_tokens",
         "'batches_in_flight' in [train] is {batches_in_flight}, but an update has one "
         "micro-batch; accumulate = 2 and max_tokens = {floor(max_tokens / 2)} make two of it",
         {"batches_in_flight", "max_tokens"}},
        {"E043",
         "batches_in_flight < 2 or not recompute_activations",
         "'batches_in_flight' in [train] is {batches_in_flight}, which keeps the activations of "
         "all of them, beside 'recompute_activations', which keeps none; drop one of them",
         {"batches_in_flight", "recompute_activations"}},
        {"E048",
         "precision != 'fp16' or launch.device != 'cpu'",
         "'precision' in [train] is \"fp16\", which needs a GPU, but 'device' in [launch] is "
         "\"cpu\"; use \"bf16\" or \"fp32\"",
         {"precision", "launch.device"}},
        {"E050",
         "best_metric != 'command'",
         "'best_metric' in [train] is \"command\", whose program only evaluations run; name "
         "another metric",
         {"best_metric"}}};
  }

  static std::vector<Figure> figures() {
    return {{"tokens",
             "max_tokens * if(tokens_per_update > 0, ceil(tokens_per_update / (max_tokens * "
             "launch.ranks)), accumulate)"}};
  }
};

/// [eval.sampling]: draws translations instead of searching if it has a key beside `seed`.
struct EvalSamplingSection {
  std::optional<double> temperature, top_p;
  std::optional<int64_t> top_k, seed;

  void describe(auto& field) {
    field("temperature", temperature,
          "draw pieces by probability ^ (1 / temperature), default 1, instead of searching",
          between(0.01, 100));
    field("top_k", top_k, "draw among this many likeliest pieces", at_least(1));
    field("top_p", top_p, "draw among the likeliest pieces that together have this probability",
          between(0.001, 1));
    field("seed", seed, "of the draws, default 1; each sentence has its own", at_least(0));
  }
};

/// [eval]
struct EvalSection {
  static constexpr Scope kScope = Scope::kEval;
  std::vector<std::string> subsets = {"test"};
  std::string checkpoint = "best";
  int64_t beam = 5, max_tokens = 6000;
  double length_penalty = 1.0, max_length_a = 1.2, max_length_b = 10, capacity_fraction = 0.5;
  EvalSamplingSection sampling;
  Value exchange;
  // No defaults, so that evaluations from before these keys keep their ids.
  std::optional<int64_t> average, no_repeat_ngram;
  std::optional<double> min_length_a, min_length_b;
  std::optional<std::string> precision, deal;
  std::vector<std::string> metrics = {"bleu"};
  Value metric;

  void describe(auto& field) {
    field("subsets", subsets, "subsets of the corpus to translate and score");
    field("checkpoint", checkpoint, "which checkpoint to evaluate", one_of({"best", "last"}));
    field("average", average,
          "evaluate the mean of this many checkpoints, the last ones that train.keep keeps",
          at_least(1));
    field("beam", beam, "hypotheses kept per sentence; 1 = greedy, more is slower",
          between(1, 1000));
    field("max_tokens", max_tokens, "as in [train]", at_least(1, "tokens"));
    field("length_penalty", length_penalty,
          "scores are divided by length to this power; > 1 favours longer hypotheses",
          between(-100, 100));
    // Without a limit, a model that never ends a sentence would be decoded for ever.
    field("max_length_a", max_length_a,
          "longest hypothesis = max_length_a x source length + max_length_b", between(0, 1000));
    field("max_length_b", max_length_b, "see max_length_a", between(1, 100000, "pieces"));
    field(
        "min_length_a", min_length_a,
        "shortest hypothesis = min_length_a x source length + min_length_b, default 0, at most the "
        "longest",
        between(0, 1000));
    field("min_length_b", min_length_b, "see min_length_a", between(0, 100000, "pieces"));
    field("no_repeat_ngram", no_repeat_ngram,
          "no so many pieces in a row come twice in a hypothesis; 0, the default: any may",
          at_least(0));
    field("precision", precision,
          "number format of weight products, default fp32: int8, with a scale for each output and "
          "each row, is fastest; attention, routing and what is between them stay fp32",
          one_of({"fp32", "bf16", "int8"}));
    field("deal", deal,
          "which sentences a rank translates where translations depend on the batch, default "
          "length: neighbours in length; diverse: as different ones as possible, by their pieces' "
          "embeddings; random",
          one_of({"length", "diverse", "random"}));
    field.table("sampling", sampling);
    field("capacity_fraction", capacity_fraction,
          "slots per expert as a share of the tokens; < 0: the training rule; 0: dropless", any());
    field.overrides("exchange", "exchange", exchange,
                    "what the evaluation changes about the exchange: a table that is merged over "
                    "[model.moe.exchange]");
    field("metrics", metrics, "components of kind `metric`, or names of tables in [eval.metric]");
    field.named("metric", "metric", metric,
                "settings of the metrics: a table for each name; `use` picks the component if the "
                "name is not its own");
  }

  static std::vector<Rule> rules() {
    return {{"E050",
             "subsets != []",
             "'subsets' in [eval] is empty; name what to score, such as \"test\"",
             {"subsets"}},
            {"E050",
             "not ('train' in subsets)",
             "'subsets' in [eval] names 'train', whose text a prepared corpus does not keep; score "
             "another subset",
             {"subsets"}},
            {"E050",
             "average <= train.keep",
             "'average' in [eval] is {average}, but training keeps {train.keep} checkpoints; raise "
             "'keep' in [train] to {average}",
             {"average", "train.keep"}}};
  }
};

/// [launch.links]: what if. Part of a run's id once it is written, so that rates can be swept.
struct LinkSettings {
  std::optional<std::string> inter, in_node;
  std::optional<double> latency_ms;

  void describe(auto& field) {
    const Limit rate =
        matching("[1-9][0-9]*(\\.[0-9]+)?(kbit|mbit|gbit)", "a rate, such as \"100mbit\"");
    field("inter", inter,
          "rate of a node's port, for predictions; a run needs an emulated cluster that sets it",
          rate, Scope::kTrain);
    field("in_node", in_node, "rate of a rank's links inside its node, for predictions only", rate,
          Scope::kTrain);
    field("latency_ms", latency_ms, "added to the time of a message between nodes",
          between(0, 10'000, "ms"), Scope::kTrain);
  }
};

/// [launch]: settings that all launchers share.
struct LaunchSection {
  static constexpr Scope kScope = Scope::kNone;
  std::string use = "local";
  int64_t nodes = 1, ranks_per_node = 1, threads_per_rank = 1, timeout_s = 600;
  std::string device = "auto", interface, on_oom = "fail";
  bool overlap = true, packing = false;
  LinkSettings links;

  void describe(auto& field) {
    field("use", use, "the launcher: a component of kind `launcher`");
    field("nodes", nodes, "nodes; results depend on this number, not on the machines", at_least(1),
          Scope::kTrain);
    field("ranks_per_node", ranks_per_node, "ranks of each node", at_least(1), Scope::kTrain);
    field("device", device, "device of the tensors; auto = cuda if there is one",
          one_of({"auto", "cpu", "cuda"}), Scope::kSpeed);
    field("threads_per_rank", threads_per_rank, "CPU threads of each rank", at_least(1),
          Scope::kSpeed);
    field("timeout_s", timeout_s,
          "longest wait for the other ranks in a collective; a longer one fails the run",
          at_least(1, "s"));
    field("interface", interface, "network interface; empty = chosen by xp, which reports it");
    field("overlap", overlap,
          "compute while rows and gradients are on the links; false, for measuring: wait for them",
          Limit{}, Scope::kSpeed);
    field("packing", packing,
          "pack values that cross nodes, without loss: a sixth less of fp32, a third of bf16, "
          "for CPU time; `xp plan` says by how much it shortens steps",
          Limit{}, Scope::kSpeed);
    field("on_oom", on_oom,
          "when memory runs out: fail, or halve the micro-batch and accumulate twice as often",
          one_of({"fail", "halve"}));
    field.table("links", links);
  }

  static std::vector<Rule> rules() {
    return {{"E048",
             "not packing or device == 'cpu'",
             "'packing' in [launch] is true, which is work for processors only, but 'device' is "
             "{device}; "
             "use device = \"cpu\", or wires of bf16 in its place",
             {"packing", "device"}}};
  }
  static std::vector<Figure> figures() { return {{"ranks", "nodes * ranks_per_node"}}; }
};

/// [report]
struct ReportSection {
  static constexpr Scope kScope = Scope::kNone;
  std::vector<std::string> rows,
      columns = {"bleu", "tokens_per_second", "step_ms", "inter_node_bytes"}, groups, pool, files;
  std::string baseline, where, pivot, sort, format = "table";

  void describe(auto& field) {
    field("rows", rows, "settings that make the rows; empty = the axes of [sweep]");
    field("columns", columns,
          "metrics to show; SCORE@GROUP is the mean over the directions of a group");
    field(
        "groups", groups,
        "groups of directions for columns: \"low = be-en gl-en\"; en-x, x-en and single directions "
        "need none",
        matching("\\s*[A-Za-z0-9_-]+\\s*=\\s*[A-Za-z0-9_@-]+(\\s+[A-Za-z0-9_@-]+)*\\s*",
                 "a name, = and directions, such as \"low = be-en gl-en\""));
    field("baseline", baseline, "condition that picks the row which others are compared with");
    field("where", where, "condition for the rows to show");
    field("pivot", pivot, "an axis whose values become columns");
    field("sort", sort, "column to sort by; -COLUMN = descending");
    field("pool", pool,
          "\"layout\": pool trainings that differ only in nodes x ranks (quality only)");
    field("files", files,
          "files, relative to the experiment, that `xp report --write` updates and `--check` "
          "compares");
    field("format", format, "output format: a component of kind `renderer`");
  }
};

}  // namespace xp
