// Kind `model`: an encoder-decoder that is trained on batches and decodes step by step.
//
// Shapes: B sentences, S source length, L target length, T real target tokens on this rank, V
// vocabulary.
#pragma once

#include "engine/comm/group.h"
#include "registry/draws.h"
#include "registry/precision.h"
#include "registry/registry.h"
#include "registry/sent_rows.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace xp {

/// Sentence pairs of one rank, right-padded; int64 piece ids, in the host's memory: a model moves
/// what it needs, so that nobody has to ask a device where the pads are. Empty (B = 0) if a rank
/// has nothing left.
struct Batch {
  torch::Tensor source_BS;      ///< ends in </s>
  torch::Tensor target_in_BL;   ///< starts with </s> (as fairseq does)
  torch::Tensor target_out_BL;  ///< ends in </s>
  int64_t num_sentences = 0;
  int64_t num_tokens = 0;  ///< real target tokens, </s> included
  bool empty() const { return num_sentences == 0; }
};

/// What a training step needs from the model.
struct ModelOutput {
  torch::Tensor h_TD;       ///< last hidden states of the real target tokens, in row order
  torch::Tensor output_VD;  ///< the output projection: logits are h W'
  torch::Tensor target_T;
  torch::Tensor
      balance;  ///< the balance losses of all MoE layers combined; a scalar, undefined without MoE
};

/// A parameter with what is needed to reduce, save and load it.
struct Parameter {
  std::string name;  ///< unique over all ranks: experts carry their global number
  torch::Tensor tensor;
  bool is_expert = false;  ///< lives on this rank and those of `copies` only; its gradient is
                           ///< already the sum over all ranks that send it rows
  std::shared_ptr<Group> copies;  ///< of an expert: the ranks that hold copies, this one included;
                                  ///< null: only here. The same for all experts of a model
};

/// The sources that are being translated, and what a model keeps of their hypotheses between
/// decoding steps; owned by the caller.
struct DecodeState {
  virtual ~DecodeState() = default;
  /// Whether `step` fills `aligned`; a model without attention leaves it empty.
  bool is_aligning = false;
  /// For each row of the last step: which piece of its source, from 0, the last decoder layer's
  /// heads attend to most on average.
  std::vector<int32_t> aligned;
};

/// A hypothesis in a decoding step: one that the step before had, with one more piece.
struct DecodeRow {
  int32_t piece;
  int64_t parent;  ///< its row in the step before; -1: `piece` is the decoder's first symbol
  int64_t source;  ///< what `encode` named
};

/// Figures of the MoE layers since they were last taken: metric name -> mean
/// ("encoder.1.overflow_first").
using MoeMetrics = std::map<std::string, double>;

/// Share of a layer's rows, in percent, that came to each of its experts since it was last asked
/// for: layer ("encoder.1") -> one for each expert, in the order of their numbers.
using ExpertLoads = std::map<std::string, std::vector<double>>;

/// A built model. With MoE layers over several ranks every call is collective; a rank without work
/// calls the idle form, or decodes nothing.
struct TranslationModel : torch::nn::Module {
  virtual ModelOutput forward(const Batch& batch) = 0;
  /// Takes part in the others' `forward`; a zero that carries the gradient graph.
  virtual torch::Tensor idle_forward() = 0;

  /// An empty state, for the model's present parameters.
  virtual std::unique_ptr<DecodeState> start_decoding() = 0;
  /// Encodes sources, each with its end, and returns a number for each, by which rows name it until
  /// it is forgotten. Without sources: takes part in the others' exchanges only.
  virtual std::vector<int64_t> encode(DecodeState& state,
                                      const std::vector<std::vector<int32_t>>& sources) = 0;
  /// Logits of what follows each row: [rows, V], fp32. What no row continues is given up. Without
  /// rows: takes part in the others' exchanges only.
  virtual torch::Tensor step(DecodeState& state, const std::vector<DecodeRow>& rows) = 0;
  /// Frees a source that no row of the step to come names.
  virtual void forget(DecodeState& state, int64_t source) = 0;
  /// false: a row's logits also depend on which others are decoded with it, because experts have
  /// few slots or rows are shared out among them. Translations then depend on the batches.
  virtual bool decodes_rows_independently() const = 0;

  /// Called before a pass of training reads parameters of `module`, its submodules' included.
  using BeforeUse = std::function<void(const torch::nn::Module& module)>;
  /// From now on `forward` and `idle_forward` call `before_use` while the model is training, each
  /// parameter's module or one around it before they read it, at last the model itself; an empty
  /// function: nobody. False: this model does not, so its parameters must be complete before.
  virtual bool announce_uses(BeforeUse before_use) {
    static_cast<void>(before_use);
    return false;
  }

  /// The embeddings of source pieces: [V, D].
  virtual torch::Tensor source_embedding() const = 0;

  virtual bool is_collective() const = 0;
  virtual std::vector<Parameter> parameter_list() = 0;
  virtual MoeMetrics take_metrics() = 0;
  /// Of all ranks together; empty without experts. Collective.
  virtual ExpertLoads take_loads() { return {}; }
  /// What this rank's exchanges sent while training since the last time, by layer and part:
  /// "encoder.1.global"; "encoder.1.layer" has all tokens of the layer. The same names on all
  /// ranks.
  virtual std::map<std::string, SentRows> take_sent() { return {}; }
};

struct ModelContext {
  int64_t source_vocabulary = 0, target_vocabulary = 0;
  int64_t seed = 1;
  Groups groups;
  /// [eval] capacity_fraction; used while the model is not training. Validation keeps the default,
  /// dropless: the first pieces of all sentences are alike and choose the same experts, so that
  /// with few slots the figures would depend on how sentences are batched.
  double capacity_fraction = 0;
  /// [eval.exchange]: merged over the settings of the model's exchange; empty while training.
  Value exchange_overrides = Value::object();
  std::shared_ptr<Draws> draws = std::make_shared<Draws>();  ///< of the MoE layers
  /// [train] recompute_activations: a model that cannot may ignore it.
  bool recomputes_activations = false;
  /// [eval] precision: of weight products while decoding; a model that cannot may use fp32.
  Precision precision = Precision::kFp32;
};

struct Model {
  static constexpr const char* kKind = "model";
  virtual ~Model() = default;
  /// Raises kUser if the settings do not fit each other or the ranks.
  virtual std::shared_ptr<TranslationModel> build(const ModelContext& context) const = 0;
};

}  // namespace xp
