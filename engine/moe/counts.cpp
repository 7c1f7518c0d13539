// Counts and what goes with them are one row of integers for each member.
#include "engine/moe/counts.h"

#include "engine/base/error.h"

namespace xp {
namespace {

constexpr int64_t kNotes = 3;  // beside the counts: row width, type of its values, "not finite"

}  // namespace

std::vector<int64_t> to_vector(const torch::Tensor& integers) {
  const auto cpu = integers.to(torch::kCPU).contiguous();
  const auto* first = cpu.data_ptr<int64_t>();
  return {first, first + cpu.numel()};
}

CountExchange::CountExchange(const torch::Tensor& counts_RC, const torch::Tensor& x_TD,
                             bool is_finite, Group& group)
    : group_(group) {
  const int64_t R = group.size();
  const auto notes = torch::tensor(
      {x_TD.size(1), static_cast<int64_t>(x_TD.scalar_type()), static_cast<int64_t>(!is_finite)});
  own_ = torch::cat({counts_RC, notes.expand({R, kNotes})}, 1);
  const std::vector<int64_t> one_row(static_cast<size_t>(R), 1);
  pending_ = group.start_all_to_all(own_, one_row, one_row);
}

torch::Tensor CountExchange::wait() {
  const auto taken = pending_->wait();
  const int64_t C = taken.size(1) - kNotes, R = taken.size(0);
  const auto notes = to_vector(taken.slice(1, C, C + kNotes)), own = to_vector(own_[0].slice(0, C));
  for (int64_t member = 0; member < R; ++member) {
    const auto* note = &notes[static_cast<size_t>(member * kNotes)];
    const int64_t rank = group_.world_rank(member);
    if (note[0] != own[0] || note[1] != own[1]) {
      user_error(
          "rank {} has rows of {} values of {}, rank {} of {} of {}; all ranks must run the "
          "same model",
          group_.world_rank(group_.rank()), own[0],
          c10::toString(static_cast<c10::ScalarType>(own[1])), rank, note[0],
          c10::toString(static_cast<c10::ScalarType>(note[1])));
    }
    if (note[2] != 0) {
      user_error(
          "the gate of rank {} has weights that are not finite: the model has diverged; try a "
          "lower train.optimizer.lr, a longer warm-up or train.precision = \"fp32\"",
          rank);
    }
  }
  return taken.slice(1, 0, C);
}

}  // namespace xp
