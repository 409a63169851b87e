#pragma once

/// What the kernel can only tell by a signal.
namespace timbre::cli {

/// From here on, a mapped file that became shorter while it was in use (or a disk that failed under it) ends the
/// program with "error: FILE …" and exit code 3 instead of a bus error. What is on disk stays as it was: a run goes on
/// from its last checkpoint.
void report_mapping_faults();

}  // namespace timbre::cli
