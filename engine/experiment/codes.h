// The stable codes of all problems that an experiment can have.
#pragma once

namespace xp::code {

// Files. E001 is kTomlSyntax in engine/base/toml.h.
inline constexpr const char* kUnreadable = "E002";
inline constexpr const char* kEmpty = "E003";
inline constexpr const char* kNotUtf8 = "E004";
inline constexpr const char* kExtends = "E005";
inline constexpr const char* kExtendsCycle = "E006";
inline constexpr const char* kPlugin = "E007";  // a plug-in that cannot be used

// Keys and values.
inline constexpr const char* kUnknownKey = "E010";
inline constexpr const char* kWrongType = "E011";
inline constexpr const char* kOutOfLimit = "E012";
inline constexpr const char* kUnknownSection = "E013";
inline constexpr const char* kUnknownComponent = "E014";
inline constexpr const char* kMissing = "E015";
inline constexpr const char* kUndeclared = "E016";  // by any component that `use` takes
inline constexpr const char* kAmbiguous = "E017";
inline constexpr const char* kSchemaVersion = "E018";
inline constexpr const char* kName = "E019";
inline constexpr const char* kSet = "E020";            // --set that is no path=value
inline constexpr const char* kUnknownColumn = "E021";  // of a report
inline constexpr const char* kNameTaken = "E022";      // by another file, in this workspace

// The sweep.
inline constexpr const char* kAxisForm = "E030";
inline constexpr const char* kAxisEmpty = "E031";
inline constexpr const char* kAxisTwice = "E032";   // one setting in two axes
inline constexpr const char* kValueTwice = "E033";  // one value twice in an axis
inline constexpr const char* kExpression = "E034";
inline constexpr const char* kNoPoints = "E035";
inline constexpr const char* kTooManyPoints = "E036";

inline constexpr const char* kSameRun = "E038";  // an axis whose values would be one run

// Known only once the corpus is prepared.
inline constexpr const char* kSubset = "E037";   // [eval] names a subset that it does not have
inline constexpr const char* kTooLong = "E060";  // a sentence that max_tokens has no room for

// What this build or machine cannot do.
inline constexpr const char* kDevice = "E039";
inline constexpr const char* kMetric = "E061";  // a program or file that a metric needs

// E040 to E051 are the rules that components of this tree declare (registry/relations.h): E040
// shares, E041 experts and ranks, E042 heads, E043 batches, E044 capacity, E045 widths, E046
// processors, E047 runs that share a job, E048 number formats, E049 vocabularies, E050 what cannot
// be evaluated, E051 GPUs of jobs.

}  // namespace xp::code
