// An archive of Debian packages on this machine, made of what a test puts into it, and apt set up
// to know it alone.
#pragma once

#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/base/process.h"
#include "engine/testing/http_server.h"

#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace xp {

/// While it lives, apt in this process and its children asks this archive and no other.
class PackageArchive {
 public:
  PackageArchive() {
    const fs::path& root = folder_.path();
    for (const char* part : {"state/lists/partial", "cache/archives/partial", "tmp"})
      fs::create_directories(root / part);
    write_atomic(root / "status", "");
    write_atomic(root / "sources.list", "deb [trusted=yes] " + server_.address("") + " ./\n");
    std::string config;
    const std::vector<std::pair<std::string, std::string>> options = {
        {"Dir::Etc::SourceList", (root / "sources.list").string()},
        {"Dir::Etc::SourceParts", "/dev/null"},
        {"Dir::State", (root / "state").string()},
        {"Dir::State::Status", (root / "status").string()},
        {"Dir::Cache", (root / "cache").string()},
        {"Acquire::http::Proxy", "DIRECT"},
        {"Acquire::http::Pipeline-Depth", "0"},
        {"Acquire::Languages", "none"},
        {"APT::Architecture", "amd64"}};
    for (const auto& [name, value] : options)
      config += name + " \"" + value + "\";\n";
    write_atomic(root / "apt.conf", config);
    ::setenv("APT_CONFIG", (root / "apt.conf").c_str(), 1);
    publish();
  }
  ~PackageArchive() { ::unsetenv("APT_CONFIG"); }
  PackageArchive(const PackageArchive&) = delete;
  PackageArchive& operator=(const PackageArchive&) = delete;

  static bool is_possible() {
    return !find_program("apt-get").empty() && !find_program("dpkg-deb").empty();
  }

  /// Builds a package and offers it in the place of its other versions. `files` are paths below /
  /// and their bytes.
  void offer(const std::string& package, const std::string& version,
             const std::vector<std::pair<std::string, std::string>>& files) {
    const TempFolder tree;
    const std::string control = "Package: " + package + "\nVersion: " + version +
                                "\nArchitecture: all\nMaintainer: a test <t@example.org>\n"
                                "Description: for a test\n";
    write_atomic(tree.path() / "DEBIAN" / "control", control);
    for (const auto& [path, bytes] : files)
      write_atomic(tree.path() / path, bytes);
    fs::permissions(tree.path(), fs::perms(0755));
    const std::string name = package + "_" + version + "_all.deb";
    const fs::path deb = folder_.path() / name;
    const Finished built = run_program({"dpkg-deb", "--root-owner-group", "-Zgzip", "--build",
                                        tree.path().string(), deb.string()});
    if (built.exit_code != 0) throw std::runtime_error(built.errors);
    const std::string bytes = read_file(deb);
    server_.answer("./" + name, whole_answer(bytes));
    server_.answer(name, whole_answer(bytes));
    stanzas_[package] = control + "Filename: ./" + name +
                        "\nSize: " + std::to_string(bytes.size()) + "\nSHA256: " + sha256(bytes) +
                        "\n\n";
    publish();
  }

  /// Whatever was offered is gone.
  void close() {
    for (const auto& [package, stanza] : stanzas_) {
      const std::string name = file_of(stanza);
      server_.answer(name, gone_answer());
      server_.answer("./" + name, gone_answer());
    }
    stanzas_.clear();
    publish();
  }

  /// The SHA-256 of the package file that is offered.
  std::string sha256_of(const std::string& package) const {
    return sha256(read_file(folder_.path() / file_of(stanzas_.at(package))));
  }

 private:
  static std::string file_of(const std::string& stanza) {
    const size_t at = stanza.find("Filename: ./") + 12;
    return stanza.substr(at, stanza.find('\n', at) - at);
  }

  void publish() {
    std::string packages;
    for (const auto& [package, stanza] : stanzas_)
      packages += stanza;
    // A date of its own each time: apt takes no older list in place of what it has.
    const std::string release =
        "Codename: test\nDate: Thu, 01 Jan 2026 00:00:" + std::to_string(10 + num_published_++) +
        " UTC\nSHA256:\n " + sha256(packages) + " " + std::to_string(packages.size()) +
        " Packages\n";
    for (const char* top : {"", "./"}) {
      server_.answer(std::string(top) + "Packages", whole_answer(packages));
      server_.answer(std::string(top) + "Release", whole_answer(release));
    }
  }

  TempFolder folder_;
  HttpServer server_;
  std::map<std::string, std::string> stanzas_;
  int num_published_ = 0;
};

}  // namespace xp
