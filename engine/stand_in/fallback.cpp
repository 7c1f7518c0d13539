// Operators of the stand-in: those that only look at sizes are LibTorch's own; every other runs the
// CPU's kernel on its memory, whose pages are open meanwhile.
#include "engine/base/error.h"
#include "engine/device/accelerator.h"
#include "engine/stand_in/memory.h"

#include <ATen/EmptyTensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_cpu_dispatch.h>
#include <ATen/ops/set_cpu_dispatch.h>
#include <ATen/ops/set_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/DeviceGuard.h>
#include <torch/library.h>

#include <algorithm>
#include <list>

namespace xp::stand_in {
namespace {

using torch::Tensor;

constexpr c10::DispatchKeySet kKeys(c10::DispatchKey::PrivateUse1);

// What waits for the device on real ones: the result's shape or value depends on values.
const std::set<std::string> kWaits = {"aten::nonzero",
                                      "aten::masked_select",
                                      "aten::_unique",
                                      "aten::_unique2",
                                      "aten::unique_consecutive",
                                      "aten::bincount",
                                      "aten::repeat_interleave",
                                      "aten::equal",
                                      "aten::histc"};
// Their small operands may be in the host's memory.
const std::set<std::string> kTakeHostTensors = {"aten::index", "aten::index_put_",
                                                "aten::_index_put_impl_"};

bool is_ours(const Tensor& tensor) {
  return tensor.defined() && tensor.device().type() == torch::kPrivateUse1;
}

ByteRange bytes_of(const Tensor& tensor) {
  int64_t last = 0;
  for (int64_t i = 0; i < tensor.dim(); ++i)
    last += (tensor.size(i) - 1) * tensor.stride(i);
  const int64_t size = tensor.itemsize(), first = tensor.storage_offset() * size;
  return tensor.numel() == 0 ? ByteRange{first, first}
                             : ByteRange{first, first + (last + 1) * size};
}

// One operator at work: its operands as tensors of the CPU over the same memory.
class Operation {
 public:
  explicit Operation(std::string name) : name_(std::move(name)), time_(begin_work()) {}

  // The operand as the kernel of the CPU sees it.
  Tensor operand(const Tensor& tensor, bool writes) {
    if (!tensor.defined()) return tensor;
    if (!is_ours(tensor)) {
      if (tensor.dim() > 0 && !kTakeHostTensors.contains(name_)) host_operand_ = tensor;
      return tensor;
    }
    check_device(tensor);
    if (PageBlock* const block = open_.add(tensor))
      note_use(block->history, bytes_of(tensor), writes, time_, name_);
    for (const auto& known : operands_)
      if (known.ours.is_same(tensor)) return known.alias;
    operands_.push_back({tensor, alias_of(tensor)});
    return operands_.back().alias;
  }

  // A mixture of devices is an error. Call it when all operands are known.
  void check_devices() const {
    if (!device_ || !host_operand_.defined()) return;
    throw Error(Blame::kBug, fmt::format("wrong device: {} is given tensors of {} and of the CPU",
                                         name_, device_->str()));
  }

  // Moves what the kernel made of empty operands, "out" of another size, to the device.
  void adopt_resized() {
    for (const auto& [ours, alias] : std::list<Operand>(operands_)) {
      if (alias.sizes() == ours.sizes()) continue;
      check(ours.numel() == 0, "operators of the stand-in resize empty tensors only");
      const Tensor made = moved(alias);
      auto* const impl = ours.unsafeGetTensorImpl();
      impl->set_storage_keep_dtype(made.storage());
      impl->set_sizes_and_strides(made.sizes(), made.strides(), made.storage_offset());
    }
  }

  // What the kernel returned, on the device.
  Tensor result(const Tensor& made) {
    if (!made.defined() || !device_) return made;
    for (const auto& operand : operands_) {
      if (made.is_same(operand.alias)) return operand.ours;
      if (made.storage().unsafeGetStorageImpl() == operand.alias.storage().unsafeGetStorageImpl()) {
        return operand.ours.as_strided(made.sizes(), made.strides(), made.storage_offset());
      }
    }
    return moved(made);
  }

 private:
  struct Operand {
    Tensor ours, alias;
  };

  Tensor moved(const Tensor& made) {
    const c10::DeviceGuard guard(*device_);
    const auto out =
        at::empty_strided(made.sizes(), made.strides(), made.options().device(*device_));
    operand(out, /*writes=*/true).copy_(made);
    return out;
  }

  void check_device(const Tensor& tensor) {
    if (!device_) device_ = tensor.device();
    if (*device_ == tensor.device()) return;
    throw Error(Blame::kBug, fmt::format("wrong device: {} is given tensors of {} and of {}", name_,
                                         device_->str(), tensor.device().str()));
  }

  Tensor alias_of(const Tensor& tensor) {
    if (tensor.numel() == 0) {  // which a kernel may resize
      return at::empty_strided(tensor.sizes(), tensor.strides(),
                               tensor.options().device(torch::kCPU));
    }
    const auto* const storage = tensor.storage().unsafeGetStorageImpl();
    auto& alias = storages_[storage];
    if (!alias) {
      auto* const begin = const_cast<void*>(tensor.storage().data());
      alias.emplace(c10::Storage::use_byte_size_t(), tensor.storage().nbytes(),
                    c10::DataPtr(begin, torch::kCPU), /*allocator=*/nullptr, /*resizable=*/false);
    }
    return at::empty({0}, tensor.options().device(torch::kCPU))
        .set_(*alias, tensor.storage_offset(), tensor.sizes(), tensor.strides());
  }

  std::string name_;
  int64_t time_;
  OpenBlocks open_;
  std::optional<torch::Device> device_;
  Tensor host_operand_;
  std::list<Operand> operands_;
  std::map<const c10::StorageImpl*, std::optional<c10::Storage>> storages_;
};

c10::IValue replaced(const c10::IValue& value, const std::function<Tensor(const Tensor&)>& with) {
  if (value.isTensor()) return with(value.toTensor());
  if (value.isTensorList()) {
    c10::List<Tensor> out;
    for (const Tensor& tensor : value.toTensorList())
      out.push_back(with(tensor));
    return out;
  }
  if (value.isOptionalTensorList()) {
    c10::List<std::optional<Tensor>> out;
    for (const std::optional<Tensor>& tensor : value.toOptionalTensorList())
      out.push_back(tensor ? std::optional(with(*tensor)) : tensor);
    return out;
  }
  if (value.isDevice()) return torch::Device(torch::kCPU);
  return value;
}

bool is_written(const c10::AliasInfo* alias) {
  if (alias == nullptr) return false;
  const auto& parts = alias->containedTypes();
  return alias->isWrite() || std::any_of(parts.begin(), parts.end(),
                                         [](const auto& part) { return is_written(&part); });
}

// That of the first tensor of the device.
std::optional<torch::Device> device_of(c10::ArrayRef<c10::IValue> values) {
  std::optional<torch::Device> out;
  for (const auto& value : values) {
    replaced(value, [&out](const Tensor& tensor) {
      if (!out && is_ours(tensor)) out = tensor.device();
      return tensor;
    });
  }
  return out;
}

void fall_back(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const std::lock_guard lock(mutex());
  const auto& schema = op.schema();
  const c10::OptionalDeviceGuard guard(
      device_of(torch::jit::last(*stack, schema.arguments().size())));
  const std::string name = schema.name();
  const at::AutoDispatchBelowADInplaceOrView below;
  if (kWaits.contains(name)) count_host_read(name);
  Operation operation(name);
  const size_t first = stack->size() - schema.arguments().size();
  for (size_t i = 0; i < schema.arguments().size(); ++i) {
    const bool writes = is_written(schema.arguments()[i].alias_info());
    auto& value = (*stack)[first + i];
    value =
        replaced(value, [&](const Tensor& tensor) { return operation.operand(tensor, writes); });
  }
  operation.check_devices();
  op.callBoxed(stack);
  operation.adopt_resized();
  const size_t results = stack->size() - schema.returns().size();
  for (size_t i = results; i < stack->size(); ++i) {
    auto& value = (*stack)[i];
    value = replaced(value, [&](const Tensor& tensor) { return operation.result(tensor); });
  }
}

Tensor empty(c10::IntArrayRef size, std::optional<c10::ScalarType> type, std::optional<c10::Layout>,
             std::optional<c10::Device> device, std::optional<bool>,
             std::optional<c10::MemoryFormat> format) {
  const c10::OptionalDeviceGuard guard(device);
  return at::detail::empty_generic(size, &allocator(), kKeys, c10::dtype_or_default(type), format);
}

Tensor empty_strided(c10::IntArrayRef size, c10::IntArrayRef stride,
                     std::optional<c10::ScalarType> type, std::optional<c10::Layout>,
                     std::optional<c10::Device> device, std::optional<bool>) {
  const c10::OptionalDeviceGuard guard(device);
  return at::detail::empty_strided_generic(size, stride, &allocator(), kKeys,
                                           c10::dtype_or_default(type));
}

// Copies within a device, and to and from the host.
Tensor copy_from(const Tensor& from, const Tensor& to, bool non_blocking) {
  const std::lock_guard lock(mutex());
  const at::AutoDispatchBelowADInplaceOrView below;
  const bool leaves = !is_ours(to), comes = !is_ours(from);
  const c10::DeviceGuard guard(comes ? to.device() : from.device());
  Operation operation(leaves ? "copy to the host" : comes ? "copy to the device" : "aten::copy_");
  const Tensor source = comes ? from : operation.operand(from, /*writes=*/false);
  if (!leaves) {
    operation.operand(to, /*writes=*/true).copy_(source);
    if (!comes || (non_blocking && is_pinned(from.data_ptr()))) return to;
    count_host_read("copy to the device");
  } else if (non_blocking) {
    deliver_later(source.clone(), to);
    return to;
  } else {
    const_cast<Tensor&>(to).copy_(source);
    count_host_read("copy to the host");
  }
  wait_for_stream(current_stream());
  return to;
}

Tensor copy_from_and_resize(const Tensor& from, const Tensor& to) {
  to.resize_(from.sizes());
  return copy_from(from, to, /*non_blocking=*/false);
}

c10::Scalar local_scalar(const Tensor& tensor) {
  const std::lock_guard lock(mutex());
  const at::AutoDispatchBelowADInplaceOrView below;
  const c10::DeviceGuard guard(tensor.device());
  Operation operation("aten::item");
  const auto out = operation.operand(tensor, /*writes=*/false).item();
  count_host_read("aten::item");
  wait_for_stream(current_stream());
  return out;
}

TORCH_LIBRARY_IMPL(_, PrivateUse1, m) {
  m.fallback(torch::CppFunction::makeFromBoxedFunction<&fall_back>());
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("empty.memory_format", &empty);
  m.impl("empty_strided", &empty_strided);
  m.impl("_copy_from", &copy_from);
  m.impl("_copy_from_and_resize", &copy_from_and_resize);
  m.impl("_local_scalar_dense", &local_scalar);
  m.impl("as_strided", &at::cpu::as_strided);
  m.impl("view", &at::native::view);
  m.impl("_reshape_alias", &at::native::_reshape_alias);
  m.impl("set_.source_Tensor", &at::native::set_tensor_);
  m.impl("set_.source_Storage", &at::native::set_);
}

}  // namespace
}  // namespace xp::stand_in
