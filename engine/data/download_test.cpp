// Downloads from a server on this machine that does what servers do when something is wrong.
#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/data/fetch.h"
#include "engine/testing/http_server.h"
#include "engine/testing/message.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

namespace xp {
namespace {

using Catch::Matchers::ContainsSubstring;

const std::string kContent = "0123456789abcdefghij";

struct DownloadTest {
  TempFolder folder;
  CorpusPlace place;
  HttpServer server;
  RemoteFile file{"a.txt", {}, kContent.size(), sha256(kContent), 1, 0};

  DownloadTest() {
    place.downloads = folder.path() / "downloads";
    place.may_fetch = true;
    server.answer("good", whole_answer(kContent));
  }
  std::string fetched(const std::vector<std::string>& paths) {
    for (const auto& path : paths)
      file.addresses.push_back(server.address(path));
    return read_file(fetch(place, file));
  }
};

TEST_CASE_METHOD(DownloadTest, "a redirect is followed") {
  server.answer("old", "HTTP/1.1 302 Found\r\nLocation: " + server.address("good") +
                           "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  CHECK(fetched({"old"}) == kContent);
}

TEST_CASE_METHOD(DownloadTest, "a download that is cut short resumes where it ended") {
  server.answer("cut",
                "HTTP/1.1 200 OK\r\nAccept-Ranges: bytes\r\nContent-Length: 20\r\n"
                "Connection: close\r\n\r\n" +
                    kContent.substr(0, 10),
                "HTTP/1.1 206 Partial\r\nContent-Range: bytes 10-19/20\r\nContent-Length: 10\r\n"
                "Connection: close\r\n\r\n" +
                    kContent.substr(10));
  CHECK(fetched({"cut"}) == kContent);
  CHECK(server.num_requests("cut") == 2);
}

TEST_CASE_METHOD(DownloadTest, "a server that stalls is left for the next address") {
  server.answer("silent", "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nSTALL");
  CHECK(fetched({"silent", "good"}) == kContent);
}

TEST_CASE_METHOD(DownloadTest, "wrong bytes are never taken, the next address is asked") {
  server.answer("other", whole_answer("this is another file"));
  server.answer("short", whole_answer("short"));
  CHECK(fetched({"other", "short", "gone", "good"}) == kContent);
}

TEST_CASE_METHOD(DownloadTest, "a beginning of something else is thrown away once") {
  write_atomic(place.downloads / "a.txt.part", "another beginning, and far longer than the file");
  CHECK(fetched({"good"}) == kContent);
}

TEST_CASE_METHOD(DownloadTest, "what is wrong with each address is said, and nothing is left") {
  server.answer("other", whole_answer("this is another file"));
  const std::string words = message_of([&] { fetched({"other", "gone"}); });
  CHECK_THAT(words,
             ContainsSubstring("'a.txt' (20 B) cannot be had from " + server.address("other") +
                               ": what came is not the file, its SHA-256 is "));
  CHECK_THAT(words, ContainsSubstring("; nor from " + server.address("gone") + ": curl: (22)"));
  CHECK_FALSE(fs::exists(place.downloads / "a.txt"));
}

}  // namespace
}  // namespace xp
