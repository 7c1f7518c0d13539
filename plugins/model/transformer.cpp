// The encoder-decoder transformer, dense or with mixture-of-experts layers.
// Source: Vaswani et al. 2017, https://arxiv.org/abs/1706.03762; MoE layers as GShard,
// https://arxiv.org/abs/2006.16668.
//
// Shapes: B sentences, S source length, L target length, T real tokens, D width, V vocabulary, R
// rows being decoded.
#include "engine/base/error.h"
#include "engine/device/accelerator.h"
#include "engine/moe/blocks.h"
#include "engine/moe/moe_settings.h"
#include "engine/moe/moe_stack.h"
#include "engine/nn/dropout.h"
#include "engine/nn/padding.h"
#include "plugins/model/transformer_figures.h"
#include "registry/model.h"
#include "registry/tokenizer.h"

#include <algorithm>

namespace xp {
namespace {

struct TransformerSettings {
  std::string preset = "base", share_embeddings = "all", norm = "pre";
  int64_t encoder_layers = 6, decoder_layers = 6, width = 512, ffn_width = 2048, heads = 8;
  double dropout = 0.1, attention_dropout = 0.0;
  MoeSettings moe;

  void describe(auto& field) {
    field("preset", preset, "sizes to start from; any key beside it overrides them",
          one_of({"tiny", "base", "large"}), Scope::kNone);
    field("encoder_layers", encoder_layers, "layers of the encoder", at_least(1));
    field("decoder_layers", decoder_layers, "layers of the decoder", at_least(1));
    field("width", width, "model width", at_least(2));
    field("ffn_width", ffn_width, "inner width of feed-forward layers and experts", at_least(1));
    field("heads", heads, "attention heads", at_least(1));
    field("dropout", dropout, "of embeddings and sublayer outputs", between(0, 0.99));
    field("attention_dropout", attention_dropout, "of attention weights", between(0, 0.99));
    field("share_embeddings", share_embeddings,
          "one table for source, target and output, for the latter two, or none",
          one_of({"all", "decoder", "none"}));
    field("norm", norm, "normalise before or after each sublayer", one_of({"pre", "post"}));
    field.table("moe", moe);
  }

  static std::vector<Rule> rules() { return transformer_rules(); }
  static std::vector<Figure> figures() { return transformer_figures(); }

  static Value presets() {
    const auto size = [](int64_t layers, int64_t width, int64_t ffn_width, int64_t heads) {
      return Value{{"encoder_layers", layers},
                   {"decoder_layers", layers},
                   {"width", width},
                   {"ffn_width", ffn_width},
                   {"heads", heads}};
    };
    return {{"tiny", size(2, 128, 512, 4)},
            {"base", size(6, 512, 2048, 8)},
            {"large", size(12, 1024, 4096, 8)}};
  }
};

struct State final : DecodeState {
  State(int64_t layers, int64_t width) : own(layers, width), memory(layers, width) {}

  DecodeCache own, memory;     // of pieces of hypotheses, and of sources
  std::vector<Cells> sources;  // by number; empty: free
  std::vector<Cells> rows;     // of the step before
};

// The layers of an encoder or decoder: in order, or (layers_last) those with attention first, then
// an FFN that stands in for the clustering layer's, then all MoE layers.
template <class Layer>
struct Stack {
  std::vector<std::shared_ptr<Layer>> layers;
  std::shared_ptr<FeedForwardBlock> extra;
  std::shared_ptr<MoeStack> tail;
  std::vector<std::pair<std::string, MoeLayer*>> moe;  // by the name of the place it stands in for

  // What comes after the layers.
  torch::Tensor ending(torch::Tensor h_BLD, const RealTokens& real) const {
    if (extra) h_BLD = extra->forward(h_BLD, real);
    return tail ? tail->forward(h_BLD, real) : h_BLD;
  }

  // The same of rows without pads, without gradient.
  torch::Tensor inferred_ending(torch::Tensor h_TD) const {
    if (extra) h_TD = extra->infer(h_TD);
    return tail ? tail->infer(h_TD) : h_TD;
  }

  // Takes part in the other ranks' exchanges as `infer` does, without rows.
  void infer_nothing(int64_t width) const {
    const auto none_TD = torch::zeros({0, width}, computing_device());
    for (const auto& layer : layers) {
      auto* feed_forward = layer->feed_forward();
      if (feed_forward != nullptr && feed_forward->moe() != nullptr) feed_forward->infer(none_TD);
    }
    if (tail) tail->infer(none_TD);
  }

  // Tells `before_use` of each part, as a rank with rows does.
  template <class BeforeUse>
  torch::Tensor idle(int64_t width, const BeforeUse& before_use) const {
    auto zero = torch::zeros({});
    for (const auto& layer : layers) {
      before_use(*layer);
      if (layer->feed_forward() != nullptr) zero = zero + layer->feed_forward()->idle();
    }
    if (!tail) return zero;
    before_use(*tail);
    return zero + tail->idle(width);
  }
};

class Transformer final : public TranslationModel {
 public:
  Transformer(const TransformerSettings& settings, const ModelContext& context)
      : settings_(settings),
        context_(context),
        moe_(settings_.moe, settings_.width, settings_.ffn_width, context_) {
    const Init init(context.seed);
    const int64_t D = settings.width, V = context.target_vocabulary;
    target_ = register_module("target_embedding",
                              std::make_shared<Embedding>(V, D, init / "target_embedding"));
    source_ = settings.share_embeddings == "all"
                  ? target_
                  : register_module("source_embedding",
                                    std::make_shared<Embedding>(context.source_vocabulary, D,
                                                                init / "source_embedding"));
    if (settings.share_embeddings == "none") {
      output_VD_ = register_parameter(
          "output", (init / "output").normal({V, D}, 1 / std::sqrt(static_cast<double>(D))));
    }
    // Modules are registered in the order in which they are used.
    const bool has_norms = settings.norm == "pre";
    build(encoder_, "encoder", settings.encoder_layers, init / "encoder");
    if (has_norms) encoder_norm_ = register_module("encoder_norm", std::make_shared<Norm>(D));
    build(decoder_, "decoder", settings.decoder_layers, init / "decoder");
    if (has_norms) decoder_norm_ = register_module("decoder_norm", std::make_shared<Norm>(D));
    use_precision(*this, context.precision);
    packed_output_.use(context.precision);
  }

  ModelOutput forward(const Batch& batch) override {
    const Source source = encode(batch.source_BS);
    const auto flat_P = batch.target_out_BL.flatten();
    RealTokens real;
    if (batch.num_tokens != flat_P.size(0))
      real.index_T = (flat_P != Special::kPad).nonzero().squeeze(1);
    auto target_T = real.index_T.defined() ? flat_P.index_select(0, real.index_T) : flat_P;
    target_T = to_device(target_T);
    if (real.index_T.defined()) real.index_T = to_device(real.index_T);
    auto h = embedded(*target_, batch.target_in_BL);
    const auto target_mask = seen_by_pads(batch.target_in_BL);
    for (const auto& layer : decoder_.layers) {
      will_use(*layer);
      h = layer->forward(h, source.h_BSD, source.mask, target_mask, real);
    }
    will_use(*this);
    h = decoder_.ending(h, real);
    auto h_TD = finished(h, decoder_norm_).flatten(0, 1);
    if (real.index_T.defined()) h_TD = h_TD.index_select(0, real.index_T);
    return {h_TD, output(), target_T, combined_balance()};
  }

  torch::Tensor idle_forward() override {
    const auto in_encoder = idle(encoder_);  // first, as on the ranks with rows
    const auto in_decoder = idle(decoder_);
    will_use(*this);
    return in_encoder + in_decoder;
  }

  std::unique_ptr<DecodeState> start_decoding() override {
    return std::make_unique<State>(settings_.decoder_layers, settings_.width);
  }

  std::vector<int64_t> encode(DecodeState& decode_state,
                              const std::vector<std::vector<int32_t>>& sources) override {
    auto& state = dynamic_cast<State&>(decode_state);
    const bool infers = decodes_rows_independently();
    if (sources.empty()) {
      if (infers)
        encoder_.infer_nothing(settings_.width);
      else
        idle(encoder_);
      return {};
    }
    std::vector<int64_t> numbers;
    Cells all;
    for (const auto& source : sources) {
      auto free = std::find_if(state.sources.begin(), state.sources.end(),
                               [](const Cells& cells) { return cells.empty(); });
      if (free == state.sources.end()) free = state.sources.insert(free, Cells());
      for (size_t i = 0; i < source.size(); ++i)
        free->push_back(state.memory.take());
      all.insert(all.end(), free->begin(), free->end());
      numbers.push_back(free - state.sources.begin());
    }
    const auto h_TD = infers ? inferred(sources) : encoded(sources);
    for (size_t i = 0; i < decoder_.layers.size(); ++i)
      decoder_.layers[i]->remember(h_TD, all, state.memory, static_cast<int64_t>(i));
    return numbers;
  }

  torch::Tensor step(DecodeState& decode_state, const std::vector<DecodeRow>& rows) override {
    auto& state = dynamic_cast<State&>(decode_state);
    if (rows.empty()) {
      decoder_.infer_nothing(settings_.width);
      return torch::zeros({0, context_.target_vocabulary}, computing_device());
    }
    extend(state, rows);
    CachedRows own{state.own, {}, {}}, memory{state.memory, {}, {}};
    std::vector<int64_t> pieces, positions;
    for (size_t r = 0; r < rows.size(); ++r) {
      own.own.push_back(state.rows[r].back());
      own.cells.emplace_back(state.rows[r]);
      memory.cells.emplace_back(state.sources[static_cast<size_t>(rows[r].source)]);
      pieces.push_back(rows[r].piece);
      positions.push_back(static_cast<int64_t>(state.rows[r].size()) - 1);
    }
    auto h_RD = target_->at(torch::tensor(pieces), torch::tensor(positions));
    for (size_t i = 0; i < decoder_.layers.size(); ++i) {
      if (state.is_aligning && i + 1 == decoder_.layers.size()) memory.aligned = &state.aligned;
      h_RD = decoder_.layers[i]->step(h_RD, own, memory, static_cast<int64_t>(i));
    }
    h_RD = finished(decoder_.inferred_ending(h_RD), decoder_norm_);
    return packed_output_.multiply(output(), h_RD, {}, {});
  }

  void forget(DecodeState& decode_state, int64_t source) override {
    auto& state = dynamic_cast<State&>(decode_state);
    auto& cells = state.sources[static_cast<size_t>(source)];
    state.memory.release(cells);
    cells.clear();
  }

  bool decodes_rows_independently() const override { return moe_.keeps_rows_independent(); }
  torch::Tensor source_embedding() const override { return source_->weight; }

  bool announce_uses(BeforeUse before_use) override {
    before_use_ = std::move(before_use);
    return true;
  }

  void train(bool on = true) override {
    if (on) packed_output_.clear();
    Module::train(on);
  }

  bool is_collective() const override {
    return moe_.has_experts() && context_.groups.world->size() > 1;
  }

  std::vector<Parameter> parameter_list() override {
    std::vector<Parameter> out;
    for (const auto& item : named_parameters()) {
      const bool is_expert = item.key().find(".experts.") != std::string::npos;
      out.push_back({item.key(), item.value(), is_expert, is_expert ? copies() : nullptr});
    }
    return out;
  }

  MoeMetrics take_metrics() override {
    MoeMetrics out;
    take_from_layers([&out](const std::string& name, auto* layer) {
      for (const auto& [key, value] : layer->take_metrics())
        out[name + "." + key] = value;
    });
    return out;
  }

  std::map<std::string, SentRows> take_sent() override {
    std::map<std::string, SentRows> out;
    take_from_layers([&out](const std::string& name, auto* layer) {
      for (const auto& [part, sent] : layer->take_sent())
        out[name + "." + part] = sent;
    });
    return out;
  }

  ExpertLoads take_loads() override {
    std::vector<torch::Tensor> rows;
    std::vector<std::string> names;
    for (const auto* moe : {&encoder_.moe, &decoder_.moe}) {
      for (const auto& [name, layer] : *moe) {
        names.push_back(name);
        rows.push_back(layer->take_rows_E());
      }
    }
    if (rows.empty()) return {};
    auto rows_NE = torch::stack(rows);  // N MoE layers
    context_.groups.world->all_reduce_sum(rows_NE);
    const auto share_NE = 100 * rows_NE.to(torch::kDouble) / rows_NE.sum(1, true).clamp_min(1);
    ExpertLoads out;
    for (size_t i = 0; i < names.size(); ++i) {
      const auto share_E = share_NE[static_cast<int64_t>(i)].contiguous();
      const auto* first = share_E.data_ptr<double>();
      out[names[i]].assign(first, first + share_E.numel());
    }
    return out;
  }

 private:
  struct Source {
    torch::Tensor h_BSD, mask;
  };

  template <class Layer>
  torch::Tensor idle(const Stack<Layer>& stack) const {
    return stack.idle(settings_.width,
                      [this](const torch::nn::Module& module) { will_use(module); });
  }

  void will_use(const torch::nn::Module& module) const {
    if (before_use_ && is_training()) before_use_(module);
  }

  // `take` gets the name of each MoE and clustering layer, and the layer.
  template <class Take>
  void take_from_layers(const Take& take) {
    const auto take_all = [&take](const std::string& side, const auto& stack) {
      for (const auto& [name, layer] : stack.moe)
        take(name, layer);
      if (stack.tail && stack.tail->cluster() != nullptr) take(side, stack.tail->cluster());
    };
    take_all("encoder", encoder_);
    take_all("decoder", decoder_);
  }

  // Encoded pieces of all sources, one after the other: [T, D]. As in training, with pads, which
  // experts with few slots count.
  torch::Tensor encoded(const std::vector<std::vector<int32_t>>& sources) {
    const auto source_BS = padded(sources);
    const auto real_T = to_device((source_BS.flatten() != Special::kPad).nonzero().squeeze(1));
    return encode(source_BS).h_BSD.flatten(0, 1).index_select(0, real_T);
  }

  // The same without pads: a sentence has the same bits whatever is encoded with it.
  torch::Tensor inferred(const std::vector<std::vector<int32_t>>& sources) {
    DecodeCache cache(/*layers=*/1, settings_.width);
    CachedRows rows{cache, {}, {}};
    std::vector<int64_t> pieces, positions;
    std::vector<Cells> sentences;
    for (const auto& source : sources) {
      auto& cells = sentences.emplace_back();
      for (size_t i = 0; i < source.size(); ++i) {
        cells.push_back(cache.take());
        pieces.push_back(source[i]);
        positions.push_back(static_cast<int64_t>(i));
      }
    }
    for (const auto& cells : sentences) {
      rows.own.insert(rows.own.end(), cells.begin(), cells.end());
      rows.cells.insert(rows.cells.end(), cells.size(), cells);
    }
    auto h_TD = source_->at(torch::tensor(pieces), torch::tensor(positions));
    for (const auto& layer : encoder_.layers)
      h_TD = layer->infer(h_TD, rows);
    return finished(encoder_.inferred_ending(h_TD), encoder_norm_);
  }

  // Gives every row the cells of its parent and one more.
  static void extend(State& state, const std::vector<DecodeRow>& rows) {
    std::vector<Cells> extended;
    for (const auto& row : rows) {
      auto& cells = extended.emplace_back();
      if (row.parent >= 0) cells = state.rows[static_cast<size_t>(row.parent)];
      state.own.share(cells);
      cells.push_back(state.own.take());
    }
    for (const auto& cells : state.rows)
      state.own.release(cells);
    state.rows = std::move(extended);
  }

  template <class Layer>
  void build(Stack<Layer>& stack, const std::string& side, int64_t count, const Init& init) {
    const bool pre_norm = settings_.norm == "pre", in_decoder = side == "decoder";
    const BlockShape shape{settings_.width,
                           settings_.ffn_width,
                           settings_.heads,
                           settings_.dropout,
                           settings_.attention_dropout,
                           pre_norm,
                           settings_.moe.whose(),
                           context_.recomputes_activations};
    const auto& moe = settings_.moe;
    const bool last = moe_.has_experts() && moe.layers_last();
    const bool clusters = last && moe.token_cluster.enabled;
    std::vector<std::shared_ptr<Layer>> attention_only;
    std::vector<std::shared_ptr<FeedForwardBlock>> tail;
    std::shared_ptr<TokenCluster> cluster;
    int64_t num_moe = 0;
    for (int64_t i = 0; i < count; ++i) {
      const Init own = init / std::to_string(i);
      const auto name = fmt::format("{}-{}", side, i);
      const auto add = [&](const PositionWise& position_wise) {
        return register_module(name, std::make_shared<Layer>(shape, position_wise, own));
      };
      if (!moe_.is_moe(i)) {
        stack.layers.push_back(add({}));
        continue;
      }
      const int64_t ordinal = num_moe++;
      if (clusters && ordinal == 0) {
        cluster = moe_.cluster(in_decoder, pre_norm, settings_.dropout, own / "cluster");
      } else {
        const auto layer = moe_.layer(ordinal, own / "moe");
        stack.moe.emplace_back(fmt::format("{}.{}", side, i), layer.get());
        if (last)
          tail.push_back(std::make_shared<FeedForwardBlock>(shape, layer, own));
        else
          stack.layers.push_back(add({true, layer}));
      }
      if (last) attention_only.push_back(add({false, nullptr}));
    }
    if (num_moe == 0 || !last) return;
    stack.layers.insert(stack.layers.end(), attention_only.begin(), attention_only.end());
    // The predecessor's decoder has it also without clustering (predecessor.md 4.3).
    if (clusters || (moe.whose() == Compatibility::kSeed && in_decoder)) {
      BlockShape normed = shape;
      normed.pre_norm = true;
      stack.extra = register_module(
          side + "-ffn", std::make_shared<FeedForwardBlock>(normed, nullptr, init / "ffn"));
    }
    stack.tail = register_module(side + "-moe",
                                 std::make_shared<MoeStack>(cluster, std::move(tail), moe.whose()));
  }

  std::shared_ptr<Group> copies() const {
    for (const auto* moe : {&encoder_.moe, &decoder_.moe})
      if (!moe->empty()) return moe->front().second->copies();
    return nullptr;
  }

  // The predecessor's MoE layers see what its pads attend to: the tokens before them.
  torch::Tensor seen_by_pads(const torch::Tensor& piece_BL) const {
    const auto is_pad_here = piece_BL == Special::kPad;
    if (settings_.moe.whose() != Compatibility::kSeed || !is_pad_here.any().item<bool>()) return {};
    const auto is_pad_BL = to_device(is_pad_here);
    const int64_t L = piece_BL.size(1);
    const auto behind_LL = torch::ones({L, L}, is_pad_BL.options()).triu(1);
    const auto hidden = is_pad_BL.unsqueeze(1).logical_or(behind_LL);
    return torch::zeros(hidden.sizes(), target_->weight.options())
        .masked_fill_(hidden, -std::numeric_limits<float>::infinity())
        .unsqueeze(1);
  }

  torch::Tensor embedded(Embedding& table, const torch::Tensor& piece_BL) {
    will_use(table);
    const auto h_BLD = settings_.moe.whose() == Compatibility::kSeed
                           ? table.forward_around_pads(to_device(piece_BL))
                           : table.forward(to_device(piece_BL));
    return dropped(h_BLD, settings_.dropout, is_training());
  }

  Source encode(const torch::Tensor& source_BS) {
    Source out;
    RealTokens real;
    const auto is_pad_here = source_BS == Special::kPad;
    auto h = embedded(*source_, source_BS);
    if (is_pad_here.any().item<bool>()) {
      const auto is_pad_BS = to_device(is_pad_here);
      out.mask = torch::zeros(is_pad_BS.sizes(), h.options())
                     .masked_fill_(is_pad_BS, -std::numeric_limits<float>::infinity())
                     .unsqueeze(1)
                     .unsqueeze(1);
      real.index_T = to_device(is_pad_here.flatten().logical_not().nonzero().squeeze(1));
      if (settings_.moe.whose() == Compatibility::kSeed)
        h = h * is_pad_BS.logical_not().unsqueeze(2);
    }
    for (const auto& layer : encoder_.layers) {
      will_use(*layer);
      h = layer->forward(h, out.mask, real);
    }
    if (encoder_.extra) will_use(*encoder_.extra);
    if (encoder_.tail) will_use(*encoder_.tail);
    if (encoder_norm_) will_use(*encoder_norm_);
    out.h_BSD = finished(encoder_.ending(h, real), encoder_norm_);
    return out;
  }

  static torch::Tensor finished(const torch::Tensor& h, const std::shared_ptr<Norm>& norm) {
    return norm ? norm->forward(h) : h;
  }

  const torch::Tensor& output() const {
    return output_VD_.defined() ? output_VD_ : target_->weight;
  }

  torch::Tensor combined_balance() {
    std::vector<torch::Tensor> losses;
    const auto collect = [&](const auto& stack) {
      // The predecessor counts the clustering layer as one with loss 0.
      const bool counts_cluster = stack.tail && stack.tail->cluster() != nullptr &&
                                  settings_.moe.whose() == Compatibility::kSeed;
      if (counts_cluster) losses.push_back(torch::zeros({}, computing_device()));
      for (const auto& [name, layer] : stack.moe)
        if (layer->balance().defined()) losses.push_back(layer->balance());
    };
    collect(encoder_);
    collect(decoder_);
    return settings_.moe.combined(losses);
  }

  TransformerSettings settings_;
  ModelContext context_;
  std::shared_ptr<Embedding> source_, target_;
  MoeFactory moe_;
  Stack<EncoderLayer> encoder_;
  Stack<DecoderLayer> decoder_;
  std::shared_ptr<Norm> encoder_norm_, decoder_norm_;
  torch::Tensor output_VD_;
  PackedCopy packed_output_;
  BeforeUse before_use_;
};

struct TransformerModel final : Model {
  using Config = TransformerSettings;

  explicit TransformerModel(const Config& c) : config(c) {
    if (config.width % config.heads != 0) {
      user_error("'width' is {}, which {} heads cannot share equally; use a multiple of {}",
                 config.width, config.heads, config.heads);
    }
  }

  std::shared_ptr<TranslationModel> build(const ModelContext& context) const override {
    if (config.share_embeddings == "all" &&
        context.source_vocabulary != context.target_vocabulary) {
      user_error(
          "'share_embeddings' is \"all\" but the vocabularies have {} and {} pieces; use a joint "
          "one or "
          "share_embeddings = \"decoder\"",
          context.source_vocabulary, context.target_vocabulary);
    }
    return std::make_shared<Transformer>(config, context);
  }

  Config config;
};

XP_REGISTER(Model, TransformerModel, "transformer",
            "encoder-decoder transformer, dense or with MoE layers");

}  // namespace
}  // namespace xp
