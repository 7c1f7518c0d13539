// The clustering layer.
#include "engine/moe/token_cluster.h"

#include "engine/base/error.h"
#include "engine/moe/balanced_assignment.h"
#include "engine/moe/counts.h"
#include "engine/moe/routed.h"
#include "engine/nn/dropout.h"

#include <torch/csrc/autograd/custom_function.h>

namespace xp {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct SortRows : torch::autograd::Function<SortRows> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& z_TD,
                               const torch::Tensor& score_TK, const torch::Tensor& order_T,
                               const torch::Tensor& size_K, double temperature) {
    context->save_for_backward({z_TD, score_TK, order_T, size_K});
    context->saved_data["temperature"] = temperature;
    return z_TD.index_select(0, order_T);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto &z_TD = saved[0], &score_TK = saved[1], &order_T = saved[2], &size_K = saved[3];
    const double temperature = context->saved_data["temperature"].toDouble();
    const auto& grad = gradients[0];
    const auto grad_z = torch::empty_like(grad).index_copy_(0, order_T, grad);
    torch::Tensor grad_score;
    if (context->needs_input_grad(1)) {
      std::vector<torch::Tensor> sums;
      for (const auto& rows : grad.split_with_sizes(to_vector(size_K)))
        sums.push_back(rows.sum(0));
      const auto along_KT = torch::matmul(torch::stack(sums), z_TD.t()).to(torch::kFloat);
      const auto p_KT = torch::softmax(score_TK.t().to(torch::kFloat) / temperature, 1);
      const auto size = size_K.to(torch::kFloat)
                            .to(p_KT.device(), /*non_blocking=*/true)
                            .clamp_min(1)
                            .unsqueeze(1);
      const auto centred = along_KT - (p_KT * along_KT).sum(1, /*keepdim=*/true);
      grad_score = (p_KT * centred / (size * temperature)).t().to(score_TK.dtype());
    }
    return {grad_z, grad_score, {}, {}, {}};
  }
};

torch::Tensor rounded_up(const torch::Tensor& rows, int64_t multiple) {
  const int64_t added = (multiple - rows.size(0) % multiple) % multiple;
  if (added == 0) return rows;
  return rows.dim() == 1 ? torch::constant_pad_nd(rows, {0, added}, true)
                         : torch::constant_pad_nd(rows, {0, 0, 0, added});
}

}  // namespace

torch::Tensor sorted_rows(const torch::Tensor& z_TD, const torch::Tensor& score_TK,
                          const torch::Tensor& order_T, const torch::Tensor& size_K,
                          double temperature) {
  return SortRows::apply(z_TD, score_TK, order_T, size_K, temperature);
}

TokenCluster::TokenCluster(const MoeShape& shape, const ClusterShape& cluster, const Groups& groups,
                           const Init& init)
    : shape_(shape),
      cluster_(cluster),
      groups_(groups),
      wire_(spans_nodes(*groups.world) ? shape.wire : Wire::kExact) {
  const int64_t ranks = groups.world->size();
  if (shape.experts % ranks != 0) {
    user_error(
        "'experts' is {} but token clustering keeps tokens with an expert of each of the {} "
        "ranks; use a multiple of {}",
        shape.experts, ranks, ranks);
  }
  constexpr double kGain = 0.1;
  gate_ED_ =
      register_parameter("gate", kGain * (init / "gate").orthogonal(shape.experts, shape.width));
  norm_ = register_module("norm", std::make_shared<Norm>(shape.width));
  experts_ = register_module(
      "experts", std::make_shared<Experts>(shape.experts, std::vector<int64_t>{shape.width},
                                           shape.inner, *groups.world, init / "experts"));
}

// Scores of rows for experts, or for nodes as the mean over their experts. Pads score at random,
// lower than every token (predecessor.md 4.3, step 3).
torch::Tensor TokenCluster::scores(const torch::Tensor& z_TD, const torch::Tensor& pad_T) {
  // In the decoder a score must not tell a position about those behind it, which the assignment
  // depends on: nothing flows back.
  const auto from = cluster_.in_decoder && is_training() ? z_TD.detach() : z_TD;
  auto score_TE = torch::matmul(from, gate_ED_.t());
  if (pad_T.defined() && pad_T.any().item<bool>()) {
    // The predecessor's gradient reaches the largest and the smallest score by this way too.
    const auto known = score_TE;
    const auto lowest = known.min(), below = 0.1 * (known.max() - lowest);
    const auto pads = pad_T.nonzero().squeeze(1);
    const auto chance = shape_.draws->uniform({pads.size(0), known.size(1)}, known.options());
    score_TE = score_TE.index_copy(0, pads, lowest - chance * below);
  }
  if (!cluster_.by_node) return score_TE;
  const int64_t nodes = groups_.world->topology().nodes;
  return score_TE.view({score_TE.size(0), nodes, shape_.experts / nodes}).mean(2);
}

// Rows of each expert, from the rows of each group: those of a node are cut into equal pieces.
torch::Tensor TokenCluster::counts_of_experts(const torch::Tensor& size_K) const {
  if (!cluster_.by_node) return size_K;
  const int64_t pieces = shape_.experts / size_K.size(0);
  const auto even = size_K.floor_divide(pieces), rest = size_K - even * pieces;
  const auto extra = torch::arange(pieces).unsqueeze(0) < rest.unsqueeze(1);
  return (even.unsqueeze(1) + extra.to(torch::kLong)).flatten();
}

TokenCluster::Sorted TokenCluster::sort_jointly(const torch::Tensor& rows_TD,
                                                const torch::Tensor& score_TK,
                                                const torch::Tensor& pad_T) const {
  const bool greedy = !is_training() && !as_seed() && cluster_.evaluation == "greedy";
  Assignment assignment = greedy ? greedy_assignment(score_TK) : balanced_assignment(score_TK);
  const auto order = shape_.draws->assignment_order(assignment.order_T);
  const auto rows =
      cluster_.gate == "softmax"
          ? sorted_rows(rows_TD, score_TK, order, assignment.size_K, cluster_.temperature)
          : rows_TD.index_select(0, order);
  return {rows, pad_T.defined() ? pad_T.index_select(0, order) : pad_T, order,
          counts_of_experts(assignment.size_K)};
}

// The predecessor's evaluation of a decoder: an assignment of its own for each position, without
// gradient; an expert's rows stand by position (predecessor.md 4.3).
TokenCluster::Sorted TokenCluster::sort_by_position(const torch::Tensor& rows_TD,
                                                    const torch::Tensor& score_TK,
                                                    const torch::Tensor& pad_T,
                                                    int64_t length) const {
  std::vector<torch::Tensor> orders;
  torch::Tensor size_K;
  for (int64_t position = 0; position < length; ++position) {
    const auto rows =
        torch::arange(position, rows_TD.size(0), length, rows_TD.options().dtype(torch::kLong));
    const Assignment one = balanced_assignment(score_TK.index_select(0, rows));
    orders.push_back(rows.index_select(0, one.order_T));
    size_K = one.size_K;
  }
  const auto order = shape_.draws->assignment_order(torch::stack(orders, 1).flatten());
  return {rows_TD.index_select(0, order), pad_T.index_select(0, order), order,
          counts_of_experts(size_K * length)};
}

torch::Tensor TokenCluster::experts(const torch::Tensor& rows, const torch::Tensor& start_X1) {
  // The predecessor's rows arrive normalised, so that the layer's own stream is lost
  // (predecessor.md 13.14).
  const bool normalise = cluster_.pre_norm && !as_seed();
  const auto x = normalise ? norm_->forward(rows) : rows;
  auto y = experts_->forward(0, x, start_X1).to(rows.dtype());
  y = dropped(y, cluster_.dropout, is_training());
  if (cluster_.gate == "sigmoid") {
    const int64_t X = experts_->on_rank(), first = groups_.world->rank() * X;
    const auto logits_MX = torch::matmul(x, gate_ED_.slice(0, first, first + X).t());
    const auto row_M = torch::arange(x.size(0), x.options().dtype(torch::kLong));
    const auto expert_M = torch::bucketize(row_M, to_device(start_X1.slice(0, 1)),
                                           /*out_int32=*/false, /*right=*/true);
    const auto share = torch::sigmoid(logits_MX.gather(1, expert_M.unsqueeze(1)));
    y = as_seed() ? share * (y - rows) : share * y;
  }
  y = rows + y;
  return cluster_.pre_norm ? y : norm_->forward(y);
}

TokenCluster::ClusteredRows TokenCluster::dispatch(const Rows& home, int64_t length) {
  const bool by_position = as_seed() && cluster_.in_decoder && !is_training();
  const auto z_TD = cluster_.pre_norm ? norm_->forward(home.x_TD) : home.x_TD;
  Sorted sorted;
  if (as_seed()) {
    // Empty sentences, or rows, up to a multiple of the experts.
    const int64_t multiple = shape_.experts * (by_position ? length : 1);
    const auto rows_TD = rounded_up(z_TD, multiple), pad_T = rounded_up(home.pad_T, multiple);
    const auto score_TK = scores(rows_TD, pad_T);
    sorted = by_position ? sort_by_position(rows_TD, score_TK, pad_T, length)
                         : sort_jointly(rows_TD, score_TK, pad_T);
  } else {
    sorted = sort_jointly(home.x_TD, scores(z_TD, {}), {});
  }
  Group& world = *groups_.world;
  if (is_training()) {
    sent_.width = sorted.rows_TD.size(1);
    sent_.value_bytes = static_cast<int64_t>(sorted.rows_TD.element_size());
    sent_.tokens += sorted.rows_TD.size(0);
    const auto count_E = to_vector(sorted.count_E);
    add_counts(count_E, 0, count_E.size(), sent_.rows_E);
  }
  const auto arriving_RX = CountExchange(sorted.count_E.view({world.size(), -1}), sorted.rows_TD,
                                         /*is_finite=*/true, world)
                               .wait();
  ClusteredRows clustered;
  clustered.num_rows = home.x_TD.size(0);
  clustered.order_T = sorted.order_T;
  clustered.sent = to_vector(sorted.count_E.view({world.size(), -1}).sum(1));
  clustered.taken = to_vector(arriving_RX.sum(1));
  auto flight = send_rows(sorted.rows_TD, clustered.sent, clustered.taken, world, &traffic_, wire_);
  if (sorted.pad_T.defined()) {
    clustered.rows.pad_T =
        world
            .all_to_all(sorted.pad_T.to(torch::kByte).unsqueeze(1), clustered.sent, clustered.taken)
            .squeeze(1)
            .to(torch::kBool);
  }
  clustered.rows.x_TD =
      run_experts(receive_rows(std::move(flight)), arriving_RX,
                  [this](const torch::Tensor& rows_MD, const torch::Tensor& start_X1) {
                    return experts(rows_MD, start_X1);
                  });
  ++num_calls_;
  return clustered;
}

torch::Tensor TokenCluster::combine(const torch::Tensor& rows_MD, const ClusteredRows& clustered) {
  const auto rows_TD = receive_rows(
      send_rows(rows_MD, clustered.taken, clustered.sent, *groups_.world, &traffic_, wire_));
  return rows_TD.index_select(0, clustered.order_T.argsort()).slice(0, 0, clustered.num_rows);
}

std::map<std::string, double> TokenCluster::take_metrics() {
  const Traffic now = std::exchange(traffic_, {});
  const double calls = static_cast<double>(std::max<int64_t>(std::exchange(num_calls_, 0), 1));
  return {{"cluster.inter_node_bytes", static_cast<double>(now.bytes.inter_node) / calls},
          {"cluster.in_node_bytes", static_cast<double>(now.bytes.in_node) / calls},
          {"cluster.in_node_ms", 1e3 * now.in_node.busy_s / calls},
          {"cluster.inter_node_ms", 1e3 * now.inter_node.busy_s / calls},
          {"cluster.exposed_ms", 1e3 * now.exposed_s() / calls}};
}

}  // namespace xp
