// JSON forms of rules.
#include "registry/relations.h"

namespace xp {

Value to_json(const Rule& rule) {
  return {{"code", rule.code},
          {"holds", rule.holds},
          {"message", rule.message},
          {"at", rule.at},
          {"note", rule.is_note}};
}

Rule rule_from_json(const Value& v) {
  return {v.at("code"), v.at("holds"), v.at("message"), v.at("at"), v.at("note")};
}

}  // namespace xp
