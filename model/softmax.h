// Softmax over the columns of each row, in place, and its gradient.
#ifndef CARAVAN_MODEL_SOFTMAX_H_
#define CARAVAN_MODEL_SOFTMAX_H_

#include <cstddef>
#include <span>

namespace caravan::model {

// p_ij = exp(z_ij - max_i) / sum_j exp(z_ij - max_i);   values: [rows, columns], z then p.
template <typename T>
void SoftmaxRows(std::span<T> values, size_t columns);

// gradient: [rows, columns], of p, turned into that of z: dz_ij = p_ij (dp_ij - sum_j p_ij dp_ij).
template <typename T>
void SoftmaxRowsBackward(std::span<const T> p, size_t columns, std::span<T> gradient);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_SOFTMAX_H_
