// The transformer's rules between settings, and what it costs: parameters, matrix products, bytes
// on the links, memory. Source of the byte counts: the volume of an all-to-all with balanced
// experts: a row goes to each rank equally often.
#pragma once

#include "engine/base/packed_values.h"
#include "registry/relations.h"

#include <fmt/format.h>

#include <string>
#include <vector>

namespace xp {

inline std::vector<Rule> transformer_rules() {
  return {
      {"E042",
       "width % heads == 0",
       "'heads' is {heads}, which does not divide 'width' {width}",
       {"heads", "width"}},
      // gshard alone may have fewer: each set of experts then stands on several blocks of ranks.
      {"E041",
       "moe.layers == 0 or moe.experts >= launch.ranks or (moe.exchange.uses_nodes != 1 and not "
       "moe.token_cluster.enabled and launch.ranks % moe.experts == 0)",
       "'experts' is {moe.experts}, which {launch.ranks} ranks cannot share equally; the nearest "
       "that they can is {launch.ranks}",
       {"moe.experts", "launch.ranks_per_node", "launch.nodes"}},
      {"E041",
       "moe.layers == 0 or moe.experts < launch.ranks or moe.experts % launch.ranks == 0",
       "'experts' is {moe.experts}, which {launch.ranks} ranks cannot share equally; the nearest "
       "that they can is {moe.experts - moe.experts % launch.ranks} or {moe.experts - "
       "moe.experts % launch.ranks + launch.ranks}",
       {"moe.experts", "launch.ranks_per_node", "launch.nodes"}},
      {"E044",
       "moe.layers == 0 or moe.capacity_factor <= 0 or floor(moe.router.choices * "
       "ceil(train.max_tokens / moe.experts) * moe.capacity_factor) >= 1",
       "'capacity_factor' is {moe.capacity_factor}, which leaves an expert no slot in a batch of "
       "{train.max_tokens} tokens; must be at least {1 / (moe.router.choices * "
       "ceil(train.max_tokens / moe.experts))}, or 0 for no limit",
       {"moe.capacity_factor"}},
      {"E049",
       "share_embeddings != 'all' or corpus.source_pieces == corpus.target_pieces",
       "'share_embeddings' is \"all\" but the vocabularies have {corpus.source_pieces} and "
       "{corpus.target_pieces} pieces; use a joint one or share_embeddings = \"decoder\"",
       {"share_embeddings"}}};
}

// Full batches but for the bytes of rows; bias and norm parameters count, attention scores and
// softmax do not.
inline std::vector<Figure> transformer_figures() {
  const std::string ffn = "2 * width * ffn_width + width + ffn_width",
                    attention = "4 * (width * width + width)";
  std::vector<Figure> out = {
      {"moe.encoder_layers",
       "if(moe.every == 0 or moe.exchange.has_experts == 0, 0, floor(encoder_layers / "
       "max(1, moe.every)))"},
      {"moe.decoder_layers",
       "if(moe.every == 0 or moe.exchange.has_experts == 0, 0, floor(decoder_layers / "
       "max(1, moe.every)))"},
      {"moe.layers", "moe.encoder_layers + moe.decoder_layers"},
      {"moe.stacks", "min(1, moe.encoder_layers) + min(1, moe.decoder_layers)"},
      // Those whose first MoE layer is the clustering layer, or plain GShard.
      {"moe.clustered", "if(moe.token_cluster.enabled, moe.stacks, 0)"},
      {"moe.spared",
       "if(moe.exchange.spares_first == 1 and not moe.token_cluster.enabled, moe.stacks, 0)"},
      {"moe.others", "moe.layers - moe.clustered - moe.spared"},
      // Of an update's tokens on a rank, those that are not pads. What is left of the budget of a
      // batch is half a sentence.
      {"moe.tokens",
       "train.tokens * (1 - min(0.5, (corpus.batch_length - 1) / 2 / train.max_tokens)) * "
       "(moe.encoder_layers * corpus.source_fill + moe.decoder_layers * corpus.target_fill) / "
       "max(1, moe.layers)"},
      {"moe.group", "min(launch.ranks, moe.experts)"},
      {"moe.mates", "min(moe.group, launch.ranks_per_node)"},
      // Rows that leave the gate per token: empty slots are neither sent nor computed.
      {"moe.rows",
       "moe.router.choices * if(moe.capacity_factor > 0, min(1, moe.capacity_factor), 1)"},
      // Of rows that may go to any rank, the share that crosses nodes. Another node gets a token
      // once, also if both its choices are there.
      {"moe.nodes", "moe.group / moe.mates"},
      {"moe.crossing",
       "(1 - 1 / moe.nodes) * (1 - min(1, max(0, moe.rows - 1)) / 2 * (moe.experts / moe.nodes - "
       "1) / max(1, moe.experts - 1))"},
      {"layers", "encoder_layers + decoder_layers"},
      // Rows of the embedding and output tables.
      {"table_rows",
       "if(share_embeddings == 'all', corpus.target_pieces, corpus.source_pieces + "
       "if(share_embeddings == 'decoder', 1, 2) * corpus.target_pieces)"},
      {"expert_parameters", "moe.layers * moe.experts * (" + ffn + ")"},
      {"shared_parameters",
       "table_rows * width + (encoder_layers + 2 * decoder_layers) * " + attention +
           " + (layers - moe.layers + moe.clustered) * (" + ffn +
           ") + moe.layers * moe.experts * width + 2 * width * (2 * encoder_layers + 3 * "
           "decoder_layers + if(norm == 'pre', 2, 0))"},
      {"parameters", "shared_parameters + expert_parameters"},
      {"parameters_on_rank", "shared_parameters + expert_parameters / moe.group"},
      // Multiplications per token, source and target together.
      {"dense_products",
       "4 * width * width * (encoder_layers + 2 * decoder_layers) + 2 * width * ffn_width * "
       "(layers - moe.layers + moe.clustered) + width * corpus.target_pieces"},
      {"moe_products",
       "moe.layers * width * moe.experts + 2 * width * ffn_width * (moe.clustered + "
       "moe.spared * moe.rows + moe.others * moe.exchange.expert_rows)"},
      {"flops", "6 * train.tokens * (dense_products + if(moe.layers == 0, 0, moe_products))"},
      {"dense_flops",
       "6 * train.tokens * (dense_products + 2 * width * ffn_width * (moe.layers - "
       "moe.clustered))"},
      {"full_flops",
       "6 * train.tokens * (dense_products + if(moe.layers == 0, 0, moe.layers * (width * "
       "moe.experts + 2 * width * ffn_width * moe.rows)))"},
      {"expert_flops",
       "if(moe.layers == 0, 0, 12 * train.tokens * width * ffn_width * (moe.clustered + "
       "moe.spared * moe.rows + moe.others * moe.exchange.expert_rows))"},
      {"exchanges", "4 * moe.layers * train.tokens / train.max_tokens"},
      {"late_parameters", "table_rows * width"},
      // The forward pass ends with the logits: all sums are there by then. The backward pass begins
      // with them: none is wanted yet.
      {"output_flops", "6 * train.tokens * width * corpus.target_pieces"},
      {"value_bytes", "if(train.precision == 'fp32', 4, 2)"},
      // What the backward pass needs of a token. A layer keeps its input, normalised and not, what
      // attention sees and says, and the inner row of its FFN; of those, products keep theirs in
      // the precision of the training. A layer that is computed again keeps its input only, and one
      // of them is there as a whole. Each row of experts is kept going in, inside and coming out.
      {"moe.kept_rows",
       "if(moe.layers == 0, 0, moe.layers * (moe.exchange.expert_rows * (2 * width + ffn_width) - "
       "ffn_width))"},
      {"kept_bytes",
       "if(train.recompute_activations, 4 * ((layers + 38) * width + 3 * ffn_width + if("
       "moe.layers == 0, 0, moe.kept_rows / moe.layers)), if(train.precision == 'fp32', 4 * ("
       "(8 * encoder_layers + 14 * decoder_layers + 24) * width + (layers + 2) * ffn_width + "
       "moe.kept_rows), (20 * encoder_layers + 34 * decoder_layers + 48) * width + 2 * ((layers + "
       "2) * ffn_width + moe.kept_rows)))"},
      {"state_parameters",
       "shared_parameters / if(train.shard_optimizer, launch.ranks, 1) + expert_parameters / "
       "moe.group"},
      // Rank 0 has most: it copies the checkpoint, the experts of all ranks among it, after
      // activations are freed. Besides: weights and gradients in 32 bits, the optimizer's state,
      // gradients of the tables before they are added up, and the program (more with the products
      // of bf16).
      {"memory_bytes",
       "4 * (2 * parameters_on_rank + train.optimizer.state_values * state_parameters) + 16 * "
       "width * corpus.target_pieces + if(train.precision == 'fp32', 140e6, 240e6) + "
       "max(train.max_tokens * if(train.batches_in_flight > 1, 2, 1) * kept_bytes + 2048 * "
       "corpus.target_pieces + if(train.precision == "
       "'fp32', 0, 2 * parameters_on_rank), if(launch.device == 'cuda', 0, checkpoint_bytes))"},
      {"checkpoint_bytes", "4 * parameters * (1 + train.optimizer.state_values)"}};
  // Four all-to-alls a layer: there and back, and the gradient of each. A spared layer is GShard; a
  // clustering layer sends every row once there, and the stack's last layer back, all of them in
  // the format of the wire if some cross nodes.
  out.push_back({"moe.wire_bytes", "if(moe.wire == 'bf16' and moe.nodes > 1, 2, value_bytes)"});
  const std::string packed = fmt::format("if(launch.packing, {}, 0)", kPackedSaving);
  out.push_back({"moe.far_bytes", "moe.wire_bytes - " + packed});
  const auto bytes = [&out](const std::string& link, const std::string& gshard_rows,
                            const std::string& clustered_rows, const std::string& clustered_bytes,
                            const std::string& value_bytes) {
    out.push_back({link + "_bytes",
                   "if(moe.layers == 0, 0, 4 * moe.tokens * launch.ranks * width * "
                   "(moe.clustered * " +
                       clustered_bytes + " * " + clustered_rows + " + " + value_bytes +
                       " * (moe.spared * moe.rows * " + gshard_rows +
                       " + moe.others * moe.exchange." + link + "_rows)))"});
  };
  bytes("local", "1 / moe.mates", "1 / moe.group", "moe.wire_bytes", "value_bytes");
  bytes("in_node", "(moe.mates - 1) / moe.mates", "(moe.mates - 1) / moe.group", "moe.wire_bytes",
        "value_bytes");
  bytes("inter_node", "moe.crossing", "(1 - 1 / moe.nodes)", "moe.far_bytes", "moe.far_bytes");
  out.push_back({"fixed_inter_node_bytes",
                 "if(moe.layers == 0, 0, 4 * moe.tokens * launch.ranks * width * moe.far_bytes "
                 "* (moe.clustered * (1 - 1 / moe.nodes) + moe.spared * moe.rows * "
                 "moe.crossing))"});
  out.push_back({"global_share", "if(moe.layers == 0, 0, moe.exchange.global_share)"});
  // In the node's share of the buffer there and back; see engine/comm/hierarchical_sum.h.
  out.push_back({"gradient_inter_node_bytes",
                 "2 * (launch.nodes - 1) * shared_parameters * (if(train.gradient_wire == 'bf16', "
                 "2, 4) - " +
                     packed + ")"});
  return out;
}

}  // namespace xp
