#pragma once
#include <string_view>

/// Diagnostics for people, on stderr. Libraries log and throw; they never print results, exit or abort.
namespace timbre::log {

enum class Level { quiet, normal, verbose, debug };

void set_level(Level level);
Level level();

/// Always shown unless -q.
void note(std::string_view text);
/// Shown with "warning: " even with -q.
void warn(std::string_view text);
/// Shown with -v.
void detail(std::string_view text);

/// Replaces the destination (tests, progress bars that must be cleared first). Null restores stderr.
using Sink = void (*)(Level level, std::string_view line);
void set_sink(Sink sink);

}  // namespace timbre::log
