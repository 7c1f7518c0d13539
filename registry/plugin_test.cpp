// What does not fit this program is refused by its stamp, before anything of it runs.
#include "registry/plugin.h"

#include "engine/base/file.h"
#include "engine/base/text.h"
#include "engine/testing/elf_fixture.h"
#include "engine/testing/message.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

namespace xp {
namespace {

std::string value_of(const std::string& name) {
  for (const auto& field : split(own_stamp(), ';')) {
    if (field.starts_with(name + "=")) return field.substr(name.size() + 1);
  }
  return "";
}

std::string stamp_with(const std::string& name, const std::string& value) {
  std::vector<std::string> fields = split(own_stamp(), ';');
  for (auto& field : fields) {
    if (field.starts_with(name + "=")) field = name + "=" + value;
  }
  return join(fields, ";");
}

std::string refusal(const std::string& bytes) {
  return message_of([&] { check_stamp("my.so", bytes); });
}

TEST_CASE("the stamp says what decides whether two programs agree") {
  CHECK(value_of("xp") == "0.1.0");
  CHECK(value_of("interface").size() == 16);
  CHECK_FALSE(value_of("compiler").empty());
  CHECK_FALSE(value_of("compiler ABI").empty());
  CHECK((value_of("C++11 strings") == "1" || value_of("C++11 strings") == "0"));
}

TEST_CASE("a plug-in with this program's stamp fits") {
  CHECK(refusal(stamped_object(own_stamp())) == "no error");
}

TEST_CASE("every field that differs is named with both values") {
  CHECK(refusal(stamped_object(stamp_with("interface", "0123456789abcdef"))) ==
        fmt::format("'my.so' was built with interface 0123456789abcdef; this xp has interface {}; "
                    "build the plug-in again with find_package(xp) of this xp (docs/plugins.md)",
                    value_of("interface")));
  const std::string both = refusal(stamped_object(stamp_with("LibTorch", "1.0.0") + ";more=1"));
  CHECK(both.starts_with("'my.so' was built with LibTorch 1.0.0; this xp has LibTorch "));
  CHECK(refusal(stamped_object("xp=0.1.0"))
            .starts_with(
                "'my.so' was built with interface unknown, LibTorch unknown, compiler unknown"));
}

TEST_CASE("one object with another stamp is enough") {
  const std::string mixed =
      shared_object({{"xp", 1, own_stamp()}, {"xp", 1, stamp_with("compiler", "GCC 1")}});
  CHECK(refusal(mixed).starts_with("'my.so' was built with compiler GCC 1; this xp has compiler "));
}

TEST_CASE("what is no plug-in is named as such") {
  CHECK(refusal("#!/bin/sh\n") ==
        "'my.so' is not a whole shared object for this machine; build it with "
        "xp_add_plugin (docs/plugins.md)");
  CHECK(refusal(shared_object({{"GNU", 3, "build"}})) ==
        "'my.so' is not a plug-in of xp: it has no stamp; build it with xp_add_plugin "
        "(docs/plugins.md)");
  const char* damaged =
      "'my.so' has a damaged stamp; build it again with this xp (docs/plugins.md)";
  CHECK(refusal(stamped_object("\x1b[2J")) == damaged);
  CHECK(refusal(stamped_object("nothing")) == damaged);
  CHECK(refusal(stamped_object("a=" + std::string(2000, 'x'))) == damaged);
}

TEST_CASE("a plug-in that is not there is asked for") {
  CHECK(message_of([] { checked_plugin("none/my.so"); }) ==
        "no plug-in 'none/my.so'; build it, or fix [plugins] load or XP_PLUGINS");
}

TEST_CASE("a stamped file that the loader refuses is refused") {
  const TempFolder folder;
  const fs::path file = folder.path() / "my.so";
  write_atomic(file, stamped_object(own_stamp()));
  CHECK(message_of([&] {
          load_plugin(file);
        }).starts_with(fmt::format("the plug-in '{}' cannot be loaded: ", file.string())));
}

TEST_CASE("every kind of component is listed once") {
  std::vector<std::string> names;
  for (const auto& kind : kKinds)
    names.emplace_back(kind.name);
  std::sort(names.begin(), names.end());
  CHECK(join(names, " ") ==
        "corpus exchange launcher metric model optimizer renderer router schedule tokenizer");
}

TEST_CASE("a version becomes part of the name that ids know") {
  Declaration part{"metric", "ter", "", "", {}, Value::object(), Scope::kNone};
  CHECK(versioned_name(part) == "ter");
  part.version = "2";
  CHECK(versioned_name(part) == "ter@2");
  CHECK(declaration_from_json(to_json(part)).version == "2");
}

}  // namespace
}  // namespace xp
