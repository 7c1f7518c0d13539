// Packed messages are bytes, so that a group moves them like any other rows.
#include "engine/comm/packed_messages.h"

#include "engine/comm/packing.h"

#include <ATen/ops/empty.h>

#include <cstring>
#include <map>
#include <numeric>

namespace xp {
namespace {

torch::Tensor bytes(int64_t count) {
  return at::empty({count}, torch::kByte);
}

uint8_t* data(const torch::Tensor& of_bytes) {
  return of_bytes.data_ptr<uint8_t>();
}

bool is_elsewhere(const Group& group, int64_t member) {
  const Topology& topology = group.topology();
  return topology.node_of(group.world_rank(member)) !=
         topology.node_of(group.world_rank(group.rank()));
}

bool is_packed(const Group& group, int64_t member, int64_t n, torch::ScalarType type) {
  return group.packs() && is_elsewhere(group, member) && is_packable(n, type);
}

// What messages had no room for, there and back; nobody sends anything if all had.
class LeftOver {
 public:
  void send(int64_t member, const std::vector<uint8_t>& exceptions) {
    if (exceptions.empty()) return;
    const auto values = bytes(static_cast<int64_t>(exceptions.size()));
    std::memcpy(data(values), exceptions.data(), exceptions.size());
    sent_.push_back({member, values});
  }
  /// Of a message that came from `member`; once for each.
  void take(int64_t member, const uint8_t* message) {
    const auto values = bytes(num_left_over(message));
    if (values.numel() > 0) taken_.push_back({member, values});
    of_[message] = values;
  }
  void transfer(Group& group) const { group.transfer(sent_, taken_); }
  const uint8_t* of(const uint8_t* message) const { return data(of_.at(message)); }

 private:
  std::vector<Transfer> sent_, taken_;
  std::map<const uint8_t*, torch::Tensor> of_;
};

// The rows of each member behind each other: packed, or as they are.
class PackedRows final : public PendingRows {
 public:
  PackedRows(Group& group, const torch::Tensor& rows, const std::vector<int64_t>& sent,
             const std::vector<int64_t>& taken)
      : group_(group) {
    auto shape = rows.sizes().vec();
    width_ = c10::multiply_integers(shape.begin() + 1, shape.end());
    type_ = rows.scalar_type();
    const auto out_bytes = sizes_of(sent);
    const auto message = bytes(std::accumulate(out_bytes.begin(), out_bytes.end(), int64_t{0}));
    uint8_t* at = data(message);
    int64_t first = 0;
    for (size_t m = 0; m < sent.size(); ++m) {
      const auto part = rows.slice(0, first, first + sent[m]);
      const auto member = static_cast<int64_t>(m);
      if (is_packed(group, member, part.numel(), type_)) {
        left_over_.send(member, pack(part, at));
      } else if (part.numel() > 0) {
        std::memcpy(at, part.const_data_ptr(), part.nbytes());
      }
      first += sent[m];
      at += out_bytes[m];
    }
    shape[0] = std::accumulate(taken.begin(), taken.end(), int64_t{0});
    rows_ = at::empty(shape, rows.options());
    taken_ = taken;
    taken_bytes_ = sizes_of(taken);
    pending_ = group.start_all_to_all(message, out_bytes, taken_bytes_);
  }

  torch::Tensor rows() const override { return rows_; }
  double seconds() const override { return pending_->seconds(); }

  torch::Tensor wait() override {
    if (is_there_) return rows_;
    const auto message = pending_->wait();
    const uint8_t* at = data(message);
    for (size_t m = 0; m < taken_.size(); ++m) {
      const auto member = static_cast<int64_t>(m);
      if (is_packed(group_, member, taken_[m] * width_, type_)) left_over_.take(member, at);
      at += taken_bytes_[m];
    }
    left_over_.transfer(group_);
    at = data(message);
    int64_t first = 0;
    for (size_t m = 0; m < taken_.size(); ++m) {
      auto part = rows_.slice(0, first, first + taken_[m]);
      if (is_packed(group_, static_cast<int64_t>(m), part.numel(), type_)) {
        unpack(at, left_over_.of(at), part);
      } else if (part.numel() > 0) {
        std::memcpy(part.data_ptr(), at, part.nbytes());
      }
      first += taken_[m];
      at += taken_bytes_[m];
    }
    is_there_ = true;
    return rows_;
  }

 private:
  std::vector<int64_t> sizes_of(const std::vector<int64_t>& counts) const {
    std::vector<int64_t> out;
    for (size_t m = 0; m < counts.size(); ++m) {
      const bool packs = group_.packs() && is_elsewhere(group_, static_cast<int64_t>(m));
      out.push_back(message_bytes(counts[m] * width_, type_, packs));
    }
    return out;
  }

  Group& group_;
  int64_t width_ = 0;
  torch::ScalarType type_ = torch::kFloat;
  std::vector<int64_t> taken_, taken_bytes_;
  torch::Tensor rows_;
  LeftOver left_over_;
  std::unique_ptr<PendingRows> pending_;
  bool is_there_ = false;
};

}  // namespace

int64_t message_bytes(int64_t n, torch::ScalarType type, bool packs) {
  if (packs && is_packable(n, type)) return packed_bytes(n, type);
  return n * static_cast<int64_t>(c10::elementSize(type));
}

void transfer_values(Group& group, const std::vector<Transfer>& sent,
                     const std::vector<Transfer>& taken) {
  if (!group.packs() || !spans_nodes(group)) return group.transfer(sent, taken);
  const auto message_of = [&](const Transfer& one) -> Transfer {
    const int64_t n = one.values.numel();
    const auto type = one.values.scalar_type();
    if (!is_packed(group, one.member, n, type)) return one;
    return {one.member, bytes(packed_bytes(n, type))};
  };
  // Where a message is the values themselves nothing is packed.
  const auto is_message = [](const Transfer& message, const Transfer& one) {
    return !message.values.is_same(one.values);
  };
  LeftOver left_over;
  std::vector<Transfer> leaving, arriving;
  for (const auto& one : sent) {
    const Transfer& message = leaving.emplace_back(message_of(one));
    if (is_message(message, one))
      left_over.send(one.member, pack(one.values, data(message.values)));
  }
  for (const auto& one : taken)
    arriving.push_back(message_of(one));
  group.transfer(leaving, arriving);
  for (size_t i = 0; i < taken.size(); ++i)
    if (is_message(arriving[i], taken[i]))
      left_over.take(taken[i].member, data(arriving[i].values));
  left_over.transfer(group);
  for (size_t i = 0; i < taken.size(); ++i) {
    if (!is_message(arriving[i], taken[i])) continue;
    const uint8_t* const message = data(arriving[i].values);
    unpack(message, left_over.of(message), taken[i].values);
  }
}

std::unique_ptr<PendingRows> start_rows(Group& group, const torch::Tensor& rows,
                                        const std::vector<int64_t>& sent,
                                        const std::vector<int64_t>& taken) {
  if (!group.packs() || !spans_nodes(group)) return group.start_all_to_all(rows, sent, taken);
  return std::make_unique<PackedRows>(group, rows.contiguous(), sent, taken);
}

}  // namespace xp
