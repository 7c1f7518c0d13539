// Each half is an autograd function whose backward is the other half's work: receiving's backward
// sends the gradients off, sending's backward waits for them.
#include "engine/comm/all_to_all.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

#include <chrono>

namespace xp {

// What both halves know.
struct Journey {
  std::vector<int64_t> sent, taken;
  Group* group = nullptr;
  Traffic* traffic = nullptr;
  std::unique_ptr<Pending> pending;

  torch::Tensor send(const torch::Tensor& rows, const std::vector<int64_t>& to,
                     const std::vector<int64_t>& from) {
    const LinkBytes before = group->bytes();
    pending = group->start_all_to_all(rows, to, from);
    if (traffic != nullptr) traffic->bytes += group->bytes() - before;
    return pending->rows();
  }

  torch::Tensor receive() {
    const auto start = std::chrono::steady_clock::now();
    const auto rows = pending->wait();
    if (traffic != nullptr) {
      const std::chrono::duration<double> waited = std::chrono::steady_clock::now() - start;
      traffic->exposed_s += waited.count();
      traffic->exchange_s += pending->seconds();
    }
    pending.reset();
    return rows;
  }
};

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr const char* kJourney = "journey";

// Lets autograd keep a journey.
struct Capsule final : torch::CustomClassHolder {
  explicit Capsule(std::shared_ptr<Journey> kept_journey) : journey(std::move(kept_journey)) {}
  std::shared_ptr<Journey> journey;
};

void keep(AutogradContext* context, const std::shared_ptr<Journey>& journey) {
  context->saved_data[kJourney] = c10::IValue::make_capsule(c10::make_intrusive<Capsule>(journey));
}

std::shared_ptr<Journey> kept(AutogradContext* context) {
  const auto capsule = context->saved_data[kJourney].toCapsule();
  return c10::static_intrusive_pointer_cast<Capsule>(capsule)->journey;
}

struct Send : torch::autograd::Function<Send> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& rows_ND,
                               const std::shared_ptr<Journey>& journey) {
    keep(context, journey);
    return journey->send(rows_ND, journey->sent, journey->taken);
  }
  static variable_list backward(AutogradContext* context, const variable_list&) {
    return {kept(context)->receive(), {}};
  }
};

struct Receive : torch::autograd::Function<Receive> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& rows_MD,
                               const std::shared_ptr<Journey>& journey) {
    keep(context, journey);
    journey->receive();
    return rows_MD;
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto journey = kept(context);
    journey->send(gradients[0], journey->taken, journey->sent);
    return {gradients[0], {}};  // of the right shape; Send's backward answers with what arrives
  }
};

}  // namespace

InFlight send_rows(const torch::Tensor& rows_ND, std::vector<int64_t> sent,
                   std::vector<int64_t> taken, Group& group, Traffic* traffic) {
  auto journey = std::make_shared<Journey>();
  journey->sent = std::move(sent);
  journey->taken = std::move(taken);
  journey->group = &group;
  journey->traffic = traffic;
  return {Send::apply(rows_ND, journey), journey};
}

torch::Tensor receive_rows(InFlight rows) {
  return Receive::apply(rows.rows_MD, rows.journey);
}

torch::Tensor all_to_all(const torch::Tensor& rows_ND, std::vector<int64_t> sent,
                         std::vector<int64_t> taken, Group& group, Traffic* traffic) {
  return receive_rows(send_rows(rows_ND, std::move(sent), std::move(taken), group, traffic));
}

}  // namespace xp
