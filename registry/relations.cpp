// The JSON forms of what components declare about their settings.
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

Value to_json(const EvaluationSetting& setting) {
  return {{"name", setting.name}, {"default", setting.fallback}, {"former", setting.former}};
}

EvaluationSetting evaluation_setting_from_json(const Value& v) {
  return {v.at("name"), v.at("default"), v.at("former")};
}

}  // namespace xp
