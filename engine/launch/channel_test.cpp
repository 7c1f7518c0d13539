// Messages between two processes, whole and in order.
#include "engine/launch/channel.h"

#include "engine/base/error.h"
#include "engine/base/process.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <fmt/format.h>

#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace xp {
namespace {

using Catch::Matchers::Message;
using std::chrono::milliseconds;

constexpr milliseconds kLong{60'000};

void write_raw(const Descriptor& end, std::string_view bytes) {
  REQUIRE(::write(end.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
}

TEST_CASE("messages arrive whole and in order, whatever they hold") {
  auto [here, other] = Channel::open();
  Channel there(std::move(other));
  here.send({{"text", "two\nlines, \"quotes\", \xe6\x97\xa5"}});
  here.send({{"number", 2}});
  CHECK(there.receive(kLong) == Value{{"text", "two\nlines, \"quotes\", \xe6\x97\xa5"}});
  CHECK(there.receive(kLong) == Value{{"number", 2}});
  CHECK_FALSE(there.receive(milliseconds(0)));
  CHECK_FALSE(there.has_ended());
}

TEST_CASE("a message that comes in pieces is waited for") {
  auto [here, other] = Channel::open();
  write_raw(other, R"({"a":)");
  CHECK_FALSE(here.receive(milliseconds(0)));
  write_raw(other, "1}\n{\"b\":2}\n");
  CHECK(here.receive(kLong) == Value{{"a", 1}});
  CHECK(here.receive(kLong) == Value{{"b", 2}});
}

TEST_CASE("a message larger than the socket's buffer arrives whole") {
  auto [here, other] = Channel::open();
  const std::string text(3'000'000, 'x');
  std::thread sender([&here = here, &text] { here.send(text); });
  Channel there(std::move(other));
  CHECK(there.receive(kLong) == Value(text));
  sender.join();
}

TEST_CASE("the end of the other side comes after what it sent") {
  auto [here, other] = Channel::open();
  write_raw(other, "1\n2");
  other = Descriptor();
  CHECK(here.receive(kLong) == Value(1));
  CHECK_FALSE(here.receive(kLong));
  CHECK(here.has_ended());
  CHECK_THROWS_MATCHES(here.send(1), Error, Message("the other process is gone: Broken pipe"));
}

TEST_CASE("what is no JSON is an error that shows it") {
  auto [here, other] = Channel::open();
  write_raw(other, "oops\n");
  CHECK_THROWS_MATCHES(here.receive(kLong), Error,
                       Message("the other process sent what is no JSON: oops"));
}

}  // namespace
}  // namespace xp
