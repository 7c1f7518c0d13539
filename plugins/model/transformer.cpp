// The encoder-decoder transformer, dense or with mixture-of-experts layers.
// Source: Vaswani et al. 2017, https://arxiv.org/abs/1706.03762; MoE layers as GShard,
// https://arxiv.org/abs/2006.16668.
//
// Shapes: B sentences, S source length, L target length, T real tokens, D width, V vocabulary, R
// rows being decoded.
#include "engine/base/error.h"
#include "engine/nn/blocks.h"
#include "plugins/model/transformer_figures.h"
#include "registry/model.h"
#include "registry/tokenizer.h"

namespace xp {
namespace {

struct MoeSettings {
  int64_t every = 2, experts = 8;
  double capacity_factor = 1.25, balance_weight = 0.01;
  std::string balance_combine = "sum";
  Value router, exchange;

  void describe(auto& field) {
    field("every", every, "an MoE layer in place of every n-th FFN; 0 = dense",
          at_least(0, "layers"));
    field("experts", experts, "experts of each MoE layer, over all ranks", at_least(1));
    field("capacity_factor", capacity_factor, "slots per expert over an even share; <= 0: dropless",
          any());
    field("balance_weight", balance_weight, "weight of the load-balancing loss", at_least(0));
    field("balance_combine", balance_combine, "how the layers' balance losses become one",
          one_of({"sum", "average", "neg-log"}));
    field.component("router", "router", router, "top2", "which experts see a token");
    field.component("exchange", "exchange", exchange, "gshard",
                    "how tokens reach experts on other ranks");
  }
};

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
  std::vector<LayerState> layers;
  torch::Tensor mask;  // [B, 1, 1, S], or undefined
  int64_t beam = 1, position = 0;
};

class Transformer final : public TranslationModel {
 public:
  Transformer(const TransformerSettings& settings, const ModelContext& context)
      : settings_(settings), context_(context) {
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
    build_layers(init);
    if (settings.norm == "pre") {
      encoder_norm_ = register_module("encoder_norm", std::make_shared<Norm>(D));
      decoder_norm_ = register_module("decoder_norm", std::make_shared<Norm>(D));
    }
  }

  ModelOutput forward(const Batch& batch) override {
    const Source source = encode(batch.source_BS);
    const auto flat_P = batch.target_out_BL.flatten();
    RealTokens real;
    if (batch.num_tokens != flat_P.size(0))
      real.index_T = (flat_P != Special::kPad).nonzero().squeeze(1);
    auto h = dropped(target_->forward(batch.target_in_BL), settings_.dropout, is_training());
    for (const auto& layer : decoder_)
      h = layer->forward(h, source.h_BSD, source.mask, real);
    auto h_TD = finished(h, decoder_norm_).flatten(0, 1);
    auto target_T = flat_P;
    if (real.index_T.defined()) {
      h_TD = h_TD.index_select(0, real.index_T);
      target_T = flat_P.index_select(0, real.index_T);
    }
    return {h_TD, output(), target_T, combined_balance()};
  }

  torch::Tensor idle_forward() override {
    auto zero = torch::zeros({});
    for (const auto& layer : encoder_)
      zero = zero + layer->wide().idle();
    for (const auto& layer : decoder_)
      zero = zero + layer->wide().idle();
    return zero;
  }

  std::unique_ptr<DecodeState> start(const torch::Tensor& source_BS, int64_t beam) override {
    auto state = std::make_unique<State>();
    const Source source = encode(source_BS);
    state->mask = source.mask;
    state->beam = beam;
    for (const auto& layer : decoder_)
      state->layers.push_back({{}, layer->memory_keys(source.h_BSD)});
    return state;
  }

  torch::Tensor step(DecodeState& decode_state, const torch::Tensor& piece_R) override {
    auto& state = dynamic_cast<State&>(decode_state);
    auto h = target_->forward(piece_R.unsqueeze(1), state.position);
    for (size_t i = 0; i < decoder_.size(); ++i)
      h = decoder_[i]->step(h, state.layers[i], state.mask, state.beam);
    ++state.position;
    return torch::matmul(finished(h, decoder_norm_).squeeze(1), output().t());
  }

  void reorder(DecodeState& decode_state, const torch::Tensor& from_R) override {
    auto& state = dynamic_cast<State&>(decode_state);
    const auto sentence_B = from_R.slice(0, 0, from_R.size(0), state.beam).floor_divide(state.beam);
    const bool fewer = sentence_B.size(0) != state.layers.front().memory.key.size(0);
    const auto pick = [](torch::Tensor& tensor, const torch::Tensor& index) {
      if (tensor.defined()) tensor = tensor.index_select(0, index);
    };
    for (auto& layer : state.layers) {
      pick(layer.self.key, from_R);
      pick(layer.self.value, from_R);
      if (!fewer) continue;
      pick(layer.memory.key, sentence_B);
      pick(layer.memory.value, sentence_B);
    }
    if (fewer) pick(state.mask, sentence_B);
  }

  void idle_start() override {
    for (const auto& layer : encoder_)
      layer->wide().idle();
  }
  void idle_step() override {
    for (const auto& layer : decoder_)
      layer->wide().idle();
  }

  bool is_collective() const override { return has_moe_ && context_.groups.world->size() > 1; }

  std::vector<Parameter> parameter_list() override {
    std::vector<Parameter> out;
    for (const auto& item : named_parameters()) {
      out.push_back({item.key(), item.value(), item.key().find(".experts-") != std::string::npos});
    }
    return out;
  }

  MoeMetrics take_metrics() override {
    MoeMetrics out;
    const auto take = [&out](Wide& wide, const std::string& name) {
      if (wide.moe() == nullptr) return;
      for (const auto& [key, value] : wide.moe()->take_metrics())
        out[name + "." + key] = value;
    };
    for (size_t i = 0; i < encoder_.size(); ++i)
      take(encoder_[i]->wide(), fmt::format("encoder.{}", i));
    for (size_t i = 0; i < decoder_.size(); ++i)
      take(decoder_[i]->wide(), fmt::format("decoder.{}", i));
    return out;
  }

 private:
  struct Source {
    torch::Tensor h_BSD, mask;
  };

  void build_layers(const Init& init) {
    const BlockShape shape{settings_.width,   settings_.ffn_width,         settings_.heads,
                           settings_.dropout, settings_.attention_dropout, settings_.norm == "pre"};
    const auto parts = std::make_shared<MoeParts>(settings_, context_);
    const auto stack = [&](auto& layers, const std::string& side, int64_t count) {
      using Layer = typename std::decay_t<decltype(layers)>::value_type::element_type;
      int64_t num_moe = 0;
      for (int64_t i = 0; i < count; ++i) {
        const Init own = init / side / std::to_string(i);
        const bool is_moe = parts->exchange && (i + 1) % settings_.moe.every == 0;
        auto moe = is_moe ? parts->layer(num_moe++ == 0, own / "moe") : nullptr;
        has_moe_ = has_moe_ || is_moe;
        layers.push_back(register_module(fmt::format("{}-{}", side, i),
                                         std::make_shared<Layer>(shape, moe, own)));
      }
    };
    stack(encoder_, "encoder", settings_.encoder_layers);
    stack(decoder_, "decoder", settings_.decoder_layers);
  }

  // Router and exchanges, shared by all MoE layers of the model.
  struct MoeParts {
    MoeParts(const TransformerSettings& settings, const ModelContext& model_context)
        : context(model_context),
          shape{settings.width, settings.ffn_width, settings.moe.experts,
                settings.moe.capacity_factor, model_context.capacity_fraction} {
      if (settings.moe.every == 0) return;
      auto made = make_part<Exchange>(settings.moe.exchange);
      if (!made->has_experts()) return;
      router = make_part<Router>(settings.moe.router);
      first = made->spares_first_layer() ? make_part<Exchange>({{"use", "gshard"}}) : nullptr;
      auto other = context.evaluating ? made->for_evaluation(context.alpha, context.beta) : nullptr;
      exchange = other ? std::move(other) : std::move(made);
    }
    std::shared_ptr<MoeLayer> layer(bool is_first, const Init& init) const {
      return std::make_shared<MoeLayer>(shape, router, is_first && first ? first : exchange,
                                        context.groups, init);
    }
    const ModelContext& context;
    MoeShape shape;
    std::shared_ptr<const Router> router;
    std::shared_ptr<const Exchange> exchange, first;
  };

  Source encode(const torch::Tensor& source_BS) {
    Source out;
    RealTokens real;
    const auto is_pad_BS = source_BS == Special::kPad;
    auto h = dropped(source_->forward(source_BS), settings_.dropout, is_training());
    if (is_pad_BS.any().item<bool>()) {
      out.mask = torch::zeros(is_pad_BS.sizes(), h.options())
                     .masked_fill_(is_pad_BS, -std::numeric_limits<float>::infinity())
                     .unsqueeze(1)
                     .unsqueeze(1);
      real.index_T = is_pad_BS.flatten().logical_not().nonzero().squeeze(1);
    }
    for (const auto& layer : encoder_)
      h = layer->forward(h, out.mask, real);
    out.h_BSD = finished(h, encoder_norm_);
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
    const auto collect = [&losses](Wide& wide) {
      if (wide.moe() != nullptr && wide.moe()->balance().defined())
        losses.push_back(wide.moe()->balance());
    };
    for (const auto& layer : encoder_)
      collect(layer->wide());
    for (const auto& layer : decoder_)
      collect(layer->wide());
    if (losses.empty()) return {};
    const auto all = torch::stack(losses).to(torch::kFloat);
    const auto& combine = settings_.moe.balance_combine;
    auto one = combine == "sum" ? all.sum() : all.mean();
    if (combine == "neg-log") one = one.clamp_min(1e-30).log().neg();
    return one * settings_.moe.balance_weight;
  }

  TransformerSettings settings_;
  ModelContext context_;
  std::shared_ptr<Embedding> source_, target_;
  std::vector<std::shared_ptr<EncoderLayer>> encoder_;
  std::vector<std::shared_ptr<DecoderLayer>> decoder_;
  std::shared_ptr<Norm> encoder_norm_, decoder_norm_;
  torch::Tensor output_VD_;
  bool has_moe_ = false;
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
