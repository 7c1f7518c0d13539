// Registers the sections of the experiment file.
#include "registry/sections.h"

namespace xp {
namespace {

XP_SECTION(ModelSection, "model", "what translates");
XP_SECTION(CorpusSection, "corpus", "what is translated");
XP_SECTION(TrainSection, "train", "how the model learns");
XP_SECTION(EvalSection, "eval", "how a trained model is measured; changing it never retrains");
XP_SECTION(LaunchSection, "launch", "where it runs");
XP_SECTION(ReportSection, "report", "what is compared");

}  // namespace

void keep_sections() {}

}  // namespace xp
