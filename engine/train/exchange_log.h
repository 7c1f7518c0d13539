// Records what the exchanges of all ranks send (results/runs/exchange_record.h).
#pragma once

#include "engine/comm/group.h"
#include "registry/model.h"
#include "results/runs/workspace.h"

namespace xp {

class ExchangeLog {
 public:
  /// `attempt_folder` may be empty: nothing is recorded. `update`: the training's so far.
  ExchangeLog(Group& world, fs::path attempt_folder, int64_t update)
      : world_(world), folder_(std::move(attempt_folder)), last_update_(update) {}

  /// Whether update `update` has a sample: 10, 20, 40, 80, ...
  bool is_due(int64_t update) const;
  /// Takes a sample of all since the last one; rank 0 writes it. `calls`: of each layer in an
  /// update. Collective. Cost: one small exchange.
  void write(TranslationModel& model, int64_t update, int64_t calls);

 private:
  Group& world_;
  fs::path folder_;
  int64_t last_update_;
};

}  // namespace xp
