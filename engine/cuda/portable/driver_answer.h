// What the CUDA runtime says about the machine, as a sentence that says what to do.
#pragma once

#include <cstdint>
#include <string>

namespace xp {

/// CUDA's version numbers: 13000 is 13.0.
struct DriverAnswer {
  int64_t driver = 0;   ///< the newest version that the driver supports; 0: there is no driver
  int64_t runtime = 0;  ///< the one that this build needs
  int64_t devices = 0;
  std::string error = {};    ///< of the question for devices, in the runtime's words; empty: none
  std::string visible = {};  ///< CUDA_VISIBLE_DEVICES
  bool hides = false;        ///< whether that variable is set
};

/// Why no device can be used, with what to do; empty if one can.
std::string driver_problem(const DriverAnswer& answer);

}  // namespace xp
