#pragma once

namespace timbre::encodec {

/// Adds .ecdc to roles::codes_formats().
void add_ecdc_format();

}  // namespace timbre::encodec
