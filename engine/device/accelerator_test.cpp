// What choosing a device says if a module is not there or not ours.
#include "engine/device/accelerator.h"

#include "engine/base/devices.h"
#include "engine/base/error.h"
#include "engine/base/file.h"
#include "engine/base/own_program.h"
#include "engine/testing/message.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

TEST_CASE("without a module, auto computes on the CPU and says nothing") {
  CHECK(choose_device("auto") == "");
  CHECK(accelerator() == nullptr);
  CHECK(computing_device() == torch::kCPU);
}

TEST_CASE("an accelerator without its module is an error that says what to build") {
  const auto file = accelerator_module(own_program(), "cuda").string();
  CHECK(message_of([] { choose_device("cuda"); }) ==
        "'device' is \"cuda\", but '" + file +
            "' is not there; build it with `scripts/setup.sh cuda`");
}

TEST_CASE("a module that was not built with this xp is not loaded") {
  const auto file = accelerator_module(own_program(), "strange");
  write_atomic(file, "no shared object");
  CHECK(message_of([] { choose_device("strange"); }) ==
        "'" + file.string() +
            "' is not a whole shared object for this machine; build it again with this xp: "
            "`scripts/setup.sh strange`");
  fs::remove(file);
}
