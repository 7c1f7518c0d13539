// Kernels put onto a stream. Compiled by nvcc without LibTorch; raises nothing, but returns the
// error of the launch as text, null if there is none.
#pragma once

#include "engine/cuda/kernels/auction_kernel.h"
#include "engine/cuda/kernels/dropout_kernel.h"
#include "engine/cuda/kernels/product_kernels.h"
#include "engine/cuda/kernels/row_kernels.h"
#include "engine/cuda/kernels/slot_kernels.h"

struct CUstream_st;

namespace xp {

using CudaStream = CUstream_st*;

const char* launch_slots(const SlotWork& work, CudaStream stream);

/// 16 bytes at a time; of rows that are not multiples of that, 4 or 2.
struct alignas(16) Word16 {
  uint32_t parts[4];
};
template <class Unit>
const char* launch_gather(const GatherWork<Unit>& work, int64_t num_rows, CudaStream stream);
template <class T, class W>
const char* launch_scatter(const ScatterWork<T, W>& work, int64_t num_tokens, CudaStream stream);
template <class T, class W>
const char* launch_scatter_backward(const ScatterBackwardWork<T, W>& work, int64_t num_rows,
                                    CudaStream stream);
template <class T>
const char* launch_product(const ProductWork<T>& work, int64_t num_rows, CudaStream stream);
template <class T>
const char* launch_weight_gradient(const WeightGradientWork<T>& work, int64_t num_groups,
                                   CudaStream stream);
template <class T>
const char* launch_bias_gradient(const WeightGradientWork<T>& work, int64_t num_groups,
                                 CudaStream stream);
template <class T>
const char* launch_finish(const FinishWork<T>& work, int64_t num_rows, CudaStream stream);
template <class T>
const char* launch_clear_empty(const WeightGradientWork<T>& work, int64_t num_groups,
                               CudaStream stream);
const char* launch_auction(const AuctionWork& work, CudaStream stream);
template <class T>
const char* launch_dropout(const DropoutWork<T>& work, CudaStream stream);

}  // namespace xp
