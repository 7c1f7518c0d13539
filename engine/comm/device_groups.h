// Groups over links of the host that also take tensors of a device.
#pragma once

#include "engine/comm/group.h"

namespace xp {

/// The same groups, whose operations copy tensors that are on a device to the host and the results
/// back; those in the host's memory as before. What is returned is on the device of the argument.
/// Copies wait for the device, and are not counted as its host's reads (UncountedReads). For
/// devices that the links do not reach.
Groups for_devices(const Groups& host);

}  // namespace xp
