// Losses.
#include "engine/conformance/cases.h"
#include "engine/moe/moe_settings.h"
#include "engine/nn/loss.h"

namespace xp {

void run_criterion_case(const Recording& recording, Findings& findings) {
  const Value& settings = recording.settings();
  const auto logits = recording.get("input.logits").requires_grad_();
  const int64_t V = logits.size(-1);
  const auto target = recording.get("input.target").flatten();
  const auto real = (target != settings.at("pad").get<int64_t>()).nonzero().squeeze(1);
  const auto h = logits.view({-1, V}).index_select(0, real);
  // Logits are h W': with the identity for W they are h.
  const CrossEntropy loss = cross_entropy(h, torch::eye(V, h.options()),
                                          target.index_select(0, real), settings.value("eps", 0.0));
  if (settings.at("criterion") == "label_smoothed_cross_entropy") {
    findings.near("loss", loss.objective, recording.get("output.loss"));
    findings.near("nll", loss.nll, recording.get("output.nll_loss"));
    loss.objective.backward();
    findings.near("gradient of the logits", logits.grad(), recording.get("grad.logits"));
    return;
  }
  const auto balance = recording.get("input.l_aux").requires_grad_();
  MoeSettings moe;
  moe.balance_weight = 1;
  const bool negative_log = settings.at("transform") == "neg_log";
  const bool sum = settings.at("combine") == "sum";
  moe.balance_combine = sum ? "sum" : negative_log ? "neg-log" : "average";
  auto combined = moe.combined(balance.unbind());
  if (sum && negative_log) combined = combined.log().neg();  // which [model.moe] does not offer
  const auto gate_loss = combined * settings.at("sample_size").get<double>();
  const auto total = loss.objective + settings.at("gate_loss_wt").get<double>() * gate_loss;
  findings.near("loss", total, recording.get("output.loss"));
  findings.near("inner loss", loss.nll, recording.get("output.inner_loss"));
  findings.near("gate loss", gate_loss, recording.get("output.gate_loss"));
  total.backward();
  findings.near("gradient of the logits", logits.grad(), recording.get("grad.logits"));
  findings.near("gradient of l_aux", balance.grad(), recording.get("grad.l_aux"));
}

}  // namespace xp
