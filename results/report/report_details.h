// What a page shows beside the table of a report.
#pragma once

#include "results/report/report.h"

namespace xp {

class Store;

/// Learning curves of the rows (seeds averaged where they were measured at the same updates),
/// quality against step time and against bytes that leave nodes, heat maps of the first score over
/// two settings that were crossed and of experts' shares of rows and routers' figures by layer, the
/// corpora with the lengths of their sentences, and every run with its provenance and the command
/// that makes it again.
Details report_details(const ReportSection& section, const ReportInput& input, const Store& store);

}  // namespace xp
