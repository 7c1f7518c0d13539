// The device as LibTorch sees it: guard, hooks, and the accelerator of the engine.
#include "engine/stand_in/stand_in.h"

#include "engine/base/error.h"
#include "engine/comm/device_groups.h"
#include "engine/stand_in/memory.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <array>
#include <vector>

namespace xp {
namespace stand_in {
namespace {

constexpr auto kType = torch::kPrivateUse1;

thread_local c10::DeviceIndex device_now = 0;
thread_local std::array<int64_t, StandIn::kDevices> stream_now{};  // of each device
int64_t num_streams = 0;                                           // beside the default ones

StreamKey key(const c10::Stream& stream) {
  return {stream.device_index(), stream.id()};
}

struct Guard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return kType; }
  c10::Device exchangeDevice(c10::Device to) const override {
    return {kType, std::exchange(device_now, checked(to.index()))};
  }
  c10::Device getDevice() const override { return {kType, device_now}; }
  void setDevice(c10::Device to) const override { device_now = checked(to.index()); }
  void uncheckedSetDevice(c10::Device to) const noexcept override { device_now = to.index(); }
  c10::DeviceIndex deviceCount() const noexcept override { return StandIn::kDevices; }

  c10::Stream getStream(c10::Device device) const override {
    const auto index = device.has_index() ? device.index() : device_now;
    return stream(index, stream_now[static_cast<size_t>(index)]);
  }
  c10::Stream getDefaultStream(c10::Device device) const override {
    return stream(device.has_index() ? device.index() : device_now, 0);
  }
  c10::Stream getStreamFromGlobalPool(c10::Device device, bool) const override {
    return getNewStream(device, 0);
  }
  c10::Stream getNewStream(c10::Device device, int) const override {
    const std::lock_guard lock(mutex());
    return stream(device.has_index() ? device.index() : device_now, ++num_streams);
  }
  c10::Stream exchangeStream(c10::Stream to) const override {
    auto& now = stream_now[static_cast<size_t>(to.device_index())];
    return stream(to.device_index(), std::exchange(now, to.id()));
  }

  void record(void** event, const c10::Stream& on, c10::DeviceIndex,
              c10::EventFlag) const override {
    const std::lock_guard lock(mutex());
    if (*event == nullptr) *event = new StreamEvent();
    stand_in::record(*static_cast<StreamEvent*>(*event), key(on));
  }
  void block(void* event, const c10::Stream& on) const override {
    const std::lock_guard lock(mutex());
    if (event != nullptr) make_wait(key(on), *static_cast<StreamEvent*>(event));
  }
  bool queryEvent(void* event) const override {
    synchronizeEvent(event);
    return true;
  }
  void destroyEvent(void* event, c10::DeviceIndex) const noexcept override {
    delete static_cast<StreamEvent*>(event);
  }
  bool queryStream(const c10::Stream& on) const override {
    const std::lock_guard lock(mutex());
    wait_for_stream(key(on));
    return true;
  }
  void synchronizeStream(const c10::Stream& on) const override {
    const std::lock_guard lock(mutex());
    count_host_read("synchronizeStream");
    wait_for_stream(key(on));
  }
  void synchronizeEvent(void* event) const override {
    const std::lock_guard lock(mutex());
    if (event != nullptr) wait_for_event(*static_cast<StreamEvent*>(event));
  }
  void synchronizeDevice(c10::DeviceIndex device) const override {
    const std::lock_guard lock(mutex());
    count_host_read("synchronizeDevice");
    wait_for_device(device < 0 ? device_now : device);
  }
  void recordDataPtrOnStream(const c10::DataPtr& data, const c10::Stream& on) const override {
    const std::lock_guard lock(mutex());
    if (PageBlock* const block = block_of(data.get())) block->history.recorded.insert(key(on));
  }
  double elapsedTime(void* first, void* second, c10::DeviceIndex) const override {
    const auto time = [](void* event) { return static_cast<StreamEvent*>(event)->recorded; };
    return std::chrono::duration<double, std::milli>(time(second) - time(first)).count();
  }

 private:
  static c10::DeviceIndex checked(c10::DeviceIndex index) {
    check(index >= 0 && index < StandIn::kDevices, "the stand-in has eight devices");
    return index;
  }
  static c10::Stream stream(c10::DeviceIndex device, int64_t id) {
    return c10::Stream(c10::Stream::UNSAFE, c10::Device(kType, device), id);
  }
};

struct Hooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return StandIn::kDevices; }
  void setCurrentDevice(c10::DeviceIndex device) const override { device_now = device; }
  c10::DeviceIndex getCurrentDevice() const override { return device_now; }
  c10::DeviceIndex exchangeDevice(c10::DeviceIndex device) const override {
    return std::exchange(device_now, device);
  }
  c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex device) const override {
    return std::exchange(device_now, device);
  }
  c10::Allocator* getPinnedMemoryAllocator() const override { return &pinned_allocator(); }
  bool isPinnedPtr(const void* data) const override { return is_pinned(data); }
  c10::Device getDeviceFromPtr(void*) const override { return {kType, device_now}; }
  // Random numbers are those of the CPU, which computes.
  const at::Generator& getDefaultGenerator(c10::DeviceIndex) const override {
    return at::detail::getDefaultCPUGenerator();
  }
  at::Generator getNewGenerator(c10::DeviceIndex) const override {
    return at::detail::createCPUGenerator();
  }
};

// Makes "stand_in" a device of LibTorch.
struct Registration {
  Registration() {
    c10::register_privateuse1_backend("stand_in");
    c10::SetAllocator(kType, &allocator());
    at::RegisterPrivateUse1HooksInterface(new Hooks());
  }
} const registration;

C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard);

}  // namespace
}  // namespace stand_in

torch::Device StandIn::take(int64_t index) {
  const torch::Device device(torch::kPrivateUse1, static_cast<c10::DeviceIndex>(index));
  c10::impl::getDeviceGuardImpl(torch::kPrivateUse1)->setDevice(device);
  return device;
}

void StandIn::synchronize() {
  c10::impl::getDeviceGuardImpl(torch::kPrivateUse1)->synchronizeDevice(-1);
}

int64_t StandIn::peak_memory_bytes() const {
  return stand_in::peak_bytes();
}

int64_t StandIn::host_reads() const {
  const std::lock_guard lock(stand_in::mutex());
  return stand_in::num_counted();
}

std::map<std::string, int64_t> take_host_reads() {
  const std::lock_guard lock(stand_in::mutex());
  return stand_in::take_counts();
}

Groups StandIn::connect(const Rendezvous& rendezvous, torch::Device) {
  return for_devices(xp::connect(rendezvous));
}

}  // namespace xp
