#include "data/world/correlation.h"

#include <cmath>

namespace caravan::data {
namespace {

// Below it a pivot is a rounding error: one scenario would follow from the others.
constexpr double kPivotMin = 1e-9;

}  // namespace

std::optional<std::vector<double>> CholeskyFactor(std::span<const double> matrix, uint32_t n) {
  std::vector<double> factor(matrix.size(), 0);
  for (uint32_t row = 0; row < n; ++row) {
    for (uint32_t column = 0; column <= row; ++column) {
      double rest = matrix[size_t{row} * n + column];
      for (uint32_t k = 0; k < column; ++k) {
        rest -= factor[size_t{row} * n + k] * factor[size_t{column} * n + k];
      }
      if (row == column) {
        if (!(rest > kPivotMin)) return std::nullopt;
        factor[size_t{row} * n + row] = std::sqrt(rest);
      } else {
        factor[size_t{row} * n + column] = rest / factor[size_t{column} * n + column];
      }
    }
  }
  return factor;
}

}  // namespace caravan::data
