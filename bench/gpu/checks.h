// What a device must compute as the CPU does.
#pragma once

#include "engine/base/value.h"

#include <string>
#include <vector>

namespace xp {

/// Names of all checks.
std::vector<std::string> check_names();

/// Runs one on the device that was chosen: {"ok", "worst" (largest relative difference), "detail"}.
Value run_check(const std::string& name);

}  // namespace xp
