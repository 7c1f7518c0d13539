// What a page shows beside the table of a report.
#pragma once

#include "results/report/report.h"

namespace xp {

class Store;

/// Facts for the head of a page; learning curves of the rows with what their seeds span; quality
/// against step time and against bytes that leave nodes; step times and their parts; heat maps of
/// the first score over two settings that were crossed, of experts' shares of rows and of routers'
/// figures by layer; sentences of the test set with what the rows made of them; the corpora; and
/// every run with its results, settings and origin.
Details report_details(const ReportSection& section, const ReportInput& input, const Store& store);

}  // namespace xp
