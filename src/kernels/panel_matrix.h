#pragma once
#include <cstdint>
#include <functional>
#include <memory>

#include "kernels/numbers.h"

/// Large matrices of language models, packed once in the order in which one token reads them. Another way to keep
/// numbers is another class behind this interface.
namespace timbre::kernels {

/// `count` numbers of row `row`, from number `from` on; called by several threads.
using RowReader = std::function<void(std::int64_t row, std::int64_t from, std::int64_t count, float* to)>;

/// y = W x for W [outputs, inputs]; panels are 32 outputs.
class PanelMatrix {
 public:
  PanelMatrix(std::int64_t outputs, std::int64_t inputs) : outputs_(outputs), inputs_(inputs) {}
  PanelMatrix(const PanelMatrix&) = delete;
  PanelMatrix& operator=(const PanelMatrix&) = delete;
  virtual ~PanelMatrix() = default;

  std::int64_t outputs() const { return outputs_; }
  std::int64_t inputs() const { return inputs_; }
  std::int64_t panels() const { return (outputs_ + 31) / 32; }
  /// What one token reads.
  virtual std::int64_t bytes() const = 0;
  /// Panels [first, last) of W x; y_O: 32 · panels() numbers, 64-byte aligned. onto_y adds to what it holds.
  virtual void step(const float* x_I, float* y_O, std::int64_t first, std::int64_t last, bool onto_y) const = 0;
  /// The same for rows, over thread_count() threads. Strides count floats.
  virtual void run(const float* x_TI, std::int64_t x_row, std::int64_t rows, float* y_TO, std::int64_t y_row,
                   bool onto_y) const = 0;

 private:
  std::int64_t outputs_, inputs_;
};

/// Packs a matrix; bf16 rounds to the nearest.
std::unique_ptr<PanelMatrix> pack_panels(std::int64_t outputs, std::int64_t inputs, Numbers numbers,
                                         const RowReader& rows);

}  // namespace timbre::kernels
