// Correlation matrices, and normals that have them. Pure.
#ifndef CARAVAN_DATA_WORLD_CORRELATION_H_
#define CARAVAN_DATA_WORLD_CORRELATION_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace caravan::data {

// L, lower triangular, with L L' = matrix (Cholesky's decomposition): L e is correlated as the
// matrix says where the e are independent. matrix: [n, n] row-major, symmetric. Nothing where it is
// not positive definite, that is, where no random numbers can be correlated so.
std::optional<std::vector<double>> CholeskyFactor(std::span<const double> matrix, uint32_t n);

}  // namespace caravan::data

#endif  // CARAVAN_DATA_WORLD_CORRELATION_H_
