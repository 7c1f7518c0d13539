// The stand-in as a module beside xp-engine.
#include "engine/device/module.h"
#include "engine/stand_in/stand_in.h"

XP_ACCELERATOR(xp::StandIn);
