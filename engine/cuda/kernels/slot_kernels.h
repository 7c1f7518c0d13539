// Slots of experts on the device: a stable counting sort of choices by expert, in three grids, in
// the order of engine/moe/slots.h.
//
// Shapes: T tokens, K choices of each, E experts, C slots of each, B blocks of kTeam choices.
#pragma once

#include "engine/cuda/kernels/team.h"

namespace xp {

struct SlotWork {
  const int64_t* expert_KT = nullptr;
  const int64_t* priority_T = nullptr;  ///< null: token order
  int64_t T = 0, num_choices = 0, E = 0, capacity = 0;
  int32_t* before_EB = nullptr;  ///< zero at first
  int64_t* choice_EC = nullptr;
  bool* kept_KT = nullptr;
  int64_t* count_E = nullptr;

  XP_KERNEL int64_t num_blocks() const { return (num_choices + kTeam - 1) / kTeam; }
  /// The choice whose turn it is: all first choices, then all second ones.
  XP_KERNEL int64_t choice_of(int64_t turn) const {
    if (priority_T == nullptr) return turn;
    return turn / T * T + priority_T[turn % T];
  }
};

/// Grid B: how many choices of each expert are in each block.
template <class Team>
XP_KERNEL void count_choices(Team& team, const SlotWork& work, int64_t block) {
  team.each([&](int t) {
    const int64_t turn = block * kTeam + t;
    if (turn >= work.num_choices) return;
    const int64_t expert = work.expert_KT[work.choice_of(turn)];
    if (expert < work.E) add_shared(&work.before_EB[expert * work.num_blocks() + block], 1);
  });
}

struct SlotSums {
  int32_t sums[kTeam], other[kTeam];
};

/// Grid E: counts become those of all blocks before; slots that nobody gets hold -1.
template <class Team>
XP_KERNEL void sum_counts(Team& team, const SlotWork& work, int64_t expert, SlotSums& shared) {
  int32_t* const before = work.before_EB + expert * work.num_blocks();
  team.each([&](int t) {
    const Share share = share_of(t, work.num_blocks());
    shared.sums[t] = 0;
    for (int64_t b = share.begin; b < share.end; ++b)
      shared.sums[t] += before[b];
  });
  const int64_t wanted = sum_before(team, shared.sums, shared.other);
  const int64_t count = wanted < work.capacity ? wanted : work.capacity;
  team.each([&](int t) {
    const Share share = share_of(t, work.num_blocks());
    int32_t sum = shared.sums[t];
    for (int64_t b = share.begin; b < share.end; ++b) {
      const int32_t here = before[b];
      before[b] = sum;
      sum += here;
    }
    if (t == 0) work.count_E[expert] = count;
    for (int64_t slot = count + t; slot < work.capacity; slot += kTeam)
      work.choice_EC[expert * work.capacity + slot] = -1;
  });
}

struct SlotExperts {
  int64_t expert[kTeam];
};

/// Grid B: each choice gets the slot after those of earlier choices of its expert, if there is one.
template <class Team>
XP_KERNEL void give_slots(Team& team, const SlotWork& work, int64_t block, SlotExperts& shared) {
  const auto choice_at = [&](int t) { return work.choice_of(block * kTeam + t); };
  const auto is_one = [&](int t) { return block * kTeam + t < work.num_choices; };
  team.each([&](int t) { shared.expert[t] = is_one(t) ? work.expert_KT[choice_at(t)] : work.E; });
  team.each([&](int t) {
    if (!is_one(t)) return;
    const int64_t expert = shared.expert[t], choice = choice_at(t);
    bool is_kept = expert < work.E;
    if (is_kept) {
      int64_t slot = work.before_EB[expert * work.num_blocks() + block];
      for (int earlier = 0; earlier < t; ++earlier)
        slot += shared.expert[earlier] == expert ? 1 : 0;
      is_kept = slot < work.capacity;
      if (is_kept) work.choice_EC[expert * work.capacity + slot] = choice;
    }
    work.kept_KT[choice] = is_kept;
  });
}

}  // namespace xp
