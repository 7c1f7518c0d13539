// How far an attempt is, by the events that its worker writes.
#pragma once

#include "results/runs/workspace.h"

#include <optional>
#include <string>

namespace xp {

class RunProgress {
 public:
  explicit RunProgress(fs::path attempt_folder) : folder_(std::move(attempt_folder)) {}

  /// Reads what is new. Cost: the new bytes.
  void refresh();

  const fs::path& folder() const { return folder_; }
  /// Whether the worker has begun; what comes before (loading) is no work.
  bool has_begun() const { return has_begun_; }
  int64_t first() const { return first_; }            ///< where this attempt took up the work
  int64_t update() const { return update_; }          ///< or sentence, of an evaluation
  int64_t total() const { return total_; }            ///< 0 if it is not known
  int64_t checkpoint() const { return checkpoint_; }  ///< update of the last one, 0 = none
  int64_t left_out() const { return left_out_; }      ///< training pairs longer than max_tokens
  double rate() const;                                ///< updates a second; 0 if not known
  std::optional<double> left_s() const;
  std::optional<double> bleu() const { return bleu_; }  ///< of the last validation
  std::string note() const;                             ///< "loss 4.21  bleu 20.1"

 private:
  void take(const Event& event);

  fs::path folder_;
  size_t offset_ = 0;
  bool has_begun_ = false;
  int64_t first_ = 0, update_ = 0, total_ = 0, checkpoint_ = 0, left_out_ = 0;
  double begun_s_ = 0, seconds_ = 0;
  std::optional<double> loss_, bleu_;
};

}  // namespace xp
