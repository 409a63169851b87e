#pragma once
#include <span>

/// How well a threshold on the cosine tells voices apart.
namespace timbre::speaker_encoder {

/// The share of mistakes at the threshold where as many pairs of one voice are refused as pairs of two voices are
/// accepted; between two thresholds by a straight line. 0 = never wrong, 0.5 = guessing. Throws std::logic_error when
/// one side is empty.
double equal_error_rate(std::span<const double> same, std::span<const double> different);

}  // namespace timbre::speaker_encoder
