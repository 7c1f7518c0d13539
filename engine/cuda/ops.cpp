// The operators of engine/device/ops.h on CUDA: memory is LibTorch's, work is put onto its current
// stream, and no value is read on the host.
#include "engine/base/to_integer.h"
#include "engine/cuda/launch.h"

#include <ATen/cuda/CUDAContext.h>
#include <ATen/ops/_grouped_mm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>
#include <torch/types.h>

#include <algorithm>
#include <optional>
#include <tuple>
#include <vector>

namespace xp {
namespace {

using torch::Tensor;

CudaStream stream() {
  return c10::cuda::getCurrentCUDAStream().stream();
}

void check_launch(const char* error, const char* what) {
  TORCH_CHECK(error == nullptr, what, " could not be started on the GPU: ", error);
}

// Calls `call` with an object of the type that kernels have for a tensor's elements.
template <class Call>
void with_type(torch::ScalarType type, Call call) {
  if (type == torch::kFloat)
    call(float{});
  else if (type == torch::kBFloat16)
    call(Brain16{});
  else if (type == torch::kHalf)
    call(Half16{});
  else
    TORCH_CHECK(false, "kernels compute in float32, bfloat16 and float16, not in ", type);
}

template <class T>
const T* read(const Tensor& tensor) {
  return static_cast<const T*>(tensor.const_data_ptr());
}
template <class T>
T* written(const Tensor& tensor) {
  return static_cast<T*>(tensor.mutable_data_ptr());
}

std::tuple<Tensor, Tensor, Tensor> assign_slots(const Tensor& expert_KT,
                                                const std::optional<Tensor>& priority_T, int64_t E,
                                                int64_t capacity) {
  const c10::cuda::CUDAGuard guard(expert_KT.device());
  const auto expert = expert_KT.contiguous();
  const auto priority = priority_T ? priority_T->contiguous() : Tensor();
  SlotWork work;
  work.expert_KT = read<int64_t>(expert);
  work.priority_T = priority.defined() ? read<int64_t>(priority) : nullptr;
  work.T = expert.size(1);
  work.num_choices = expert.numel();
  work.E = E;
  work.capacity = capacity;
  const auto before =
      at::zeros({E, std::max<int64_t>(work.num_blocks(), 1)}, expert.options().dtype(torch::kInt));
  const auto choice = at::empty({E, capacity}, expert.options());
  const auto kept = at::empty(expert.sizes(), expert.options().dtype(torch::kBool));
  const auto count = at::empty({E}, expert.options());
  work.before_EB = written<int32_t>(before);
  work.choice_EC = written<int64_t>(choice);
  work.kept_KT = written<bool>(kept);
  work.count_E = written<int64_t>(count);
  check_launch(launch_slots(work, stream()), "the assignment of slots");
  return {choice, kept, count};
}

template <class Unit>
bool fits(const Tensor& x, const Tensor& rows, int64_t row_bytes) {
  const auto is_aligned = [](const Tensor& tensor) {
    return reinterpret_cast<uintptr_t>(tensor.const_data_ptr()) % sizeof(Unit) == 0;
  };
  return row_bytes % static_cast<int64_t>(sizeof(Unit)) == 0 && is_aligned(x) && is_aligned(rows);
}

template <class Unit>
const char* gather_as(const Tensor& x, const Tensor& token, const Tensor& rows, int64_t row_bytes) {
  return launch_gather<Unit>({read<Unit>(x), read<int64_t>(token), written<Unit>(rows),
                              row_bytes / static_cast<int64_t>(sizeof(Unit))},
                             token.size(0), stream());
}

Tensor gather_rows(const Tensor& x_TD, const Tensor& token_N) {
  const c10::cuda::CUDAGuard guard(x_TD.device());
  const auto x = x_TD.contiguous(), token = token_N.contiguous();
  const auto rows = at::empty({token.size(0), x.size(1)}, x.options());
  const int64_t row_bytes = x.size(1) * x.itemsize();
  if (row_bytes == 0) return rows;
  TORCH_CHECK(row_bytes % 2 == 0, "rows are copied by 2 bytes at least");
  check_launch(fits<Word16>(x, rows, row_bytes) ? gather_as<Word16>(x, token, rows, row_bytes)
               : fits<uint32_t>(x, rows, row_bytes)
                   ? gather_as<uint32_t>(x, token, rows, row_bytes)
                   : gather_as<uint16_t>(x, token, rows, row_bytes),
               "the gathering of rows");
  return rows;
}

Tensor scatter_rows(const Tensor& rows_ND, const Tensor& token_N, const Tensor& weight_N,
                    int64_t T) {
  const c10::cuda::CUDAGuard guard(rows_ND.device());
  const auto rows = rows_ND.contiguous(), token = token_N.contiguous();
  const auto weight = weight_N.contiguous();
  const auto y = at::empty({T, rows.size(1)}, rows.options());
  const auto integers = rows.options().dtype(torch::kInt);
  const auto count = at::zeros({T}, integers), list = at::empty({T, kListed}, integers);
  with_type(rows.scalar_type(), [&](auto element) {
    with_type(weight.scalar_type(), [&](auto factor) {
      ScatterWork<decltype(element), decltype(factor)> work;
      work.rows_ND = read<decltype(element)>(rows);
      work.token_N = read<int64_t>(token);
      work.weight_N = read<decltype(factor)>(weight);
      work.y_TD = written<decltype(element)>(y);
      work.N = rows.size(0);
      work.D = rows.size(1);
      work.count_T = written<int32_t>(count);
      work.list = written<int32_t>(list);
      check_launch(launch_scatter(work, T, stream()), "the sum of rows by token");
    });
  });
  return y;
}

std::tuple<Tensor, Tensor> scatter_rows_backward(const Tensor& dy_TD, const Tensor& rows_ND,
                                                 const Tensor& token_N, const Tensor& weight_N) {
  const c10::cuda::CUDAGuard guard(rows_ND.device());
  const auto rows = rows_ND.contiguous(), token = token_N.contiguous();
  const auto weight = weight_N.contiguous(), dy = dy_TD.to(rows.scalar_type()).contiguous();
  const auto drows = at::empty_like(rows), dweight = at::empty_like(weight);
  with_type(rows.scalar_type(), [&](auto element) {
    with_type(weight.scalar_type(), [&](auto factor) {
      ScatterBackwardWork<decltype(element), decltype(factor)> work;
      work.dy_TD = read<decltype(element)>(dy);
      work.rows_ND = read<decltype(element)>(rows);
      work.token_N = read<int64_t>(token);
      work.weight_N = read<decltype(factor)>(weight);
      work.drows_ND = written<decltype(element)>(drows);
      work.dweight_N = written<decltype(factor)>(dweight);
      work.D = rows.size(1);
      check_launch(launch_scatter_backward(work, rows.size(0), stream()),
                   "the gradient of a sum of rows");
    });
  });
  return {drows, dweight};
}

// Whether at::_grouped_mm has a kernel for this device and these tensors. Otherwise it would read
// the starts on the host and multiply group by group.
bool has_grouped_mm(const Tensor& rows, int64_t outer) {
  const cudaDeviceProp* const device = at::cuda::getCurrentDeviceProperties();
  const bool has_kernel = device->major == 9 || (device->major == 10 && device->minor == 0);
  constexpr int64_t kAligned = 8;  // elements: 16 bytes
  return has_kernel && rows.scalar_type() == torch::kBFloat16 && rows.size(0) > 0 &&
         rows.size(1) % kAligned == 0 && outer % kAligned == 0;
}

// The weights as one tensor [X, O, D]: a view if they lie behind each other, else a copy.
Tensor stacked(torch::TensorList weight_X) {
  const Tensor& first = weight_X[0];
  bool is_one = true;
  for (size_t i = 0; i < weight_X.size(); ++i) {
    is_one = is_one && weight_X[i].is_contiguous() && weight_X[i].is_alias_of(first) &&
             weight_X[i].storage_offset() ==
                 first.storage_offset() + static_cast<int64_t>(i) * first.numel();
  }
  if (!is_one) return at::stack(weight_X);
  return first.as_strided({static_cast<int64_t>(weight_X.size()), first.size(0), first.size(1)},
                          {first.numel(), first.size(1), 1});
}

// The end of each group as at::_grouped_mm wants it. Rows before the first group count to it.
Tensor ends(const Tensor& start) {
  return start.slice(0, 1).to(torch::kInt);
}

// Adds biases, if there are any, and makes rows outside of all groups zero.
void finish(const Tensor& out, const std::vector<Tensor>& bias, const Tensor& start) {
  with_type(out.scalar_type(), [&](auto element) {
    using T = decltype(element);
    FinishWork<T> work;
    work.out = written<T>(out);
    for (size_t i = 0; i < bias.size(); ++i)
      work.bias[i] = read<T>(bias[i]);
    work.start = read<int64_t>(start);
    work.num_groups = start.size(0) - 1;
    work.outer = out.size(1);
    check_launch(launch_finish(work, out.size(0), stream()), "a grouped product");
  });
}

template <class T>
void fill_groups(ProductWork<T>& work, torch::TensorList weight_X, torch::TensorList bias_X,
                 const Tensor& start) {
  work.num_groups = static_cast<int64_t>(weight_X.size());
  work.start = read<int64_t>(start);
  for (size_t i = 0; i < weight_X.size(); ++i) {
    work.weight[i] = read<T>(weight_X[i]);
    work.bias[i] = bias_X.empty() ? nullptr : read<T>(bias_X[i]);
  }
}

std::vector<Tensor> contiguous_of(torch::TensorList tensors, torch::ScalarType type) {
  std::vector<Tensor> out;
  for (const auto& one : tensors)
    out.push_back(one.to(type).contiguous());
  return out;
}

Tensor grouped_product(const Tensor& rows_ND, torch::TensorList weight_X, torch::TensorList bias_X,
                       const Tensor& start_X1) {
  const c10::cuda::CUDAGuard guard(rows_ND.device());
  const auto rows = rows_ND.contiguous(), start = start_X1.contiguous();
  const auto weight = contiguous_of(weight_X, rows.scalar_type());
  const auto bias = contiguous_of(bias_X, rows.scalar_type());
  const int64_t outer = weight.at(0).size(0);
  TORCH_CHECK(weight.size() <= kMaxGroups, "at most ", kMaxGroups, " groups at once");
  if (has_grouped_mm(rows, outer)) {
    const auto out = at::_grouped_mm(rows, stacked(weight).transpose(1, 2), ends(start));
    finish(out, bias, start);
    return out;
  }
  const auto out = at::zeros({rows.size(0), outer}, rows.options());
  with_type(rows.scalar_type(), [&](auto element) {
    using T = decltype(element);
    ProductWork<T> work;
    fill_groups(work, weight, bias, start);
    work.rows = read<T>(rows);
    work.outer_stride = rows.size(1);
    work.out = written<T>(out);
    work.inner = rows.size(1);
    work.outer = outer;
    check_launch(launch_product(work, rows.size(0), stream()), "a grouped product");
  });
  return out;
}

std::tuple<Tensor, Tensor, Tensor> grouped_product_backward(const Tensor& dy_NO,
                                                            const Tensor& rows_ND,
                                                            torch::TensorList weight_X,
                                                            const Tensor& start_X1) {
  const c10::cuda::CUDAGuard guard(rows_ND.device());
  const auto type = rows_ND.scalar_type();
  const auto rows = rows_ND.contiguous(), start = start_X1.contiguous();
  const auto dy = dy_NO.to(type).contiguous();
  const auto weight = contiguous_of(weight_X, type);
  const auto X = static_cast<int64_t>(weight.size());
  const int64_t inner = rows.size(1), outer = dy.size(1);
  const auto weight_type = weight_X[0].scalar_type();
  TORCH_CHECK(X <= kMaxGroups, "at most ", kMaxGroups, " groups at once");
  const bool uses_grouped_mm = has_grouped_mm(rows, outer);
  const auto drows =
      uses_grouped_mm ? at::_grouped_mm(dy, stacked(weight), ends(start)) : at::zeros_like(rows);
  // With a group of what lies before the first one, whose gradient is left out.
  const auto dweight = uses_grouped_mm
                           ? at::_grouped_mm(dy.t(), rows, start.to(torch::kInt)).slice(0, 1)
                           : at::empty({X, outer, inner}, rows.options());
  const auto dbias = at::empty({X, outer}, rows.options());
  if (uses_grouped_mm) finish(drows, {}, start);
  with_type(type, [&](auto element) {
    using T = decltype(element);
    const WeightGradientWork<T> gradient{
        read<T>(dy), read<T>(rows), read<int64_t>(start), written<T>(dweight), written<T>(dbias),
        inner,       outer};
    check_launch(launch_bias_gradient(gradient, X, stream()), "the gradient of a bias");
    if (uses_grouped_mm) {
      check_launch(launch_clear_empty(gradient, X, stream()), "the gradient of a grouped product");
      return;
    }
    ProductWork<T> work;
    fill_groups(work, weight, {}, start);
    work.rows = read<T>(dy);
    work.outer_stride = 1;
    work.inner_stride = inner;
    work.out = written<T>(drows);
    work.inner = outer;
    work.outer = inner;
    check_launch(launch_product(work, rows.size(0), stream()), "a grouped product");
    check_launch(launch_weight_gradient(gradient, X, stream()),
                 "the gradient of a grouped product");
  });
  return {drows, dweight.to(weight_type), dbias.to(weight_type)};
}

Tensor balanced_assignment(const Tensor& value_GJ, int64_t each) {
  const c10::cuda::CUDAGuard guard(value_GJ.device());
  const auto value = value_GJ.to(torch::kFloat).contiguous();
  const int64_t K = value.size(0), J = value.size(1);
  TORCH_CHECK(J == K * each && K <= kMaxWorkers, "an assignment has at most ", kMaxWorkers,
              " groups, of equal size");
  const auto jobs = at::empty({J}, value.options().dtype(torch::kLong));
  if (J == 0) return jobs;
  const auto reals = at::empty({2, J}, value.options());
  const auto integers = at::empty({4, J}, value.options().dtype(torch::kInt));
  const AuctionWork work = auction_work(read<float>(value), K, J, written<int64_t>(jobs),
                                        written<float>(reals), written<int32_t>(integers));
  check_launch(launch_auction(work, stream()), "the balanced assignment");
  return jobs;
}

Tensor dropout_mask(const Tensor& like, double p, int64_t seed, int64_t first) {
  const c10::cuda::CUDAGuard guard(like.device());
  const auto mask = at::empty(like.sizes(), like.options().dtype(torch::kFloat));
  DropoutWork<float> work;
  work.y = written<float>(mask);
  work.count = mask.numel();
  work.first = first;
  work.key = static_cast<uint64_t>(seed);
  work.threshold = static_cast<int32_t>(to_integer(p * 2147483648.0));
  work.scale = static_cast<float>(1 / (1 - p));
  check_launch(launch_dropout(work, stream()), "dropout");
  return mask;
}

TORCH_LIBRARY_IMPL(xp, CUDA, m) {
  m.impl("assign_slots", &assign_slots);
  m.impl("gather_rows", &gather_rows);
  m.impl("scatter_rows", &scatter_rows);
  m.impl("scatter_rows_backward", &scatter_rows_backward);
  m.impl("grouped_product", &grouped_product);
  m.impl("grouped_product_backward", &grouped_product_backward);
  m.impl("balanced_assignment", &balanced_assignment);
  m.impl("dropout_mask", &dropout_mask);
}

}  // namespace
}  // namespace xp
