// The kernels' grids. Bodies are in engine/cuda/kernels, where tests run them on the host.
#include "engine/cuda/launch.h"

#include <cuda_runtime.h>

namespace xp {
namespace {

constexpr int64_t kMaxGrid = 0x7FFFFFFF;

const char* outcome() {
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

dim3 grid(int64_t x, int64_t y = 1, int64_t z = 1) {
  return {static_cast<unsigned>(x), static_cast<unsigned>(y), static_cast<unsigned>(z)};
}

__global__ void count_choices_kernel(SlotWork work) {
  DeviceTeam team;
  count_choices(team, work, blockIdx.x);
}
__global__ void sum_counts_kernel(SlotWork work) {
  __shared__ SlotSums shared;
  DeviceTeam team;
  sum_counts(team, work, blockIdx.x, shared);
}
__global__ void give_slots_kernel(SlotWork work) {
  __shared__ SlotExperts shared;
  DeviceTeam team;
  give_slots(team, work, blockIdx.x, shared);
}

template <class Unit>
__global__ void gather_kernel(GatherWork<Unit> work) {
  DeviceTeam team;
  gather_row(team, work, blockIdx.x);
}

template <class T, class W>
__global__ void list_rows_kernel(ScatterWork<T, W> work) {
  DeviceTeam team;
  list_rows(team, work, blockIdx.x);
}
template <class T, class W>
__global__ void sum_rows_kernel(ScatterWork<T, W> work) {
  __shared__ ListedRows shared;
  DeviceTeam team;
  sum_rows(team, work, blockIdx.x, shared);
}
template <class T, class W>
__global__ void scatter_backward_kernel(ScatterBackwardWork<T, W> work) {
  __shared__ RowSums shared;
  DeviceTeam team;
  scatter_backward_row(team, work, blockIdx.x, shared);
}

template <class T>
__global__ void __launch_bounds__(kTeam)
    product_kernel(const __grid_constant__ ProductWork<T> work) {
  __shared__ Tiles shared;
  DeviceTeam team;
  grouped_product_tile(team, work, {blockIdx.x, blockIdx.y, blockIdx.z}, shared);
}
template <class T>
__global__ void __launch_bounds__(kTeam) weight_gradient_kernel(WeightGradientWork<T> work) {
  __shared__ Tiles shared;
  DeviceTeam team;
  weight_gradient_tile(team, work, {blockIdx.x, blockIdx.y, blockIdx.z}, shared);
}

template <class T>
__global__ void bias_gradient_kernel(WeightGradientWork<T> work) {
  DeviceTeam team;
  bias_gradient(team, work, {blockIdx.x, blockIdx.y, blockIdx.z});
}
template <class T>
__global__ void finish_kernel(const __grid_constant__ FinishWork<T> work) {
  DeviceTeam team;
  finish_row(team, work, blockIdx.x);
}
template <class T>
__global__ void clear_empty_kernel(WeightGradientWork<T> work) {
  DeviceTeam team;
  clear_empty(team, work, blockIdx.x);
}

__global__ void auction_kernel(AuctionWork work) {
  __shared__ AuctionRoom room;
  DeviceTeam team;
  Auction<DeviceTeam>(team, work, room).run();
}

template <class T>
__global__ void dropout_kernel(DropoutWork<T> work) {
  DeviceTeam team;
  drop_block(team, work, blockIdx.x);
}

int64_t tiles(int64_t count) {
  return (count + kTile - 1) / kTile;
}

}  // namespace

const char* launch_slots(const SlotWork& work, CudaStream stream) {
  if (work.num_choices > 0)
    count_choices_kernel<<<grid(work.num_blocks()), kTeam, 0, stream>>>(work);
  if (work.E > 0) sum_counts_kernel<<<grid(work.E), kTeam, 0, stream>>>(work);
  if (work.num_choices > 0) give_slots_kernel<<<grid(work.num_blocks()), kTeam, 0, stream>>>(work);
  return outcome();
}

template <class Unit>
const char* launch_gather(const GatherWork<Unit>& work, int64_t num_rows, CudaStream stream) {
  if (num_rows > kMaxGrid) return "more rows than a grid has blocks";
  if (num_rows > 0) gather_kernel<<<grid(num_rows), kTeam, 0, stream>>>(work);
  return outcome();
}

template <class T, class W>
const char* launch_scatter(const ScatterWork<T, W>& work, int64_t num_tokens, CudaStream stream) {
  if (num_tokens > kMaxGrid || work.N > kMaxGrid) return "more rows than a grid has blocks";
  if (work.N > 0) list_rows_kernel<<<grid((work.N + kTeam - 1) / kTeam), kTeam, 0, stream>>>(work);
  if (num_tokens > 0) sum_rows_kernel<<<grid(num_tokens), kTeam, 0, stream>>>(work);
  return outcome();
}

template <class T, class W>
const char* launch_scatter_backward(const ScatterBackwardWork<T, W>& work, int64_t num_rows,
                                    CudaStream stream) {
  if (num_rows > kMaxGrid) return "more rows than a grid has blocks";
  if (num_rows > 0) scatter_backward_kernel<<<grid(num_rows), kTeam, 0, stream>>>(work);
  return outcome();
}

template <class T>
const char* launch_product(const ProductWork<T>& work, int64_t num_rows, CudaStream stream) {
  const int64_t row_tiles = max_row_tiles(num_rows, work.num_groups);
  if (row_tiles > 0xFFFF) return "more rows than a product takes at once (4 million)";
  if (num_rows > 0 && work.outer > 0)
    product_kernel<<<grid(tiles(work.outer), row_tiles), kTeam, 0, stream>>>(work);
  return outcome();
}

template <class T>
const char* launch_weight_gradient(const WeightGradientWork<T>& work, int64_t num_groups,
                                   CudaStream stream) {
  if (num_groups > 0 && work.inner > 0 && work.outer > 0) {
    const dim3 blocks = grid(tiles(work.inner), tiles(work.outer), num_groups);
    weight_gradient_kernel<<<blocks, kTeam, 0, stream>>>(work);
  }
  return outcome();
}

template <class T>
const char* launch_bias_gradient(const WeightGradientWork<T>& work, int64_t num_groups,
                                 CudaStream stream) {
  if (num_groups > 0 && work.outer > 0) {
    const dim3 blocks = grid((work.outer + kTeam - 1) / kTeam, num_groups);
    bias_gradient_kernel<<<blocks, kTeam, 0, stream>>>(work);
  }
  return outcome();
}

template <class T>
const char* launch_finish(const FinishWork<T>& work, int64_t num_rows, CudaStream stream) {
  if (num_rows > kMaxGrid) return "more rows than a grid has blocks";
  if (num_rows > 0) finish_kernel<<<grid(num_rows), kTeam, 0, stream>>>(work);
  return outcome();
}

template <class T>
const char* launch_clear_empty(const WeightGradientWork<T>& work, int64_t num_groups,
                               CudaStream stream) {
  if (num_groups > 0) clear_empty_kernel<<<grid(num_groups), kTeam, 0, stream>>>(work);
  return outcome();
}

const char* launch_auction(const AuctionWork& work, CudaStream stream) {
  auction_kernel<<<1, kTeam, 0, stream>>>(work);
  return outcome();
}

template <class T>
const char* launch_dropout(const DropoutWork<T>& work, CudaStream stream) {
  const int64_t blocks = (work.count + kDropoutBlock - 1) / kDropoutBlock;
  if (blocks > 0) dropout_kernel<<<grid(blocks), kTeam, 0, stream>>>(work);
  return outcome();
}

#define XP_FOR_UNIT(U) \
  template const char* launch_gather<U>(const GatherWork<U>&, int64_t, CudaStream);
XP_FOR_UNIT(Word16)
XP_FOR_UNIT(uint32_t)
XP_FOR_UNIT(uint16_t)

#define XP_FOR_WEIGHT(T, W)                                                                     \
  template const char* launch_scatter<T, W>(const ScatterWork<T, W>&, int64_t, CudaStream);     \
  template const char* launch_scatter_backward<T, W>(const ScatterBackwardWork<T, W>&, int64_t, \
                                                     CudaStream);
#define XP_FOR_TYPE(T)                                                                             \
  XP_FOR_WEIGHT(T, float)                                                                          \
  XP_FOR_WEIGHT(T, Brain16)                                                                        \
  XP_FOR_WEIGHT(T, Half16)                                                                         \
  template const char* launch_product<T>(const ProductWork<T>&, int64_t, CudaStream);              \
  template const char* launch_weight_gradient<T>(const WeightGradientWork<T>&, int64_t,            \
                                                 CudaStream);                                      \
  template const char* launch_bias_gradient<T>(const WeightGradientWork<T>&, int64_t, CudaStream); \
  template const char* launch_finish<T>(const FinishWork<T>&, int64_t, CudaStream);                \
  template const char* launch_clear_empty<T>(const WeightGradientWork<T>&, int64_t, CudaStream);   \
  template const char* launch_dropout<T>(const DropoutWork<T>&, CudaStream);
XP_FOR_TYPE(float)
XP_FOR_TYPE(Brain16)
XP_FOR_TYPE(Half16)

}  // namespace xp
