// Walks the recorded modules of each stack in order.
#include "engine/conformance/model_names.h"

#include "engine/base/error.h"

#include <map>
#include <set>

namespace xp {
namespace {

// "encoder.layers.4.self_attn.q_proj.bias" -> {4, "self_attn.q_proj.bias"}.
struct Place {
  int64_t module;
  std::string tail;
};

class Walk {
 public:
  Walk(std::string side, int64_t every, bool clusters, int64_t first_expert)
      : side_(std::move(side)), every_(every), clusters_(clusters), first_expert_(first_expert) {}

  void add(const std::string& name) {
    const std::string start = side_ + ".layers.";
    if (name.starts_with(start)) {
      const size_t dot = name.find('.', start.size());
      modules_[std::stoll(name.substr(start.size()))].insert(name.substr(dot + 1));
    } else if (name.starts_with(side_ + ".embed_tokens.")) {
      pair((side_ == "encoder" ? "source" : "target") + std::string("_embedding.weight"), name);
    } else if (name.starts_with(side_ + ".layer_norm.")) {
      pair(side_ + "_norm" + name.substr(name.rfind('.')), name);
    }
  }

  std::vector<NamedParts> finish() {
    for (const auto& [number, tails] : modules_)
      module(fmt::format("{}.layers.{}.", side_, number), tails);
    return std::move(out_);
  }

 private:
  static bool has(const std::set<std::string>& tails, const std::string& start) {
    const auto found = tails.lower_bound(start);
    return found != tails.end() && found->starts_with(start);
  }

  // Our number of the ordinal-th MoE layer, and of the ordinal-th other one.
  int64_t moe_layer(int64_t ordinal) const { return every_ * (ordinal + 1) - 1; }
  int64_t dense_layer(int64_t ordinal) const {
    return every_ == 0 ? ordinal : ordinal + ordinal / (every_ - 1);
  }

  void pair(const std::string& ours, const std::string& theirs) {
    out_.push_back({ours, {theirs}});
  }
  void both(const std::string& ours, const std::string& theirs) {
    for (const char* end : {".weight", ".bias"})
      pair(ours + end, theirs + end);
  }
  void joined(const std::string& ours, const std::string& theirs,
              const std::vector<std::string>& parts) {
    for (const char* end : {".weight", ".bias"}) {
      NamedParts one{ours + end, {}};
      for (const auto& part : parts)
        one.theirs.push_back(theirs + part + end);
      out_.push_back(one);
    }
  }

  void module(const std::string& theirs, const std::set<std::string>& tails) {
    const bool is_dense = has(tails, "fc1."), is_moe = has(tails, "moe_layer.");
    const bool has_self = has(tails, "self_attn."), has_cross = has(tails, "encoder_attn.");
    if (has(tails, "ffn.")) {
      both(side_ + "-ffn.norm", theirs + "layer_norm");
      both(side_ + "-ffn.ffn.first", theirs + "ffn.fc1");
      both(side_ + "-ffn.ffn.second", theirs + "ffn.fc2");
      return;
    }
    int64_t layer = 0;
    if (is_dense) layer = dense_layer(num_dense_++);
    if (!is_dense && has_self) layer = moe_layer(num_self_++);
    if (!is_dense && has_cross) layer = moe_layer(num_cross_++);
    const auto ours = fmt::format("{}-{}.", side_, layer);
    if (has_self) self_attention(ours, theirs);
    if (has_cross) cross_attention(ours, theirs);
    if (is_dense) {
      both(ours + "wide.norm", theirs + "final_layer_norm");
      both(ours + "wide.ffn.first", theirs + "fc1");
      both(ours + "wide.ffn.second", theirs + "fc2");
    }
    if (is_moe) moe(theirs, tails);
  }

  void self_attention(const std::string& ours, const std::string& theirs) {
    const bool is_encoder = side_ == "encoder";
    const auto attention = ours + (is_encoder ? "attention" : "self");
    both(ours + (is_encoder ? "norm" : "self_norm"), theirs + "self_attn_layer_norm");
    joined(attention + ".in", theirs + "self_attn.", {"q_proj", "k_proj", "v_proj"});
    both(attention + ".out", theirs + "self_attn.out_proj");
  }

  void cross_attention(const std::string& ours, const std::string& theirs) {
    both(ours + "cross_norm", theirs + "encoder_attn_layer_norm");
    both(ours + "cross.query", theirs + "encoder_attn.q_proj");
    joined(ours + "cross.memory", theirs + "encoder_attn.", {"k_proj", "v_proj"});
    both(ours + "cross.out", theirs + "encoder_attn.out_proj");
  }

  void moe(const std::string& theirs, const std::set<std::string>& tails) {
    const int64_t number = num_moe_++;
    std::string ours = fmt::format("{}-{}.wide.", side_, moe_layer(number)), inside = ours + "moe.";
    if (clusters_) {
      ours = side_ + "-moe." + (number == 0 ? "cluster." : fmt::format("{}.", number - 1));
      inside = number == 0 ? ours : ours + "moe.";
    }
    both(ours + "norm", theirs + "final_layer_norm");
    pair(inside + "gate", theirs + "moe_layer.gate.wg.weight");
    const std::string start = "moe_layer.";
    for (const auto& tail : tails) {
      const std::string expert =
          tail.starts_with(start) ? our_expert(tail.substr(start.size()), first_expert_) : "";
      if (!expert.empty()) pair(inside + expert, theirs + tail);
    }
  }

  std::string side_;
  int64_t every_;
  bool clusters_;
  int64_t first_expert_, num_dense_ = 0, num_self_ = 0, num_cross_ = 0, num_moe_ = 0;
  std::map<int64_t, std::set<std::string>> modules_;
  std::vector<NamedParts> out_;
};

}  // namespace

std::vector<NamedParts> model_names(const std::vector<std::string>& recorded, int64_t every,
                                    bool clusters, int64_t first_expert) {
  std::vector<NamedParts> out;
  for (const char* side : {"encoder", "decoder"}) {
    Walk walk(side, every, clusters, first_expert);
    for (const auto& name : recorded)
      walk.add(name);
    for (auto& pair : walk.finish())
      out.push_back(std::move(pair));
  }
  return out;
}

}  // namespace xp
