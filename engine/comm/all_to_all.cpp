// Each half is an autograd function whose backward is the other half's work: receiving's backward
// starts to send the gradients, sending's backward waits for them.
#include "engine/comm/all_to_all.h"

#include "engine/base/turns.h"
#include "engine/comm/packed_messages.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

#include <algorithm>
#include <chrono>

namespace xp {

double steady_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void LinkTime::add(double from_s, double until_s) {
  busy_s += std::max(0.0, until_s - std::max(from_s, past_s_));
  past_s_ = std::max(past_s_, until_s);
}

// What both halves share.
struct InFlightExchange {
  std::vector<int64_t> sent, taken;
  Group* group = nullptr;
  Traffic* traffic = nullptr;
  Wire wire = Wire::kExact;
  torch::ScalarType type = torch::kFloat;  // of the rows at both ends
  std::unique_ptr<PendingRows> pending;
  double started_s = 0;
  size_t turn = own_turn();
  double left_s = 0;  // when the backward pass turned to what another work had computed

  torch::Tensor send(const torch::Tensor& rows, const std::vector<int64_t>& to,
                     const std::vector<int64_t>& from) {
    const LinkBytes before = group->bytes();
    started_s = steady_s();
    pending = start_rows(*group, on_wire(rows, wire), to, from);
    if (traffic != nullptr) traffic->bytes += group->bytes() - before;
    if (!group->overlaps()) wait();
    // Without a gradient of its own: what it gets is not to keep this exchange alive through it.
    return pending->rows().detach();
  }

  torch::Tensor receive() {
    const auto rows = wait();
    if (traffic != nullptr) traffic->of(*group).add(started_s, started_s + pending->seconds());
    pending.reset();
    return rows;
  }

  void was_away(double seconds) {
    if (traffic != nullptr) traffic->idle_s[turn] += seconds;
  }

 private:
  torch::Tensor wait() {
    const double start_s = steady_s();
    auto rows = pending->wait();
    if (traffic != nullptr) traffic->add_exposed(*group, turn, steady_s() - start_s);
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
    const auto exchange = kept(context);
    return {exchange->receive().to(exchange->type), {}};
  }
};

struct Receive : torch::autograd::Function<Receive> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& rows_MD,
                               const std::shared_ptr<InFlightExchange>& exchange) {
    keep(context, exchange);
    exchange->receive();
    return rows_MD.to(exchange->type);
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto exchange = kept(context);
    exchange->send(gradients[0], exchange->taken, exchange->sent);
    exchange->left_s = steady_s();
    // Of the right shape and type; Send's backward answers with what arrives.
    return {on_wire(gradients[0], exchange->wire), {}};
  }
};

// Where a work gives its turn away. Autograd goes the way back: from Receive to what the other work
// computed then, and from there to here.
struct GiveTurn : torch::autograd::Function<GiveTurn> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& rows_MD,
                               const std::shared_ptr<InFlightExchange>& exchange) {
    keep(context, exchange);
    return rows_MD;
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto exchange = kept(context);
    exchange->was_away(steady_s() - exchange->left_s);
    return {gradients[0], {}};
  }
};

}  // namespace

RowsInFlight send_rows(const torch::Tensor& rows_ND, std::vector<int64_t> sent,
                       std::vector<int64_t> taken, Group& group, Traffic* traffic, Wire wire) {
  auto exchange = std::make_shared<InFlightExchange>();
  exchange->sent = std::move(sent);
  exchange->taken = std::move(taken);
  exchange->group = &group;
  exchange->traffic = traffic;
  exchange->wire = wire;
  exchange->type = rows_ND.scalar_type();
  return {Send::apply(rows_ND, exchange), exchange};
}

void give_turn_for(RowsInFlight& rows) {
  if (!is_taking_turns() || !spans_nodes(*rows.exchange->group)) return;
  rows.rows_MD = GiveTurn::apply(rows.rows_MD, rows.exchange);
  rows.exchange->was_away(give_turn());
}

torch::Tensor receive_rows(RowsInFlight rows) {
  return Receive::apply(rows.rows_MD, rows.exchange);
}

}  // namespace xp
