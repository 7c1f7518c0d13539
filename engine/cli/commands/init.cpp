// `xp init`: a commented experiment to start from.
#include "engine/base/error.h"
#include "engine/base/file.h"
#include "engine/cli/commands/commands.h"
#include "engine/cli/points/selection.h"

#include <fmt/format.h>

#include <cstdio>

namespace xp {
namespace {

constexpr const char* kStarter = R"(# Claim: what this experiment is to show, in one sentence.
# Cost: what `xp plan` says about it.
# Expectation: what you expect, and why, written before it runs.
schema = 1
name = "first"                   # results are kept under this name
description = "GShard against SCoMoE-seq on made-up sentences"
# extends = ["base.toml"]        # files to start from; tables are merged, this file wins

[corpus]                         # `xp components corpus` lists what `use` can name
use = "dummy"                    # made-up sentences: nothing is fetched
train = 2000
valid = 50
test = 50
pairs = ["en-fr"]
[corpus.vocabulary]
size = 300

[model]
preset = "tiny"                  # tiny, base or large; any key beside it overrides it
[model.moe]
every = 2                        # an MoE layer in place of every 2nd feed-forward layer
experts = 4                      # a multiple of the number of ranks
[model.moe.exchange]             # alpha + beta is at most 1; gshard has neither
alpha = 0.2                      # share of the tokens that stays on its rank
beta = 0.5                       # share that stays in its node
first = "same"

[train]
max_updates = 200
max_tokens = 512                 # per rank and micro-batch
validate_every = 100
save_every = 100

[eval]                           # changing it evaluates again and never retrains
beam = 2
capacity_fraction = 0            # dropless

[launch]
nodes = 2                        # 2 x 1 ranks on this machine
device = "cpu"

[sweep]                          # axes: a list anywhere else is a value
"model.moe.exchange.use" = ["gshard", "scomoe-seq"]
"train.seed" = { repeat = 2, base = 1 }
# "model.moe.exchange.alpha, model.moe.exchange.beta" = { simplex = 0.25 }
# where = "alpha + beta <= 0.75"

[report]
rows = ["exchange"]
columns = ["bleu", "tokens_per_second", "inter_node_bytes"]
baseline = "exchange == 'gshard'"
)";

}  // namespace

int init_command(const Options& options) {
  if (options.names.empty()) {
    fmt::print("{}", kStarter);
    return Exit::kDone;
  }
  const fs::path file = options.names.front();
  if (fs::exists(file))
    throw Error(Blame::kUser,
                fmt::format("'{}' exists and is left as it is; name another file", file.string()),
                kUsageError);
  write_atomic(file, kStarter);
  fmt::print("wrote {}\nnext: xp plan {}\n", file.string(), file.string());
  return Exit::kDone;
}

}  // namespace xp
