#pragma once
#include "base/plugin.h"  // IWYU pragma: export

namespace timbre::audio {
using timbre::Plugin;  // its name from when only audio had plugins
}
