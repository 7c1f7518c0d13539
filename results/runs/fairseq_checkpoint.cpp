// Collects tensors of all files, renames and joins them.
#include "results/runs/fairseq_checkpoint.h"

#include "engine/base/error.h"
#include "engine/base/json_text.h"
#include "results/runs/fairseq_parameters.h"
#include "results/runs/tensor_file.h"

#include <algorithm>
#include <charconv>
#include <deque>
#include <set>

namespace xp {
namespace {

using Tensors = std::map<std::string, TensorBytes>;

constexpr const char* kOutput = "decoder.output_projection.weight";

// State that no parameter of ours needs: positions are computed.
bool is_needless(const std::string& name) {
  return name.ends_with(".version") || name.ends_with(".embed_positions._float_tensor");
}

// Of "checkpoint_best-rank-12.safetensors"; -1 if the name has no such number.
int64_t rank_in(const fs::path& file) {
  constexpr std::string_view kWord = "rank-";
  const std::string name = file.filename().string();
  const size_t at = name.rfind(kWord);
  int64_t out = -1;
  if (at != name.npos) std::from_chars(&name[at] + kWord.size(), name.data() + name.size(), out);
  return out;
}

bool are_equal(const TensorBytes& a, const TensorBytes& b) {
  return a.type == b.type && a.shape == b.shape && a.bytes == b.bytes;
}

// One file, and what its experts are.
struct Source {
  explicit Source(const fs::path& path) : file(path), rank(rank_in(path)) {
    file.verify();
    for (const auto& [name, tensor] : file.tensors())
      num_experts = std::max(num_experts, 1 + expert_number(name));
  }
  TensorFile file;
  int64_t rank;
  int64_t num_experts = 0;  // of each MoE layer
};

class Import {
 public:
  explicit Import(std::vector<fs::path> files) {
    std::sort(files.begin(), files.end(),
              [](const fs::path& a, const fs::path& b) { return rank_in(a) < rank_in(b); });
    for (const auto& path : files)
      sources_.emplace_back(path);
    require_all_ranks();
    for (const Source& source : sources_)
      add(source);
    for (const auto& [name, tensor] : theirs_)
      names_.push_back(name);
    rename();
    name_embeddings();
    check_experts();
  }

  const Tensors& ours() const { return ours_; }
  Value settings() const;

 private:
  // The experts of a rank are numbered behind those of the ranks before.
  void require_all_ranks() const {
    std::vector<const Source*> ranks;
    for (const Source& source : sources_)
      if (source.num_experts > 0) ranks.push_back(&source);
    for (size_t i = 0; i < ranks.size() && ranks.size() > 1; ++i) {
      if (ranks[i]->rank == static_cast<int64_t>(i)) continue;
      user_error(
          "the experts of rank {} are not there; name the files of all ranks, "
          "...rank-0... to ...rank-{}...",
          i, std::max<int64_t>(ranks.back()->rank, static_cast<int64_t>(ranks.size()) - 1));
    }
  }

  // Their names with experts numbered over all files.
  void add(const Source& source) {
    for (const auto& [name, tensor] : source.file.tensors()) {
      if (is_needless(name)) continue;
      if (tensor.type != "F32")
        user_error("tensor '{}' of '{}' is {}; convert it to F32", name,
                   source.file.path().string(), tensor.type);
      const auto [known, is_new] = theirs_.emplace(global_name(name), tensor);
      if (is_new || are_equal(known->second, tensor)) continue;
      user_error("tensor '{}' of '{}' is another one in a file before", name,
                 source.file.path().string());
    }
    first_expert_ += source.num_experts;
  }

  std::string global_name(const std::string& name) const {
    const int64_t number = expert_number(name);
    if (number < 0) return name;
    constexpr std::string_view kWord = "experts.";
    const size_t at = name.find(kWord) + kWord.size();
    return name.substr(0, at) + std::to_string(first_expert_ + number) +
           name.substr(std::min(name.find('.', at), name.size()));
  }

  void rename() {
    for (const char* side : {"encoder", "decoder"}) {
      if (!theirs_.contains(fmt::format("{}.embed_tokens.weight", side)))
        user_error(
            "there is no tensor '{}.embed_tokens.weight'; name the file of shared parameters",
            side);
    }
    std::set<std::string> unused(names_.begin(), names_.end());
    unused.erase(kOutput);
    for (const auto& [ours, theirs] : fairseq_parameters(names_, /*first_expert=*/0)) {
      for (const auto& name : theirs) {
        if (!theirs_.contains(name))
          user_error("there is no tensor '{}', which belongs to '{}'", name, ours);
        unused.erase(name);
      }
      ours_[ours] = theirs.size() == 1 ? theirs_.at(theirs.front()) : joined(theirs);
    }
    if (unused.empty()) return;
    user_error("tensor '{}' has no place in a transformer of xp{}", *unused.begin(),
               unused.size() == 1 ? "" : fmt::format(", nor have {} others", unused.size() - 1));
  }

  TensorBytes joined(const std::vector<std::string>& names) {
    TensorBytes out = theirs_.at(names.front());
    std::string& bytes = joined_.emplace_back();
    int64_t rows = 0;
    for (const auto& name : names) {
      const TensorBytes& part = theirs_.at(name);
      if (part.shape != out.shape)
        user_error("tensor '{}' is {}, but '{}' is {}; they make one parameter", name,
                   json_text(Value(part.shape)), names.front(), json_text(Value(out.shape)));
      rows += part.shape.empty() ? 0 : part.shape.front();
      bytes += part.bytes;
    }
    if (!out.shape.empty()) out.shape.front() = rows;
    out.bytes = bytes;
    return out;
  }

  // Tables that are shared have several names there and one here.
  void name_embeddings() {
    const auto source = ours_.find("source_embedding.weight");
    const auto target = ours_.find("target_embedding.weight");
    const auto output = theirs_.find(kOutput);
    if (output != theirs_.end() && !are_equal(output->second, target->second)) {
      ours_["output"] = output->second;
      share_embeddings_ = "none";
    } else if (are_equal(source->second, target->second)) {
      ours_.erase(source);
      share_embeddings_ = "all";
    }
  }

  void check_experts() const {
    for (const auto& [name, gate] : ours_) {
      if (!name.ends_with("gate") || gate.shape.empty() || gate.shape.front() == first_expert_)
        continue;
      user_error("'{}' chooses among {} experts, but the files have {}; name those of all ranks",
                 name, gate.shape.front(), first_expert_);
    }
  }

  std::vector<int64_t> shape(const std::string& theirs, size_t dimensions) const {
    const auto found = theirs_.find(theirs);
    auto out = found == theirs_.end() ? std::vector<int64_t>() : found->second.shape;
    out.resize(dimensions);
    return out;
  }

  std::deque<Source> sources_;
  Tensors theirs_, ours_;
  std::vector<std::string> names_;
  std::deque<std::string> joined_;
  int64_t first_expert_ = 0;  // of the next file; in the end the number of experts
  std::string share_embeddings_ = "decoder";
};

Value Import::settings() const {
  const FairseqStack encoder = fairseq_stack(names_, "encoder");
  const FairseqStack decoder = fairseq_stack(names_, "decoder");
  int64_t ffn_width = 0;
  bool splits_features = false;
  for (const auto& [name, tensor] : theirs_) {
    if (name.ends_with("fc1.bias")) ffn_width = tensor.shape.empty() ? 0 : tensor.shape.front();
    splits_features |= name.find("moe_layer.global_experts.") != name.npos ||
                       name.find("moe_layer.local_experts.") != name.npos ||
                       name.find("moe_layer.node_experts.") != name.npos;
  }
  Value out = {{"encoder_layers", encoder.layers},
               {"decoder_layers", decoder.layers},
               {"width", shape("decoder.embed_tokens.weight", 2)[1]},
               {"ffn_width", ffn_width},
               {"share_embeddings", share_embeddings_},
               {"norm", theirs_.contains("encoder.layer_norm.weight") ? "pre" : "post"}};
  out["moe.every"] = encoder.every;
  if (encoder.every == 0) return out;
  out["moe.experts"] = first_expert_;
  if (encoder.has_clustering)
    out["moe.token_cluster.enabled"] = true;
  else if (encoder.has_moe_last)
    out["moe.reorder_layers"] = true;
  if (splits_features) out["moe.exchange.use"] = "scomoe-feat";
  return out;
}

}  // namespace

Value import_fairseq(const std::vector<fs::path>& files, const fs::path& output) {
  const Import import(files);
  Value from = Value::array();
  for (const auto& file : files)
    from.push_back(file.filename().string());
  write_tensor_file(output, import.ours(), {{"imported_from", from}});
  return import.settings();
}

}  // namespace xp
