#pragma once
#include <functional>

#include "models/valle/model.h"

/// Seed 001 trained its first runs with a forward pass that compiled, ran and learned, and was wrong: the AR part added
/// the NAR's language table (runs 1 to 3), and both parts divided the text at an enrolled length as if it held a prompt
/// (until run 5). Neither shows in a loss; both show in which numbers the gradient reaches.
namespace timbre::valle {

/// A forward pass as training makes it.
using Pass = std::function<Outputs(const Inputs& inputs, Stage stage, const NarDraws& draws)>;

/// What is wrong with the languages that `pass` hears of `model`, one line each; nothing when every token of a text
/// hears its own row of its own part's table once, and no other. `inputs` has language_BX; no weight is changed.
std::vector<std::string> language_faults(Valle& model, const Pass& pass, const Inputs& inputs, const NarDraws& draws);

}  // namespace timbre::valle
