// The options of fairseq and fairseq-moe that a setting replaces, for hints and the guide for users
// of those. Options that become settings of one component are declared by it (`predecessor()`).
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace xp {

/// An option without its dashes, with '_' for '-', and the full path of the setting.
struct FairseqName {
  std::string_view option, path;
};

inline constexpr FairseqName kFairseqNames[] = {
    // Optimization.
    {"max_update", "train.max_updates"},
    {"max_epoch", "train.max_epochs"},
    {"stop_time_hours", "train.max_hours"},
    {"update_freq", "train.accumulate"},
    {"batch_size", "train.max_tokens"},
    {"max_sentences", "train.max_tokens"},
    {"finetune_from_model", "train.init_from"},
    {"restore_file", "train.init_from"},
    {"checkpoint_activations", "train.recompute_activations"},
    {"fp16", "train.precision"},
    {"bf16", "train.precision"},
    {"learning_rate", "train.optimizer.lr"},
    {"adam_betas", "train.optimizer.betas"},
    {"adam_eps", "train.optimizer.eps"},
    {"lr_scheduler", "train.schedule.use"},
    {"lr_period_updates", "train.schedule.period_updates"},
    {"moe_normalize_expert_grad", "train.expert_gradient_scale"},
    // Validation and checkpoints.
    {"validate_interval_updates", "train.validate_every"},
    {"save_interval_updates", "train.save_every"},
    {"keep_interval_updates", "train.keep"},
    {"keep_last_epochs", "train.keep"},
    {"best_checkpoint_metric", "train.best_metric"},
    // The model.
    {"arch", "model.preset"},
    {"encoder_embed_dim", "model.width"},
    {"decoder_embed_dim", "model.width"},
    {"encoder_ffn_embed_dim", "model.ffn_width"},
    {"decoder_ffn_embed_dim", "model.ffn_width"},
    {"encoder_attention_heads", "model.heads"},
    {"decoder_attention_heads", "model.heads"},
    {"encoder_normalize_before", "model.norm"},
    {"decoder_normalize_before", "model.norm"},
    {"share_all_embeddings", "model.share_embeddings"},
    // Mixture of experts.
    {"moe_freq", "model.moe.every"},
    {"encoder_moe_freq", "model.moe.every"},
    {"decoder_moe_freq", "model.moe.every"},
    {"moe_expert_count", "model.moe.experts"},
    {"capacity", "model.moe.capacity_factor"},
    {"moe_gate_loss_wt", "model.moe.balance_weight"},
    {"gate_loss_wt", "model.moe.balance_weight"},
    {"moe_gate_loss_combine_method", "model.moe.balance_combine"},
    {"moe_top1_expert", "model.moe.router.use"},
    {"moe_second_expert_policy", "model.moe.router.second_expert"},
    {"moe_normalize_gate_prob_before_dropping", "model.moe.router.normalize"},
    {"moe_batch_prioritized_routing", "model.moe.router.prioritized"},
    {"moe_gating_use_fp32", "model.moe.router.fp32"},
    {"scomoe_type", "model.moe.exchange.use"},
    {"token_cluster", "model.moe.token_cluster.enabled"},
    {"gate_type", "model.moe.token_cluster.gate"},
    // Data.
    {"lang_pairs", "corpus.pairs"},
    {"max_source_positions", "corpus.max_length"},
    {"max_target_positions", "corpus.max_length"},
    {"src_max_len", "corpus.max_length"},
    {"tgt_max_len", "corpus.max_length"},
    {"encoder_langtok", "corpus.language_tokens.source"},
    {"decoder_langtok", "corpus.language_tokens.target"},
    {"lang_tok_replacing_bos_eos", "corpus.language_tokens.placement"},
    {"sampling_method", "corpus.sampling.method"},
    {"sampling_temperature", "corpus.sampling.temperature"},
    // Translation.
    {"gen_subset", "eval.subsets"},
    {"lenpen", "eval.length_penalty"},
    {"max_len_a", "eval.max_length_a"},
    {"max_len_b", "eval.max_length_b"},
    {"min_len", "eval.min_length_b"},
    {"no_repeat_ngram_size", "eval.no_repeat_ngram"},
    {"sampling", "eval.sampling.temperature"},
    {"sampling_topk", "eval.sampling.top_k"},
    {"sampling_topp", "eval.sampling.top_p"},
    {"moe_eval_capacity_token_fraction", "eval.capacity_fraction"},
    // Processes.
    {"distributed_world_size", "launch.ranks_per_node"},
};

/// "update_freq" of "--update-freq".
inline std::string fairseq_name(std::string_view option) {
  std::string name(option.substr(std::min(option.find_first_not_of('-'), option.size())));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

/// The setting of the table above that replaces an option, as "--update-freq" or "update_freq"; ""
/// if none does.
inline std::string setting_of_fairseq(std::string_view option) {
  const std::string name = fairseq_name(option);
  for (const auto& known : kFairseqNames) {
    if (known.option == name) return std::string(known.path);
  }
  return "";
}

}  // namespace xp
