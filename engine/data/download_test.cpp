// Downloads from a server on this machine that does what servers do when something is wrong.
#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/data/fetch.h"
#include "engine/testing/message.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <arpa/inet.h>
#include <map>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace xp {
namespace {

using Catch::Matchers::ContainsSubstring;

const std::string kContent = "0123456789abcdefghij";

std::string whole(const std::string& body) {
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
                     body.size(), body);
}

// Answers a path with what `answers` holds for it: bytes, after which the connection ends, or
// stays silent where they end in "STALL". Range requests are answered from the 10th byte on.
class Server {
 public:
  std::map<std::string, std::string> answers;
  std::map<std::string, int> num_requests;

  Server() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    REQUIRE(::bind(socket_, generic, size) == 0);
    REQUIRE(::listen(socket_, 16) == 0);
    REQUIRE(::getsockname(socket_, generic, &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
    for (const int open : silent_)
      ::close(open);
  }
  std::string address(const std::string& path) const {
    return fmt::format("http://127.0.0.1:{}/{}", port_, path);
  }

 private:
  void serve() {
    while (true) {
      const int connection = ::accept(socket_, nullptr, nullptr);
      if (connection < 0) return;
      std::string request(4096, '\0');
      const auto got = ::read(connection, request.data(), request.size());
      request.resize(got > 0 ? static_cast<size_t>(got) : 0);
      const size_t begin = request.find('/') + 1, end = request.find(' ', begin);
      const std::string path = request.substr(begin, end - begin);
      ++num_requests[path];
      std::string answer = answers[path];
      if (path == "cut" && request.find("Range: bytes=10-") != std::string::npos) {
        answer =
            "HTTP/1.1 206 Partial\r\nContent-Range: bytes 10-19/20\r\nContent-Length: 10\r\n"
            "Connection: close\r\n\r\n" +
            kContent.substr(10);
      }
      const bool stalls = answer.ends_with("STALL");
      if (stalls) answer.resize(answer.size() - 5);
      static_cast<void>(!::write(connection, answer.data(), answer.size()));
      if (stalls) {
        silent_.push_back(connection);
      } else {
        ::close(connection);
      }
    }
  }

  int socket_;
  int port_ = 0;
  std::vector<int> silent_;
  std::thread thread_;
};

struct DownloadTest {
  TempFolder folder;
  CorpusPlace place;
  Server server;
  RemoteFile file{"a.txt", {}, kContent.size(), sha256(kContent), 1, 0};

  DownloadTest() {
    place.downloads = folder.path() / "downloads";
    place.may_fetch = true;
    server.answers["good"] = whole(kContent);
  }
  std::string fetched(const std::vector<std::string>& paths) {
    for (const auto& path : paths)
      file.addresses.push_back(server.address(path));
    return read_file(fetch(place, file));
  }
};

TEST_CASE_METHOD(DownloadTest, "a redirect is followed") {
  server.answers["old"] = "HTTP/1.1 302 Found\r\nLocation: " + server.address("good") +
                          "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  CHECK(fetched({"old"}) == kContent);
}

TEST_CASE_METHOD(DownloadTest, "a download that is cut short goes on where it ended") {
  server.answers["cut"] =
      "HTTP/1.1 200 OK\r\nAccept-Ranges: bytes\r\nContent-Length: 20\r\n"
      "Connection: close\r\n\r\n" +
      kContent.substr(0, 10);
  CHECK(fetched({"cut"}) == kContent);
  CHECK(server.num_requests["cut"] == 2);
}

TEST_CASE_METHOD(DownloadTest, "a server that stalls is left for the next address") {
  server.answers["silent"] = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nSTALL";
  CHECK(fetched({"silent", "good"}) == kContent);
}

TEST_CASE_METHOD(DownloadTest, "wrong bytes are never taken, the next address is asked") {
  server.answers["other"] = whole("this is another file");
  server.answers["short"] = whole("short");
  server.answers["gone"] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
  CHECK(fetched({"other", "short", "gone", "good"}) == kContent);
}

TEST_CASE_METHOD(DownloadTest, "a beginning of something else is thrown away once") {
  write_atomic(place.downloads / "a.txt.part", "another beginning, and far longer than the file");
  CHECK(fetched({"good"}) == kContent);
}

TEST_CASE_METHOD(DownloadTest, "what is wrong with each address is said, and nothing is left") {
  server.answers["other"] = whole("this is another file");
  server.answers["gone"] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
  const std::string words = message_of([&] { fetched({"other", "gone"}); });
  CHECK_THAT(words,
             ContainsSubstring("'a.txt' (20 B) cannot be had from " + server.address("other") +
                               ": what came is not the file, its SHA-256 is "));
  CHECK_THAT(words, ContainsSubstring("; nor from " + server.address("gone") + ": curl: (22)"));
  CHECK_FALSE(fs::exists(place.downloads / "a.txt"));
}

}  // namespace
}  // namespace xp
