// One MoE layer, forward and backward, on real ranks; and what it is compared with in one process:
// a dense FFN of the same products, a clustering layer, and the dense permutation that one stands
// for.
//
// usage: moe_layer VARIANT RANKS TOKENS REPEATS     prints a line of JSON for each repeat: summed
// CPU milliseconds of all ranks, wall milliseconds of the slowest, bytes and rows sent.
#include "engine/base/json_text.h"
#include "engine/base/process.h"
#include "engine/base/to_integer.h"
#include "engine/base/value.h"
#include "engine/moe/balanced_assignment.h"
#include "engine/moe/moe_layer.h"
#include "engine/moe/token_cluster.h"

#include <fmt/core.h>
#include <torch/utils.h>

#include <chrono>
#include <ctime>
#include <functional>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

namespace xp {
namespace {

constexpr int64_t kWidth = 512, kInner = 2048, kExperts = 8;

double cpu_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return 1e3 * static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_nsec);
}

// What is timed: rows in; out a scalar, or rows, whose gradient then is given.
using Step = std::function<torch::Tensor(const torch::Tensor& x_TD)>;

MoeShape shape_of(double factor) {
  return {kWidth, kInner, kExperts, factor, 0, Compatibility::kNone, std::make_shared<Draws>()};
}

// fairscale's rule: capacity factor 1, no priority but the order of the tokens.
Step moe_step(const Groups& groups, double factor, int64_t& kept) {
  const auto layer = std::make_shared<MoeLayer>(
      shape_of(factor), make_part<Router>({{"use", "top2"}, {"prioritized", false}}),
      make_part<Exchange>({{"use", "gshard"}}), groups, Init(1));
  return [layer, &kept](const torch::Tensor& x_TD) {
    const auto y_TD = layer->forward({x_TD, {}});
    const auto metrics = layer->take_metrics();
    const auto share = [&](const char* name) { return 1 - metrics.at(name) / 100; };
    kept = to_nearest_integer(static_cast<double>(x_TD.size(0)) *
                              (share("global.overflow_first") + share("global.overflow_second")));
    return y_TD.square().mean() + 0.01 * layer->balance();
  };
}

// Every token through two FFNs: the products of a dropless top-2 layer, none of its journey.
Step dense_step() {
  const auto first = std::make_shared<FeedForward>(kWidth, kInner, Init(1)),
             second = std::make_shared<FeedForward>(kWidth, kInner, Init(2));
  return [first, second](const torch::Tensor& x_TD) {
    return (first->forward(x_TD) + second->forward(x_TD)).square().mean();
  };
}

Step cluster_step(const Groups& groups) {
  const auto cluster = std::make_shared<TokenCluster>(shape_of(0), ClusterShape{}, groups, Init(1));
  return [cluster](const torch::Tensor& x_TD) {
    const auto visit = cluster->enter({x_TD, {}}, 1);
    return cluster->leave(visit.rows.x_TD, visit).square().mean();
  };
}

// The permutation of the clustering layer alone, as index and as a dense T x T matrix.
Step sort_step(bool dense) {
  const auto gate = torch::randn({kExperts, kWidth}).mul_(0.1).requires_grad_();
  return [gate, dense](const torch::Tensor& x_TD) {
    const int64_t T = x_TD.size(0);
    const auto score_TE = torch::matmul(x_TD, gate.t());
    const Assignment assignment = balanced_assignment(score_TE);
    if (!dense) {
      return sorted_rows(x_TD, score_TE, assignment.order_T, assignment.size_K, 0.5);
    }
    const auto hard = torch::zeros({T, T}).scatter_(1, assignment.order_T.unsqueeze(1), 1);
    const int64_t each = T / kExperts;
    const auto soft = torch::softmax(score_TE.t() / 0.5, 1).repeat_interleave(each, 0) / each;
    return torch::matmul(hard + soft - soft.detach(), x_TD);
  };
}

Step step_of(const std::string& variant, const Groups& groups, int64_t& kept) {
  if (variant == "xp") return moe_step(groups, 1, kept);
  if (variant == "xp-dropless") return moe_step(groups, 0, kept);
  if (variant == "dense") return dense_step();
  if (variant == "cluster") return cluster_step(groups);
  if (variant == "sort-index" || variant == "sort-dense") return sort_step(variant == "sort-dense");
  throw std::invalid_argument("no variant '" + variant + "'");
}

void run_rank(const std::string& variant, int64_t rank, int64_t ranks, int64_t tokens,
              int64_t repeats, int port) {
  torch::set_num_threads(1);
  Rendezvous rendezvous;
  rendezvous.rank = rank;
  rendezvous.topology = {1, ranks};
  rendezvous.port = port;
  rendezvous.key = "bench";
  const Groups groups = connect(rendezvous);
  torch::manual_seed(1 + rank);
  int64_t kept = 0;
  const Step step = step_of(variant, groups, kept);
  const auto x = torch::randn({tokens, kWidth});
  for (int64_t i = 0; i <= repeats; ++i) {
    const auto own = x.clone().requires_grad_();
    groups.world->barrier();
    const LinkBytes before = groups.world->bytes();
    const double cpu = cpu_ms();
    const auto start = std::chrono::steady_clock::now();
    const auto out = step(own);
    out.backward(out.dim() == 0 ? torch::Tensor() : x);
    const std::chrono::duration<double, std::milli> wall = std::chrono::steady_clock::now() - start;
    const LinkBytes sent = groups.world->bytes() - before;
    auto sums = torch::tensor({cpu_ms() - cpu, static_cast<double>(kept),
                               static_cast<double>(sent.in_node + sent.inter_node)},
                              torch::kDouble);
    auto slowest = torch::tensor({wall.count()}, torch::kDouble);
    groups.world->all_reduce_sum(sums);
    groups.world->all_reduce_max(slowest);
    if (rank != 0 || i == 0) continue;  // the first warms up
    fmt::print("{}\n", json_text(Value{{"variant", variant},
                                       {"cpu_ms", sums[0].item<double>()},
                                       {"wall_ms", slowest[0].item<double>()},
                                       {"kept_rows", sums[1].item<double>()},
                                       {"link_bytes", sums[2].item<double>()}}));
  }
}

}  // namespace
}  // namespace xp

int main(int argc, char** argv) {
  if (argc != 5) {
    fmt::print(stderr, "usage: moe_layer VARIANT RANKS TOKENS REPEATS\n");
    return 2;
  }
  const int64_t ranks = std::stoll(argv[2]), tokens = std::stoll(argv[3]);
  const int port = xp::free_port();
  for (int64_t rank = 0; rank < ranks; ++rank) {
    if (::fork() != 0) continue;
    xp::run_rank(argv[1], rank, ranks, tokens, std::stoll(argv[4]), port);
    std::fflush(stdout);
    ::_exit(0);
  }
  int status = 0, worst = 0;
  while (::wait(&status) > 0)
    worst = std::max(worst, status == 0 ? 0 : 1);
  return worst;
}
