// A linear map with gradient whose products write where their results are wanted.
//
// Shapes: "..." any leading dimensions, T of all rows; K inputs, N outputs.
#pragma once

#include <torch/csrc/autograd/function_hook.h>
#include <torch/types.h>

namespace xp {

/// Where the first gradient of a parameter is wanted, kept as the hook that runs once it is there:
/// a product may write it there and need not be copied.
struct GradientPlace : torch::autograd::PostAccumulateGradHook {
  torch::Tensor place;    ///< of the parameter's shape, contiguous
  bool is_taken = false;  ///< by a product of this backward pass; the hook's end frees it
};

/// x W' + b, or relu of it: [..., K] -> [..., N]. On the CPU in fp32 without autocast bias and relu
/// are one pass over the result, and so are the relu's and the bias's gradients, which are the same
/// bits for any number of threads. So it is with autocast to bfloat16 on a processor that does not
/// multiply it faster: what is kept in bfloat16 are x, the result and their gradients (of x only if
/// it was bfloat16); weights, sums and the other gradients are fp32. Elsewhere it is LibTorch's.
torch::Tensor linear(const torch::Tensor& x, const torch::Tensor& weight_NK,
                     const torch::Tensor& bias_N, bool relu = false);

}  // namespace xp
