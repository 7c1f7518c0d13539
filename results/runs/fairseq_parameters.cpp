// Walks the modules of each stack in order.
#include "results/runs/fairseq_parameters.h"

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <set>

namespace xp {
namespace {

// What follows "encoder.layers.4." in the names of each module.
using Modules = std::map<int64_t, std::set<std::string>>;

int64_t number_at(std::string_view text) {
  int64_t out = -1;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

bool has(const std::set<std::string>& tails, const std::string& start) {
  const auto found = tails.lower_bound(start);
  return found != tails.end() && found->starts_with(start);
}

Modules modules_of(const std::vector<std::string>& names, std::string_view side) {
  const std::string start = fmt::format("{}.layers.", side);
  Modules out;
  for (const auto& name : names) {
    if (!name.starts_with(start)) continue;
    const size_t dot = name.find('.', start.size());
    if (dot == name.npos) continue;
    out[number_at(std::string_view(name).substr(start.size()))].insert(name.substr(dot + 1));
  }
  return out;
}

class Walk {
 public:
  Walk(std::string side, const FairseqStack& stack, int64_t first_expert)
      : side_(std::move(side)), stack_(stack), first_expert_(first_expert) {}

  std::vector<FairseqParameter> walk(const std::vector<std::string>& names) {
    for (const auto& name : names) {
      if (name.starts_with(side_ + ".embed_tokens."))
        pair((side_ == "encoder" ? "source" : "target") + std::string("_embedding.weight"), name);
      else if (name.starts_with(side_ + ".layer_norm."))
        pair(side_ + "_norm" + name.substr(name.rfind('.')), name);
    }
    for (const auto& [number, tails] : modules_of(names, side_))
      module(fmt::format("{}.layers.{}.", side_, number), tails);
    return std::move(out_);
  }

 private:
  // Our number of the ordinal-th MoE layer, and of the ordinal-th other one.
  int64_t moe_layer(int64_t ordinal) const { return stack_.every * (ordinal + 1) - 1; }
  int64_t dense_layer(int64_t ordinal) const {
    return stack_.every == 0 ? ordinal : ordinal + ordinal / (stack_.every - 1);
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
      FairseqParameter one{ours + end, {}};
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
    std::string ours = fmt::format("{}-{}.wide.", side_, moe_layer(number));
    const bool is_cluster = stack_.has_clustering && number == 0;
    if (is_cluster)
      ours = side_ + "-moe.cluster.";
    else if (stack_.has_moe_last)
      ours = fmt::format("{}-moe.{}.", side_, stack_.has_clustering ? number - 1 : number);
    const std::string inside = is_cluster ? ours : ours + "moe.";
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
  FairseqStack stack_;
  int64_t first_expert_, num_dense_ = 0, num_self_ = 0, num_cross_ = 0, num_moe_ = 0;
  std::vector<FairseqParameter> out_;
};

}  // namespace

FairseqStack fairseq_stack(const std::vector<std::string>& names, std::string_view side) {
  FairseqStack out;
  int64_t dense = 0, first_dense = 0, moe = 0;
  bool after_moe = false;
  for (const auto& [number, tails] : modules_of(names, side)) {
    const bool is_moe = has(tails, "moe_layer."), has_attention = has(tails, "self_attn.");
    if (has(tails, "fc1.")) ++dense;
    if (is_moe) {
      if (++moe == 1) first_dense = dense;
      out.has_moe_last |= after_moe && !has_attention;
    }
    after_moe = is_moe;
    out.has_clustering |= side == "encoder" && has(tails, "ffn.");
    out.has_moe_last |= has(tails, "ffn.");
  }
  out.layers = dense + moe;
  if (moe > 0) out.every = out.has_moe_last ? out.layers / moe : first_dense + 1;
  return out;
}

int64_t expert_number(std::string_view name) {
  constexpr std::string_view kWord = "experts.";
  const size_t at = name.find(kWord);
  return at == name.npos ? -1 : number_at(name.substr(at + kWord.size()));
}

std::string our_expert(const std::string& theirs, int64_t first_expert) {
  const std::pair<std::string, const char*> sets[] = {{"experts.", ""},
                                                      {"local_experts.", "-0"},
                                                      {"node_experts.", "-1"},
                                                      {"global_experts.", "-2"}};
  for (const auto& [set, part] : sets) {
    if (!theirs.starts_with(set)) continue;
    std::string rest = theirs.substr(theirs.find('.', set.size()) + 1);
    const bool is_first = rest.starts_with("fc1.");
    if (!is_first && !rest.starts_with("fc2.")) return "";
    rest.replace(0, 3, is_first ? "first" : "second");
    return fmt::format("experts.{}{}.{}", first_expert + expert_number(theirs), part, rest);
  }
  return "";
}

std::vector<FairseqParameter> fairseq_parameters(const std::vector<std::string>& names,
                                                 int64_t first_expert) {
  std::vector<FairseqParameter> out;
  for (const char* side : {"encoder", "decoder"}) {
    FairseqStack stack = fairseq_stack(names, side);
    // A decoder has an FFN in place of the clustering layer's with or without clustering.
    stack.has_clustering = fairseq_stack(names, "encoder").has_clustering;
    for (auto& parameter : Walk(side, stack, first_expert).walk(names))
      out.push_back(std::move(parameter));
  }
  return out;
}

}  // namespace xp
