#include "kernels/panel_matrix.h"

#include <algorithm>
#include <type_traits>

#include "base/aligned.h"
#include "base/threads.h"
#include "kernels/product.h"
#include "kernels/stream.h"
#include "kernels/tile.h"

namespace timbre::kernels {
namespace {

template <class N>
class Panels final : public PanelMatrix {
 public:
  Panels(std::int64_t outputs, std::int64_t inputs, const RowReader& rows)
      : PanelMatrix(outputs, inputs), numbers_(static_cast<std::size_t>(panels() * inputs * kPanel)) {
    parallel_for(static_cast<std::size_t>(panels()),
                 [&](std::size_t panel) { pack(static_cast<std::int64_t>(panel), rows); });
  }

  std::int64_t bytes() const override { return static_cast<std::int64_t>(numbers_.size() * sizeof(N)); }

  void step(const float* x_I, float* y_O, std::int64_t first, std::int64_t last, bool onto_y) const override {
    run_stream({.x = x_I,
                .w = panel(first),
                .numbers = kKind,
                .inputs = inputs(),
                .panels = last - first,
                .y = y_O + first * kPanel,
                .onto_y = onto_y});
  }

  void run(const float* x_TI, std::int64_t x_row, std::int64_t rows, float* y_TO, std::int64_t y_row,
           bool onto_y) const override {
    Product p;
    p.x = x_TI;
    p.x_row = x_row;
    p.length = p.rows = rows;
    if constexpr (kKind == Numbers::f32)
      p.panels = panel(0);
    else
      p.halves = panel(0);
    p.inputs = inputs();
    p.outputs = outputs();
    p.y = y_TO;
    p.y_row = y_row;
    p.finish.accumulate = onto_y;
    run_product(p);
  }

 private:
  static constexpr Numbers kKind = std::is_same_v<N, float> ? Numbers::f32 : Numbers::bf16;

  const N* panel(std::int64_t p) const { return numbers_.data() + p * inputs() * kPanel; }

  void pack(std::int64_t p, const RowReader& rows) {
    constexpr std::int64_t kPiece = 256;
    float piece[kPiece];
    N* to = numbers_.data() + p * inputs() * kPanel;
    for (std::int64_t from = 0; from < inputs(); from += kPiece) {
      const std::int64_t count = std::min(kPiece, inputs() - from);
      for (std::int64_t column = 0; column < kPanel; ++column) {
        const std::int64_t row = p * kPanel + column;
        if (row < outputs())
          rows(row, from, count, piece);
        else
          std::fill_n(piece, count, 0.0f);
        for (std::int64_t i = 0; i < count; ++i)
          if constexpr (kKind == Numbers::f32)
            to[(from + i) * kPanel + column] = piece[i];
          else
            to[(from + i) * kPanel + half_place(column)] = to_half(piece[i]);
      }
    }
  }

  Aligned<N> numbers_;
};

}  // namespace

std::unique_ptr<PanelMatrix> pack_panels(std::int64_t outputs, std::int64_t inputs, Numbers numbers,
                                         const RowReader& rows) {
  if (numbers == Numbers::f32) return std::make_unique<Panels<float>>(outputs, inputs, rows);
  return std::make_unique<Panels<std::uint16_t>>(outputs, inputs, rows);
}

}  // namespace timbre::kernels
