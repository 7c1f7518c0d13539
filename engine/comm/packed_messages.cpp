// A packed message is bytes, of which the receiver has room for the most that it may have.
#include "engine/comm/packed_messages.h"

#include "engine/base/error.h"
#include "engine/comm/member_rows.h"
#include "engine/comm/packing.h"

#include <ATen/ops/empty.h>

#include <optional>

namespace xp {
namespace {

bool is_elsewhere(const Group& group, int64_t member) {
  const Topology& topology = group.topology();
  return topology.node_of(group.world_rank(member)) !=
         topology.node_of(group.world_rank(group.rank()));
}

// Empty: values for or from that member are sent as they are.
std::optional<PackedFormat> format_of(const Group& group, const Transfer& one) {
  const auto type = one.values.scalar_type();
  if (!group.packs() || one.values.numel() < kLeastPacked || !is_elsewhere(group, one.member))
    return {};
  if (type == torch::kFloat) return PackedFormat::kFp32;
  if (type == torch::kBFloat16) return PackedFormat::kBf16;
  return {};
}

torch::Tensor room_for(int64_t n, PackedFormat format) {
  return at::empty({most_packed_bytes(n, format)}, torch::kByte);
}

Transfer as_sent(const Group& group, const Transfer& one) {
  const auto format = format_of(group, one);
  if (!format) return one;
  check(one.values.is_contiguous() && one.values.is_cpu(), "what is packed is in host memory");
  const int64_t n = one.values.numel();
  const auto message = room_for(n, *format);
  const int64_t bytes = pack(one.values.const_data_ptr(), n, *format, message.data_ptr<uint8_t>());
  return {one.member, message.slice(0, 0, bytes)};
}

/// What members send, and where it goes at last.
class Arrivals {
 public:
  Arrivals(const Group& group, std::vector<Transfer> taken) : taken_(std::move(taken)) {
    for (const auto& one : taken_) {
      formats_.push_back(format_of(group, one));
      messages_.push_back(formats_.back()
                              ? Transfer{one.member, room_for(one.values.numel(), *formats_.back())}
                              : one);
    }
  }
  const std::vector<Transfer>& messages() const { return messages_; }
  /// Once they are here.
  void unpack_all() {
    for (size_t i = 0; i < taken_.size(); ++i) {
      if (!formats_[i]) continue;
      const auto& message = messages_[i].values;
      const auto& values = taken_[i].values;
      unpack(message.const_data_ptr<uint8_t>(), message.numel(), values.numel(), *formats_[i],
             values.data_ptr());
    }
  }

 private:
  std::vector<Transfer> taken_, messages_;
  std::vector<std::optional<PackedFormat>> formats_;
};

// The rows of each member behind each other.
class PackedRows final : public PendingRows {
 public:
  PackedRows(Group& group, const torch::Tensor& rows, const std::vector<int64_t>& sent,
             const std::vector<int64_t>& taken)
      : rows_(empty_rows(rows, taken)),
        arrivals_(group, rows_of_others(rows_, taken, group.rank())) {
    std::vector<Transfer> leaving;
    for (const auto& one : rows_of_others(rows, sent, group.rank()))
      leaving.push_back(as_sent(group, one));
    pending_ = group.start_transfer(std::move(leaving), arrivals_.messages());
    rows_of(rows_, taken, group.rank()).copy_(rows_of(rows, sent, group.rank()));
  }

  torch::Tensor rows() const override { return rows_; }
  double seconds() const override { return pending_->seconds(); }

  torch::Tensor wait() override {
    if (is_there_) return rows_;
    pending_->wait();
    arrivals_.unpack_all();
    is_there_ = true;
    return rows_;
  }

 private:
  torch::Tensor rows_;
  Arrivals arrivals_;
  std::unique_ptr<PendingTransfers> pending_;
  bool is_there_ = false;
};

}  // namespace

void transfer_values(Group& group, const std::vector<Transfer>& sent,
                     const std::vector<Transfer>& taken) {
  if (!group.packs() || !spans_nodes(group)) return group.transfer(sent, taken);
  std::vector<Transfer> leaving;
  for (const auto& one : sent)
    leaving.push_back(as_sent(group, one));
  Arrivals arrivals(group, taken);
  group.transfer(leaving, arrivals.messages());
  arrivals.unpack_all();
}

std::unique_ptr<PendingRows> start_rows(Group& group, const torch::Tensor& rows,
                                        const std::vector<int64_t>& sent,
                                        const std::vector<int64_t>& taken) {
  if (!group.packs() || !spans_nodes(group)) return group.start_all_to_all(rows, sent, taken);
  return std::make_unique<PackedRows>(group, rows.contiguous(), sent, taken);
}

}  // namespace xp
