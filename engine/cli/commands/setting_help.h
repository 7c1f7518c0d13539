// What a setting of the experiment file means, for `xp help KEY` and `xp components`.
#pragma once

#include "engine/experiment/schema.h"

#include <string>
#include <vector>

namespace xp {

/// "> 0, <= 1 updates", or the values that it can have: "fp32 | bf16".
std::string limits_of(const Setting& setting);

/// Every setting whose full path is `key` or ends in it ("every", "moe.every"), with default, type,
/// limits, scope and meaning; those of each component that declares it. Also by the name of an
/// option of fairseq or fairseq-moe ("--update-freq", "--max-tokens"). "" if there is none.
std::string setting_help(const Catalog& catalog, const std::string& key);

/// The paths of all settings, for completion and near names.
std::vector<std::string> setting_paths(const Catalog& catalog);

}  // namespace xp
