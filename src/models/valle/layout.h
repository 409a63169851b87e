#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "models/valle/config.h"
#include "weights/tensor.h"

/// Every tensor of the network by name and shape, without LibTorch: what a checkpoint must hold, in the order of
/// torch's state_dict() of lifeiteng's (Plachtaa's, the fork's) classes.
namespace timbre::valle {

/// One key of a state dictionary.
struct Slot {
  std::string name;
  std::vector<std::int64_t> shape;
  bool learned = true;   ///< a parameter; otherwise a buffer (running statistics, counters)
  std::string tied_to;   ///< the same tensor under an earlier name, or ""
  bool integer = false;  ///< int64; otherwise float32
};

/// In the order of the file. Ties come with both names; our own files keep the tensor once, under the first.
std::vector<Slot> layout(const Config& config);

/// Mel bins of the debug Transformer; the reference has no option for them.
inline constexpr std::int64_t kMelBins = 100;
/// Width between the layers of the audio prenets, whatever the decoder's.
inline constexpr std::int64_t kPrenetWidth = 256;

/// What does not fit, one line a tensor: "ar_predict_layer.weight: [1025, 28] expected, the file has [1001, 28]",
/// "…: missing", "…: unknown". Tied names may be absent; where both are there their values must agree.
std::vector<std::string> misfits(const Config& config, const weights::TensorMap& tensors);

}  // namespace timbre::valle
