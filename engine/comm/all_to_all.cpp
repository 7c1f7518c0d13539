// Each half is an autograd function whose backward is the other half's work: receiving's backward
// starts to send the gradients, sending's backward waits for them.
#include "engine/comm/all_to_all.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

#include <chrono>

namespace xp {

// What both halves share.
struct InFlightExchange {
  std::vector<int64_t> sent, taken;
  Group* group = nullptr;
  Traffic* traffic = nullptr;
  std::unique_ptr<PendingRows> pending;

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

constexpr const char* kExchange = "exchange";

// Lets autograd keep an exchange.
struct Capsule final : torch::CustomClassHolder {
  explicit Capsule(std::shared_ptr<InFlightExchange> kept_exchange)
      : exchange(std::move(kept_exchange)) {}
  std::shared_ptr<InFlightExchange> exchange;
};

void keep(AutogradContext* context, const std::shared_ptr<InFlightExchange>& exchange) {
  context->saved_data[kExchange] =
      c10::IValue::make_capsule(c10::make_intrusive<Capsule>(exchange));
}

std::shared_ptr<InFlightExchange> kept(AutogradContext* context) {
  const auto capsule = context->saved_data[kExchange].toCapsule();
  return c10::static_intrusive_pointer_cast<Capsule>(capsule)->exchange;
}

struct Send : torch::autograd::Function<Send> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& rows_ND,
                               const std::shared_ptr<InFlightExchange>& exchange) {
    keep(context, exchange);
    return exchange->send(rows_ND, exchange->sent, exchange->taken);
  }
  static variable_list backward(AutogradContext* context, const variable_list&) {
    return {kept(context)->receive(), {}};
  }
};

struct Receive : torch::autograd::Function<Receive> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& rows_MD,
                               const std::shared_ptr<InFlightExchange>& exchange) {
    keep(context, exchange);
    exchange->receive();
    return rows_MD;
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto exchange = kept(context);
    exchange->send(gradients[0], exchange->taken, exchange->sent);
    return {gradients[0], {}};  // of the right shape; Send's backward answers with what arrives
  }
};

}  // namespace

RowsInFlight send_rows(const torch::Tensor& rows_ND, std::vector<int64_t> sent,
                       std::vector<int64_t> taken, Group& group, Traffic* traffic) {
  auto exchange = std::make_shared<InFlightExchange>();
  exchange->sent = std::move(sent);
  exchange->taken = std::move(taken);
  exchange->group = &group;
  exchange->traffic = traffic;
  return {Send::apply(rows_ND, exchange), exchange};
}

torch::Tensor receive_rows(RowsInFlight rows) {
  return Receive::apply(rows.rows_MD, rows.exchange);
}

torch::Tensor all_to_all(const torch::Tensor& rows_ND, std::vector<int64_t> sent,
                         std::vector<int64_t> taken, Group& group, Traffic* traffic) {
  return receive_rows(send_rows(rows_ND, std::move(sent), std::move(taken), group, traffic));
}

}  // namespace xp
