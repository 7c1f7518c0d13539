// What the stand-in finds: each mistake is made once here, and must be caught.
#include "engine/stand_in/stand_in.h"

#include "engine/testing/message.h"

#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <sys/wait.h>
#include <unistd.h>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

const torch::Device kDevice(torch::kPrivateUse1, 0);

torch::Tensor on_device(const torch::Tensor& tensor) {
  return tensor.to(kDevice, /*non_blocking=*/true);
}

c10::Stream new_stream() {
  return c10::impl::VirtualGuardImpl(torch::kPrivateUse1).getNewStream(kDevice);
}

}  // namespace

TEST_CASE("operators compute on the stand-in what they compute on the CPU") {
  const auto x = torch::arange(6, torch::kFloat).view({2, 3});
  const auto there = on_device(x).requires_grad_();
  CHECK(there.device().str() == "stand_in:0");
  const auto y = torch::softmax(torch::matmul(there, there.t()).relu() + 1, 1);
  const auto here = torch::softmax(torch::matmul(x, x.t()).relu() + 1, 1);
  CHECK(y.cpu().equal(here));
  (y * y).sum().backward();
  CHECK(there.grad().device() == kDevice);
  const auto slice = there.detach().slice(1, 0, 2).t();
  CHECK(slice.contiguous().cpu().equal(x.slice(1, 0, 2).t()));
  CHECK(torch::cat({slice, slice}).cpu().size(0) == 4);
}

TEST_CASE("the host cannot read the memory of the stand-in") {
  const auto x = on_device(torch::ones({4}));
  const auto* const value = x.const_data_ptr<float>();
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGSEGV, SIG_DFL);
    ::_exit(*const_cast<const volatile float*>(value) == 1 ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV));
}

TEST_CASE("a tensor on the wrong device is an error") {
  const auto x = on_device(torch::ones({4}));
  CHECK_THROWS(x.add(torch::ones({4})));  // LibTorch's own check
  const auto index = torch::zeros({1}, torch::kLong);
  CHECK(message_of([&] { x.index_select(0, index); }) ==
        "wrong device: aten::index_select is given tensors of stand_in:0 and of the CPU");
  const auto other = index.to(torch::Device(torch::kPrivateUse1, 1), /*non_blocking=*/true);
  CHECK(message_of([&] { x.index_select(0, other); }) ==
        "wrong device: aten::index_select is given tensors of stand_in:0 and of stand_in:1");
}

TEST_CASE("work of another stream that does not wait is an error, and an event orders it") {
  auto x = on_device(torch::ones({4}));
  x.add_(1);
  const auto other = new_stream();
  {
    const c10::StreamGuard guard(other);
    CHECK(message_of([&] { x.add_(1); }).starts_with("missing synchronisation: aten::add"));
  }
  c10::Event event(torch::kPrivateUse1);
  event.record(c10::impl::VirtualGuardImpl(torch::kPrivateUse1).getStream(kDevice));
  event.block(other);
  {
    const c10::StreamGuard guard(other);
    CHECK(message_of([&] { x.add_(1); }) == "no error");
  }
  CHECK(message_of([&] { x.cpu(); }) ==
        "missing synchronisation: copy to the host on stream 0 of device 0 does not wait for "
        "stream " +
            std::to_string(other.id()) + " of device 0, which wrote the same memory");
  c10::impl::VirtualGuardImpl(torch::kPrivateUse1).synchronizeStream(other);
  CHECK(x.cpu().equal(torch::full({4}, 3.0F)));
}

TEST_CASE("memory that is freed while another stream may use it is an error") {
  const auto other = new_stream();
  auto x = on_device(torch::ones({4}));
  StandIn().synchronize();
  {
    const c10::StreamGuard guard(other);
    x.add_(1);
  }
  x.reset();
  CHECK(message_of([] {
          on_device(torch::ones({1}));
        }).starts_with("missing synchronisation: memory"));
}

TEST_CASE("a copy to the host that does not block arrives when the host waits") {
  const auto x = on_device(torch::ones({2}));
  const auto there = x.to(torch::kCPU, /*non_blocking=*/true);
  CHECK(std::isnan(there[0].item<float>()));
  StandIn().synchronize();
  CHECK(there.equal(torch::ones({2})));
}

TEST_CASE("what makes the host wait is counted by its name") {
  const auto x = on_device(torch::tensor({0.0F, 1.0F}));
  take_host_reads();
  x.sum().item<float>();
  x.nonzero();
  x.masked_select(x > 0);
  x.cpu();
  torch::ones({2}).to(kDevice);
  on_device(torch::ones({2}));  // from memory that can be paged
  on_device(torch::ones({2}).pin_memory());
  {
    const UncountedReads uncounted;
    x.cpu();
  }
  x.add(1);
  CHECK(take_host_reads() == std::map<std::string, int64_t>{{"aten::item", 1},
                                                            {"aten::masked_select", 1},
                                                            {"aten::nonzero", 1},
                                                            {"copy to the device", 2},
                                                            {"copy to the host", 1}});
}

TEST_CASE("copies of to_device come from pinned memory, whose views are pinned too") {
  StandIn stand_in;
  use_accelerator(&stand_in);
  take_device(0);
  take_host_reads();
  const auto host = pinned(torch::arange(6));
  CHECK(host.slice(0, 2, 4).is_pinned());
  CHECK(to_device(host.slice(0, 2, 4)).cpu().equal(torch::arange(2, 4)));
  CHECK(to_device(torch::arange(3)).device() == kDevice);
  CHECK(take_host_reads() == std::map<std::string, int64_t>{{"copy to the host", 1}});
  use_accelerator(nullptr);
  CHECK_FALSE(pinned(torch::arange(3)).is_pinned());
}

TEST_CASE("more ranks than devices are an error that says how many there are") {
  StandIn stand_in;
  use_accelerator(&stand_in);
  CHECK(message_of([] { take_device(StandIn::kDevices); }) ==
        "there are more ranks on this machine than devices: rank 8 of it finds 8 of stand_in; use "
        "ranks_per_node = 8 in [launch], or device = \"cpu\"");
  use_accelerator(nullptr);
}
