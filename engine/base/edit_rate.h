// Translation edit rate: edits of words, with shifts of phrases as one edit.
// Source: Snover et al. 2006, "A Study of Translation Edit Rate with Targeted Human Annotation";
// the limits and the order of shifts are those of Tercom as sacreBLEU 2.6.0 follows them
// (metrics/lib_ter.py).
#pragma once

#include <cstdint>
#include <span>

namespace xp {

/// The fewest edits found that make `hypothesis` the reference: words inserted, deleted or
/// replaced, and phrases of up to 10 words moved by up to 50. A greedy search, as in Tercom. Words
/// are numbers. Cost: up to 1000 shifts are tried, each by an edit distance along the diagonal.
int64_t translation_edits(std::span<const uint32_t> hypothesis,
                          std::span<const uint32_t> reference);

}  // namespace xp
