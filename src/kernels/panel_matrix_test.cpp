#include "kernels/panel_matrix.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/aligned.h"
#include "base/threads.h"
#include "kernels/numbers_for_test.h"
#include "kernels/stream.h"

/// CMake runs this at every CPU level.
namespace timbre::kernels {
namespace {

using Floats = std::vector<float>;

struct Case {
  std::int64_t outputs, inputs;
  Numbers kind;
  Floats weights;
  std::unique_ptr<PanelMatrix> matrix;

  Case(std::int64_t o, std::int64_t i, Numbers n) : outputs(o), inputs(i), kind(n), weights(numbers(o * i, 5)) {
    matrix = pack_panels(o, i, n, [&](std::int64_t row, std::int64_t from, std::int64_t count, float* to) {
      std::copy_n(weights.begin() + row * inputs + from, count, to);
    });
    if (kind == Numbers::bf16)
      for (float& w : weights) w = from_half(to_half(w));
  }
  /// W x of one row, in double.
  std::vector<double> times(const float* x) const {
    std::vector<double> out(static_cast<std::size_t>(outputs));
    for (std::int64_t o = 0; o < outputs; ++o)
      for (std::int64_t i = 0; i < inputs; ++i)
        out[static_cast<std::size_t>(o)] +=
            static_cast<double>(weights[static_cast<std::size_t>(o * inputs + i)]) * static_cast<double>(x[i]);
    return out;
  }
};

TEST(Halves, RoundToTheNearestAndComeBack) {
  EXPECT_EQ(from_half(to_half(1.0f)), 1.0f);
  EXPECT_EQ(to_half(1.00390625f), 0x3f80) << "between two equally near ones the even";
  EXPECT_EQ(to_half(1.01171875f), 0x3f82);
  EXPECT_EQ(to_half(-1.0040f), 0xbf81);
  EXPECT_EQ(from_half(to_half(3.4e38f)), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(from_half(to_half(std::numeric_limits<float>::signaling_NaN()))));
}

TEST(PanelMatrix, OneRowEqualsTheSums) {
  for (const Numbers kind : {Numbers::f32, Numbers::bf16})
    for (const auto& [outputs, inputs] :
         {std::pair<std::int64_t, std::int64_t>{1, 1}, {32, 64}, {70, 129}, {100, 300}}) {
      SCOPED_TRACE(testing::Message() << outputs << " × " << inputs << ", " << static_cast<int>(kind));
      const Case c(outputs, inputs, kind);
      EXPECT_EQ(c.matrix->bytes(), c.matrix->panels() * 32 * inputs * bytes_of(kind));
      const Floats x = numbers(inputs, 6);
      Aligned<float> y(static_cast<std::size_t>(32 * c.matrix->panels()), NAN);
      c.matrix->step(x.data(), y.data(), 0, c.matrix->panels() / 2, false);
      c.matrix->step(x.data(), y.data(), c.matrix->panels() / 2, c.matrix->panels(), false);
      std::vector<double> want = c.times(x.data());
      expect_near(Floats(y.begin(), y.begin() + outputs), want, rounding_of(inputs));
      c.matrix->step(x.data(), y.data(), 0, c.matrix->panels(), true);
      for (double& w : want) w *= 2;
      expect_near(Floats(y.begin(), y.begin() + outputs), want, 2 * rounding_of(inputs));
    }
}

TEST(PanelMatrix, RowsEqualTheSums) {
  for (const Numbers kind : {Numbers::f32, Numbers::bf16})
    for (const std::int64_t rows : {1, 3, 60}) {
      const Case c(70, 1029, kind);  // deeper than the first-level cache: several passes
      const std::int64_t x_row = 1030, y_row = 80;
      const Floats x = numbers(rows * x_row, 7);
      for (const int threads : {1, 3}) {
        set_thread_count(threads);
        Floats y(static_cast<std::size_t>(rows * y_row), 1.0f), got;
        std::vector<double> want;
        c.matrix->run(x.data(), x_row, rows, y.data(), y_row, true);
        for (std::int64_t t = 0; t < rows; ++t) {
          for (const double w : c.times(x.data() + t * x_row)) want.push_back(1 + w);
          got.insert(got.end(), y.begin() + t * y_row, y.begin() + t * y_row + 70);
          for (std::int64_t o = 70; o < y_row; ++o) ASSERT_EQ(y[static_cast<std::size_t>(t * y_row + o)], 1.0f);
        }
        expect_near(got, want, rounding_of(1029));
      }
      set_thread_count(0);
    }
}

TEST(Stream, FewRowsOverPanelsThatLieApart) {
  for (const Numbers kind : {Numbers::f32, Numbers::bf16})
    for (std::int64_t rows = 1; rows <= 9; ++rows) {
      const std::int64_t inputs = 21, panels = 3, apart = 32 * 25;
      const Floats w = numbers(panels * apart, 8), x = numbers(rows * 30, 9);
      Aligned<float> floats(w.begin(), w.end());
      Aligned<std::uint16_t> halves(w.size());
      Floats kept = w;
      if (kind == Numbers::bf16)
        for (std::size_t i = 0; i < w.size(); ++i) {
          halves[i / 32 * 32 + static_cast<std::size_t>(half_place(static_cast<std::int64_t>(i % 32)))] = to_half(w[i]);
          kept[i] = from_half(to_half(w[i]));
        }
      Aligned<float> y(static_cast<std::size_t>(rows * 32 * panels), NAN);
      run_stream({.x = x.data(),
                  .x_row = 30,
                  .rows = rows,
                  .w = kind == Numbers::f32 ? static_cast<const void*>(floats.data()) : halves.data(),
                  .numbers = kind,
                  .inputs = inputs,
                  .panels = panels,
                  .panel_stride = apart,
                  .y = y.data(),
                  .y_row = 32 * panels});
      std::vector<double> want;
      for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t o = 0; o < 32 * panels; ++o) {
          double sum = 0;
          for (std::int64_t i = 0; i < inputs; ++i)
            sum += static_cast<double>(x[static_cast<std::size_t>(r * 30 + i)]) *
                   static_cast<double>(kept[static_cast<std::size_t>(o / 32 * apart + i * 32 + o % 32)]);
          want.push_back(sum);
        }
      expect_near(Floats(y.begin(), y.end()), want, rounding_of(inputs));
    }
}

}  // namespace
}  // namespace timbre::kernels
