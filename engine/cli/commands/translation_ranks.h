// The ranks that translate for `xp translate`: processes of this machine that load the model once
// and answer requests (engine/launch/channel.h).
#pragma once

#include "engine/base/file.h"
#include "engine/cli/commands/translation_lines.h"
#include "engine/launch/channel.h"
#include "registry/launcher.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

namespace xp {

struct TranslationSetup {
  std::filesystem::path engine, corpus, training;
  Value spec;  ///< of the evaluation, as the ranks are to use it
  int64_t nodes = 1, ranks_per_node = 1;
};

/// An answer to a request, or how far it is.
struct TranslationNews {
  bool is_ready = false;                               ///< the model is loaded
  int64_t finished = 0;                                ///< sentences of the request so far
  std::optional<std::vector<TranslatedLine>> answers;  ///< of the whole request
};

/// What is asked about each line.
struct TranslationRequest {
  int64_t num_best = 1;
  bool alignment = false;
};

class TranslationRanks {
 public:
  /// Starts them; they end with this object. Raises kMachine.
  explicit TranslationRanks(const TranslationSetup& setup)
      : TranslationRanks(setup, Channel::open()) {}

  /// One request at a time: the next one after the answers to the last.
  void request(const std::vector<SourceLine>& lines, const TranslationRequest& asked);
  /// What they said since; never waits. Raises if they ended: kUser if the settings are to blame,
  /// else kMachine.
  std::optional<TranslationNews> poll();
  /// Becomes readable when they said something, or ended.
  int handle() const { return channel_.handle(); }
  /// Nothing more will be said: waits for the end that `poll` raises.
  bool has_ended() const { return channel_.has_ended(); }

 private:
  TranslationRanks(const TranslationSetup& setup, std::pair<Channel, Descriptor> sides);

  TempFolder folder_;  // spec.toml and logs
  Channel channel_;
  std::unique_ptr<RunningJob> job_;
};

}  // namespace xp
