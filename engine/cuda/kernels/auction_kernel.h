// The balanced assignment of engine/moe/balanced_assignment.h in one block and one launch: the same
// rounds, but jobs of equal worth are taken by their number.
//
// Shapes: K workers, J jobs, `each` = J / K jobs for every worker.
#pragma once

#include "engine/cuda/kernels/team.h"

namespace xp {

inline constexpr int kMaxWorkers = 256;
inline constexpr int kRowsAtOnce = 8;  ///< workers whose jobs are selected together
inline constexpr int kBins = 256;      ///< of a digit of a selection
inline constexpr int kLanes = kTeam / kRowsAtOnce;
static_assert(kBins % kLanes == 0);

struct AuctionRules {
  int32_t keep_rounds = 100, quick_rounds = 300, strict_rounds = 600;
};

struct AuctionWork {
  const float* value_KJ = nullptr;
  int64_t K = 0, J = 0;
  int64_t* jobs = nullptr;  ///< [K * each]: of worker after worker, by falling worth
  float* cost_J = nullptr;  ///< room, as all that follows
  float* top_J = nullptr;
  int32_t* holder_J = nullptr;
  int32_t* bidder_J = nullptr;
  int32_t* listed = nullptr;  ///< [K * each]
  int32_t* left = nullptr;    ///< [J]
  AuctionRules rules = {};

  XP_KERNEL int64_t each() const { return J / K; }
};

/// The work of an auction whose room is `reals`, [2 * J], and `integers`, [4 * J].
inline AuctionWork auction_work(const float* value_KJ, int64_t K, int64_t J, int64_t* jobs,
                                float* reals, int32_t* integers) {
  AuctionWork out;
  out.value_KJ = value_KJ;
  out.K = K;
  out.J = J;
  out.jobs = jobs;
  out.cost_J = reals;
  out.top_J = reals + J;
  out.holder_J = integers;
  out.bidder_J = integers + J;
  out.listed = integers + 2 * J;
  out.left = integers + 3 * J;
  return out;
}

struct AuctionRoom {
  int32_t bins[kRowsAtOnce][kBins];
  int32_t partial[kRowsAtOnce][kLanes];
  uint32_t prefix[kRowsAtOnce];
  int32_t rank[kRowsAtOnce];  ///< of the value that is looked for, from the largest
  int32_t sums[kTeam], other[kTeam];
  float least[kMaxWorkers];       ///< the best job that a worker does not get
  int64_t last_tie[kMaxWorkers];  ///< jobs of that worth are the worker's up to this number
  int32_t num_listed[kMaxWorkers];
  float highest, lowest;
  int32_t is_over, num_left;
};

// Ascending as the numbers are.
XP_KERNEL uint32_t ordered(float value) {
  const uint32_t bits = bits_of(value);
  return (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
}
XP_KERNEL float of_ordered(uint32_t key) {
  return float_of((key & 0x80000000U) != 0 ? key & 0x7FFFFFFFU : ~key);
}

/// One auction after another in the same block.
template <class Team>
class Auction {
 public:
  XP_KERNEL Auction(Team& team, const AuctionWork& work, AuctionRoom& room)
      : team_(team), work_(work), room_(room) {}

  XP_KERNEL void run() {
    find_range();
    if (hold(/*strict=*/false)) return;
    if (hold(/*strict=*/true)) return;
    deal_out();
  }

 private:
  XP_KERNEL float value(int64_t k, int64_t j) const { return work_.value_KJ[k * work_.J + j]; }

  // What job j is worth to worker k in this round; never -0, which is another key than 0.
  XP_KERNEL float worth(int64_t k, int64_t j) const {
    if (work_.holder_J[j] != k) return value(k, j) - work_.cost_J[j] + 0.0F;
    return (keeps_ ? room_.highest : value(k, j)) + 0.0F;
  }

  XP_KERNEL bool wants(int64_t k, int64_t j, float worth) const {
    return worth > room_.least[k] || (worth == room_.least[k] && j <= room_.last_tie[k]);
  }

  XP_KERNEL void find_range() {
    team_.each([&](int t) {
      float highest = value(0, 0), lowest = highest;
      for (int64_t i = t; i < work_.K * work_.J; i += kTeam) {
        const float one = work_.value_KJ[i];
        highest = one > highest ? one : highest;
        lowest = one < lowest ? one : lowest;
      }
      room_.sums[t] = static_cast<int32_t>(bits_of(highest));
      room_.other[t] = static_cast<int32_t>(bits_of(lowest));
    });
    team_.each([&](int t) {
      if (t != 0) return;
      room_.highest = float_of(static_cast<uint32_t>(room_.sums[0]));
      room_.lowest = float_of(static_cast<uint32_t>(room_.other[0]));
      for (int i = 1; i < kTeam; ++i) {
        const float high = float_of(static_cast<uint32_t>(room_.sums[i]));
        const float low = float_of(static_cast<uint32_t>(room_.other[i]));
        room_.highest = high > room_.highest ? high : room_.highest;
        room_.lowest = low < room_.lowest ? low : room_.lowest;
      }
    });
  }

  // Runs an auction; whether every job is held by one worker then. `jobs` has the last choice.
  XP_KERNEL bool hold(bool strict) {
    const float spread = (room_.highest - room_.lowest) / 50;
    const float step = spread > 1e-4F ? spread : 1e-4F;
    keeps_ = true;
    team_.each([&](int t) {
      for (int64_t j = t; j < work_.J; j += kTeam) {
        work_.cost_J[j] = 0;
        work_.holder_J[j] = -1;
      }
    });
    const int rounds = strict ? work_.rules.strict_rounds : work_.rules.quick_rounds;
    for (int round = 0; round < rounds; ++round) {
      for (int64_t first = 0; first < work_.K; first += kRowsAtOnce)
        select(first);
      team_.each([&](int t) {
        if (t == 0) room_.is_over = 1;
      });
      team_.each([&](int t) {
        for (int64_t j = t; j < work_.J; j += kTeam)
          bid(j, step, round);
        for (int64_t j = t; j < work_.J; j += kTeam)
          if (!(work_.top_J[j] > (strict ? step : 0.0F))) room_.is_over = 0;
      });
      const bool is_over = room_.is_over != 0;
      // The jobs of the last round count, as they were chosen in it.
      if (is_over || round + 1 == rounds) break;
      team_.each([&](int t) {
        for (int64_t j = t; j < work_.J; j += kTeam) {
          work_.cost_J[j] += work_.top_J[j];
          work_.holder_J[j] = work_.top_J[j] > 0 ? work_.bidder_J[j] : -1;
        }
      });
      keeps_ = round < work_.rules.keep_rounds;
    }
    list_jobs();
    return is_permutation();
  }

  // The best bid for a job. Who holds a job while the auction is young bids the least for it.
  XP_KERNEL void bid(int64_t j, float step, int round) {
    float top = 0;
    int32_t bidder = 0;
    for (int64_t k = 0; k < work_.K; ++k) {
      const float here = worth(k, j);
      float offer = wants(k, j, here) ? here - room_.least[k] + step : 0.0F;
      if (round > 0 && round < work_.rules.keep_rounds && work_.holder_J[j] == k) offer = step;
      if (offer > top) {
        top = offer;
        bidder = static_cast<int32_t>(k);
      }
    }
    work_.top_J[j] = top;
    work_.bidder_J[j] = bidder;
  }

  // For workers from `first` on: the worth of the best job that they do not get, digit by digit.
  XP_KERNEL void select(int64_t first) {
    const auto row_of = [](int t) { return t / kLanes; };
    const auto has_row = [&](int t) { return first + row_of(t) < work_.K; };
    team_.each([&](int t) {
      if (t >= kRowsAtOnce) return;
      room_.prefix[t] = 0;
      room_.rank[t] = static_cast<int32_t>(work_.each());
    });
    for (int shift = 24; shift >= 0; shift -= 8) {
      team_.each([&](int t) {
        for (int bin = t % kLanes; bin < kBins; bin += kLanes)
          room_.bins[row_of(t)][bin] = 0;
      });
      team_.each([&](int t) {
        if (!has_row(t)) return;
        const int row = row_of(t);
        for (int64_t j = t % kLanes; j < work_.J; j += kLanes) {
          const uint32_t key = ordered(worth(first + row, j));
          if (shift < 24 && key >> (shift + 8) != room_.prefix[row]) continue;
          add_shared(&room_.bins[row][(key >> shift) & 255U], 1);
        }
      });
      team_.each([&](int t) {
        int32_t sum = 0;
        for (int i = 0; i < kBins / kLanes; ++i)
          sum += room_.bins[row_of(t)][t % kLanes * (kBins / kLanes) + i];
        room_.partial[row_of(t)][t % kLanes] = sum;
      });
      team_.each([&](int t) {
        if (t >= kRowsAtOnce || first + t >= work_.K) return;
        int lane = kLanes - 1;
        int32_t rank = room_.rank[t];
        for (; lane > 0 && rank >= room_.partial[t][lane]; --lane)
          rank -= room_.partial[t][lane];
        int bin = (lane + 1) * (kBins / kLanes) - 1;
        for (; bin > 0 && rank >= room_.bins[t][bin]; --bin)
          rank -= room_.bins[t][bin];
        room_.rank[t] = rank;
        room_.prefix[t] = room_.prefix[t] << 8 | static_cast<uint32_t>(bin);
      });
    }
    // `rank` is now how many jobs of exactly this worth the worker gets.
    for (int row = 0; row < kRowsAtOnce && first + row < work_.K; ++row)
      find_last_tie(first + row, row);
  }

  XP_KERNEL void find_last_tie(int64_t k, int row) {
    const uint32_t key = room_.prefix[row];
    const int32_t wanted = room_.rank[row];
    team_.each([&](int t) {
      if (t == 0) {
        room_.least[k] = of_ordered(key);
        room_.last_tie[k] = -1;
      }
      const Share share = share_of(t, work_.J);
      room_.sums[t] = 0;
      for (int64_t j = share.begin; wanted > 0 && j < share.end; ++j)
        room_.sums[t] += ordered(worth(k, j)) == key ? 1 : 0;
    });
    if (wanted == 0) return;
    sum_before(team_, room_.sums, room_.other);
    team_.each([&](int t) {
      const Share share = share_of(t, work_.J);
      int32_t count = room_.sums[t];
      for (int64_t j = share.begin; count < wanted && j < share.end; ++j) {
        if (ordered(worth(k, j)) != key) continue;
        if (++count == wanted) room_.last_tie[k] = j;
      }
    });
  }

  // Writes what each worker wants now, by falling worth.
  XP_KERNEL void list_jobs() {
    const int64_t each = work_.each();
    team_.each([&](int t) {
      for (int64_t k = t; k < work_.K; k += kTeam)
        room_.num_listed[k] = 0;
    });
    team_.each([&](int t) {
      for (int64_t i = t; i < work_.K * work_.J; i += kTeam) {
        const int64_t k = i / work_.J, j = i % work_.J;
        if (wants(k, j, worth(k, j)))
          work_.listed[k * each + add_shared(&room_.num_listed[k], 1)] = static_cast<int32_t>(j);
      }
    });
    team_.each([&](int t) {
      for (int64_t i = t; i < work_.K * each; i += kTeam) {
        const int64_t k = i / each;
        const int32_t* const of = work_.listed + k * each;
        const int32_t job = work_.listed[i];
        const float mine = worth(k, job);
        int64_t place = 0;
        for (int64_t other = 0; other < each; ++other) {
          const float theirs = worth(k, of[other]);
          place += theirs > mine || (theirs == mine && of[other] < job) ? 1 : 0;
        }
        work_.jobs[k * each + place] = job;
      }
    });
  }

  XP_KERNEL bool is_permutation() {
    count_holders();
    team_.each([&](int t) {
      if (t == 0) room_.is_over = 1;
    });
    team_.each([&](int t) {
      for (int64_t j = t; j < work_.J; j += kTeam)
        if (work_.bidder_J[j] != 1) room_.is_over = 0;
    });
    return room_.is_over != 0;
  }

  // bidder_J becomes the number of workers that hold a job.
  XP_KERNEL void count_holders() {
    team_.each([&](int t) {
      for (int64_t j = t; j < work_.J; j += kTeam)
        work_.bidder_J[j] = 0;
    });
    team_.each([&](int t) {
      for (int64_t i = t; i < work_.K * work_.each(); i += kTeam)
        add_shared(&work_.bidder_J[work_.jobs[i]], 1);
    });
  }

  XP_KERNEL float best_worth(int64_t j) const {
    float best = value(0, j);
    for (int64_t k = 1; k < work_.K; ++k)
      best = value(k, j) > best ? value(k, j) : best;
    return best;
  }

  // A job that is held twice stays with the first holder; the rest, best first, go to the worker
  // with room that wants them most. After count_holders().
  XP_KERNEL void deal_out() {
    team_.each([&](int t) {
      if (t != 0) return;
      room_.num_left = 0;
      const int64_t each = work_.each();
      for (int64_t j = 0; j < work_.J; ++j) {
        if (work_.bidder_J[j] == 0) work_.listed[room_.num_left++] = static_cast<int32_t>(j);
        work_.bidder_J[j] = 0;
      }
      for (int64_t k = 0; k < work_.K; ++k) {
        int32_t count = 0;
        for (int64_t i = 0; i < each; ++i) {
          const int64_t job = work_.jobs[k * each + i];
          if (work_.bidder_J[job]++ == 0) work_.jobs[k * each + count++] = job;
        }
        room_.num_listed[k] = count;
      }
    });
    team_.each([&](int t) {
      for (int64_t i = t; i < room_.num_left; i += kTeam) {
        const float mine = best_worth(work_.listed[i]);
        int64_t place = 0;
        for (int64_t other = 0; other < room_.num_left; ++other) {
          const float theirs = best_worth(work_.listed[other]);
          place += theirs > mine || (theirs == mine && other < i) ? 1 : 0;
        }
        work_.left[place] = work_.listed[i];
      }
    });
    team_.each([&](int t) {
      if (t != 0) return;
      for (int32_t i = 0; i < room_.num_left; ++i) {
        const int32_t job = work_.left[i];
        int64_t chosen = -1;
        for (int64_t k = 0; k < work_.K; ++k) {
          const bool has_room = room_.num_listed[k] < work_.each();
          if (has_room && (chosen < 0 || value(k, job) > value(chosen, job))) chosen = k;
        }
        work_.jobs[chosen * work_.each() + room_.num_listed[chosen]++] = job;
      }
    });
  }

  Team& team_;
  const AuctionWork& work_;
  AuctionRoom& room_;
  bool keeps_ = true;
};

}  // namespace xp
