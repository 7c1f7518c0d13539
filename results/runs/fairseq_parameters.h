// Names of parameters: those of fairseq and fairseq-moe against ours.
//
// Theirs number the modules of a stack in the order they run, and experts within their rank; ours
// number layers, and experts over all ranks (docs/checkpoints.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace xp {

/// One of our parameters, and the tensors that make it, one under the other.
struct FairseqParameter {
  std::string ours;
  std::vector<std::string> theirs;
};

/// How often a stack of fairseq-moe has MoE layers, as its modules tell.
struct FairseqStack {
  int64_t layers = 0;
  int64_t every = 0;            ///< every n-th layer is an MoE layer; 0: none
  bool has_moe_last = false;    ///< all MoE layers come last (--reorder-layers)
  bool has_clustering = false;  ///< and the first of them assigns tokens (--token-cluster)
};

/// The stack of a side, "encoder" or "decoder". The predecessor puts MoE layers last only if every
/// second layer is one (predecessor.md 4.3).
FairseqStack fairseq_stack(const std::vector<std::string>& names, std::string_view side);

/// Every parameter of the encoder-decoder model whose state_dict on one rank has `names`; those of
/// its experts have numbers from `first_expert` on. Names that no parameter of ours needs are left
/// out.
std::vector<FairseqParameter> fairseq_parameters(const std::vector<std::string>& names,
                                                 int64_t first_expert);

/// Our name of a parameter of an expert: "node_experts.1.fc2.bias" is "experts.5-1.second.bias" if
/// the rank's first expert is 4; "" for any other name.
std::string our_expert(const std::string& theirs, int64_t first_expert);

/// The number of an expert within its rank, of a name that contains "experts.N."; -1 otherwise.
int64_t expert_number(std::string_view name);

}  // namespace xp
