#include "batch/batch.h"

#include <fmt/format.h>

#include <stdexcept>

namespace timbre::batch {

void Batch::put(const std::string& name, Tensor tensor) {
  for (auto& [known, held] : tensors_)
    if (known == name) {
      held = std::move(tensor);
      return;
    }
  tensors_.emplace_back(name, std::move(tensor));
}

const Tensor& Batch::operator[](const std::string& name) const {
  for (const auto& [known, tensor] : tensors_)
    if (known == name) return tensor;
  throw std::logic_error(fmt::format("the batch has no tensor '{}'", name));
}

bool Batch::has(const std::string& name) const {
  for (const auto& [known, tensor] : tensors_)
    if (known == name) return true;
  return false;
}

void Batch::to(const at::Device& device) {
  for (auto& [name, tensor] : tensors_)
    if (tensor.device() != device) tensor = tensor.to(device);
}

std::int64_t Batch::bytes() const {
  std::int64_t sum = 0;
  for (const auto& [name, tensor] : tensors_) sum += static_cast<std::int64_t>(tensor.nbytes());
  return sum;
}

}  // namespace timbre::batch
