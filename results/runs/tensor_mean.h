// The mean of checkpoints.
#pragma once

#include "results/runs/tensor_file.h"

#include <memory>
#include <string>
#include <vector>

namespace xp {

/// The bytes of the mean of a tensor over files, of the tensor's type: F32 or F64. Summed in
/// double, in the order of the files. Raises kUser if there is no file, or one lacks the tensor or
/// has it in another type or shape; kMachine if one is damaged.
std::string mean_of(const std::vector<std::shared_ptr<const TensorFile>>& files,
                    const std::string& name);

}  // namespace xp
