// Records are replaced as a whole and written last, so that one that is there is true.
#include "engine/launch/node.h"

#include "engine/base/error.h"
#include "engine/base/file.h"
#include "engine/base/json_text.h"
#include "engine/base/text.h"
#include "engine/base/value.h"
#include "engine/launch/ranks.h"
#include "engine/launch/starter.h"
#include "registry/outcome_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <ifaddrs.h>
#include <map>
#include <memory>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <set>
#include <sys/socket.h>
#include <unistd.h>

namespace xp {

// The JSON forms of node-job.json and node-I.json.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(LinkLimits, inter, in_node, latency_ms)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(LaunchJob, name, command, nodes, ranks_per_node,
                                   threads_per_rank, timeout_s, interface, links, cores, gpus)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(LaunchEnd, outcome, rank, exit_code, host, cause,
                                   peak_memory_bytes, cpu_seconds, other_load, energy_j)

namespace {

constexpr int kTick_ms = 200;

fs::path record_of(const fs::path& folder, int64_t node) {
  return folder / fmt::format("node-{}.json", node);
}

// What a node's record says.
struct NodeEnd {
  LaunchEnd end;
  std::string boot;     // of the machine, which several nodes of an emulated cluster share
  double seconds = 0;   // that its ranks took
  double own_load = 0;  // share of its processors that they kept busy meanwhile
};

void write_record(const fs::path& folder, int64_t node, const NodeEnd& ended) {
  Value value = ended.end;
  value["boot"] = ended.boot;
  value["seconds"] = ended.seconds;
  value["own_load"] = ended.own_load;
  value["schema"] = 1;
  write_atomic(record_of(folder, node), json_text(value, 2) + "\n");
}

// Nothing if there is no record, or it is damaged: as if the node had said nothing.
std::optional<NodeEnd> read_end_of(const fs::path& folder, int64_t node) {
  try {
    const auto bytes = read_if_there(record_of(folder, node));
    if (!bytes) return std::nullopt;
    const Value value = Value::parse(*bytes);
    return NodeEnd{value.get<LaunchEnd>(), value.value("boot", fmt::format("node {}", node)),
                   value.value("seconds", 0.0), value.value("own_load", 0.0)};
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

// Figures of all nodes together: what ranks of one node do on another's machine is no other load.
void add_up(const std::vector<NodeEnd>& nodes, LaunchEnd& out) {
  std::map<std::string, double> energy_j;  // of machines
  LaunchEnd all;
  for (const auto& node : nodes) {
    auto& joules = energy_j[node.boot];
    joules = std::max(joules, node.end.energy_j);
    all.peak_memory_bytes = std::max(all.peak_memory_bytes, node.end.peak_memory_bytes);
    all.cpu_seconds += node.end.cpu_seconds;
    if (node.end.other_load < 0) continue;
    double load = node.end.other_load;
    for (const auto& other : nodes) {
      const bool is_here = &other != &node && other.boot == node.boot && node.seconds > 0;
      if (is_here) load -= other.own_load * std::min(1.0, other.seconds / node.seconds);
    }
    all.other_load = std::max({all.other_load, 0.0, load});
  }
  for (const auto& [boot, joules] : energy_j)
    all.energy_j += joules;
  out.peak_memory_bytes = all.peak_memory_bytes;
  out.cpu_seconds = all.cpu_seconds;
  out.other_load = all.other_load;
  out.energy_j = all.energy_j;
}

// An address of `host` that a packet could be sent to; the socket is not used to send any.
std::string address_towards(const std::string& host, sockaddr_storage& own) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* list = nullptr;
  if (const int code = ::getaddrinfo(host.c_str(), "9", &hints, &list); code != 0)
    return fmt::format("host '{}' has no address: {}", host, ::gai_strerror(code));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(list, ::freeaddrinfo);
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    const int socket = ::socket(one->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) continue;
    socklen_t size = sizeof own;
    const bool leads = ::connect(socket, one->ai_addr, one->ai_addrlen) == 0 &&
                       ::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &size) == 0;
    ::close(socket);
    if (leads) return "";
  }
  return fmt::format("no network interface leads to host '{}'", host);
}

using Interfaces = std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)>;

Interfaces interfaces() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) machine_error("network interfaces: {}", std::strerror(errno));
  return {list, ::freeifaddrs};
}

bool is_same_address(const sockaddr* a, const sockaddr_storage& b) {
  if (a == nullptr || a->sa_family != b.ss_family) return false;
  if (a->sa_family == AF_INET) {
    return reinterpret_cast<const sockaddr_in*>(a)->sin_addr.s_addr ==
           reinterpret_cast<const sockaddr_in*>(&b)->sin_addr.s_addr;
  }
  return a->sa_family == AF_INET6 &&
         std::memcmp(&reinterpret_cast<const sockaddr_in6*>(a)->sin6_addr,
                     &reinterpret_cast<const sockaddr_in6*>(&b)->sin6_addr, 16) == 0;
}

}  // namespace

fs::path write_node_job(const LaunchJob& job, const std::vector<std::string>& hosts, int port) {
  Value value = job;
  value["hosts"] = hosts;
  value["port"] = port;
  const fs::path path = job.log_folder / "node-job.json";
  write_atomic(path, json_text(value, 2) + "\n");
  return path;
}

void run_node(const fs::path& node_job, int64_t node, const std::string& host,
              const std::function<bool()>& is_stopped) {
  const fs::path folder = node_job.parent_path();
  const auto begun = std::chrono::steady_clock::now();
  LaunchEnd end;
  try {
    const Value value = Value::parse(read_file(node_job));
    auto job = value.get<LaunchJob>();
    job.log_folder = folder;
    const auto hosts = value.at("hosts").get<std::vector<std::string>>();
    job.host = host;
    // The first node may know itself by a name that leads nowhere else; the last one comes to it
    // the way it goes there.
    if (job.interface.empty())
      job.interface = interface_to(node == 0 ? hosts.back() : hosts[0]);
    else
      check_interface(job.interface, node == 0 ? hosts.back() : hosts[0]);
    Ranks ranks(job, {node, 1, fmt::format("{}:{}", hosts.at(0), value.at("port").get<int>())},
                make_exec_starter());
    for (auto found = ranks.poll();; found = ranks.poll()) {
      if (found) {
        end = *found;
        break;
      }
      if (is_stopped()) ranks.stop();
      pollfd news{ranks.handle(), POLLIN, 0};
      ::poll(&news, 1, kTick_ms);
    }
  } catch (const std::exception& error) {
    const std::string name = host.empty() ? host_name() : host;
    end = {Outcome::kMachine,
           -1,
           1,
           name,
           fmt::format("node {} ({}): {}", node, name, error.what()),
           0};
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  const auto processors = static_cast<double>(::sysconf(_SC_NPROCESSORS_ONLN));
  const std::string boot = read_if_there("/proc/sys/kernel/random/boot_id").value_or(host_name());
  write_record(
      folder, node,
      {end, std::string(trim(boot)), took.count(), end.cpu_seconds / took.count() / processors});
}

std::optional<LaunchEnd> end_of_nodes(const LaunchJob& job) {
  // A node whose ranks were asked to end, because another node's failed, says only that.
  const auto weight = [](const LaunchEnd& end) {
    if (end.outcome == Outcome::kDone) return 0;
    if (end.outcome == Outcome::kStopped) return 1;
    return 2 + blame_weight(end.exit_code);
  };
  std::optional<LaunchEnd> out;
  std::vector<NodeEnd> nodes;
  for (int64_t node = 0; node < job.nodes; ++node) {
    const auto known = read_end_of(job.log_folder, node);
    if (!known) continue;
    if (!out || weight(known->end) > weight(*out)) out = known->end;
    nodes.push_back(*known);
  }
  if (!out) return out;
  add_up(nodes, *out);
  if (const auto silent = silent_nodes(job); !silent.empty() && out->outcome == Outcome::kDone) {
    out->outcome = Outcome::kMachine;
    out->cause = fmt::format("node {} left no record of its ranks", silent.front());
  }
  return out;
}

std::vector<int64_t> silent_nodes(const LaunchJob& job) {
  std::vector<int64_t> out;
  for (int64_t node = 0; node < job.nodes; ++node) {
    if (!read_end_of(job.log_folder, node)) out.push_back(node);
  }
  return out;
}

void check_interface(const std::string& name, const std::string& host) {
  const Interfaces all = interfaces();
  std::set<std::string> known;
  unsigned flags = 0;
  bool has_address = false;
  for (const ifaddrs* one = all.get(); one != nullptr; one = one->ifa_next) {
    known.insert(one->ifa_name);
    if (name != one->ifa_name) continue;
    flags |= one->ifa_flags;
    const int family = one->ifa_addr == nullptr ? AF_UNSPEC : one->ifa_addr->sa_family;
    has_address = has_address || family == AF_INET || family == AF_INET6;
  }
  if (!known.contains(name)) {
    machine_error(
        "there is no network interface '{}', which [launch] interface names; there are: {}", name,
        join({known.begin(), known.end()}, ", "));
  }
  if ((flags & IFF_RUNNING) == 0 || !has_address)
    machine_error(
        "network interface '{}', which [launch] interface names, is down or has no address", name);
  if ((flags & IFF_LOOPBACK) != 0 && interface_to(host) != name)
    machine_error(
        "network interface '{}', which [launch] interface names, leads to no other machine; the "
        "way "
        "to host '{}' is over '{}'",
        name, host, interface_to(host));
}

std::string interface_to(const std::string& host) {
  sockaddr_storage own{};
  if (const std::string problem = address_towards(host, own); !problem.empty())
    machine_error("{}; name one in [launch] interface", problem);
  const Interfaces all = interfaces();
  for (const ifaddrs* one = all.get(); one != nullptr; one = one->ifa_next) {
    if (is_same_address(one->ifa_addr, own)) return one->ifa_name;
  }
  machine_error(
      "no network interface has the address that leads to host '{}'; name one in "
      "[launch] interface",
      host);
}

}  // namespace xp
