#include "model/softmax.h"

#include <Eigen/Core>

namespace caravan::model {
namespace {

template <typename T>
using RowArray = Eigen::Array<T, 1, Eigen::Dynamic>;

}  // namespace

template <typename T>
void SoftmaxRows(std::span<T> values, size_t columns) {
  for (size_t at = 0; at < values.size(); at += columns) {
    Eigen::Map<RowArray<T>> row(&values[at], static_cast<Eigen::Index>(columns));
    row = (row - row.maxCoeff()).exp();
    row *= T{1} / row.sum();
  }
}

template <typename T>
void SoftmaxRowsBackward(std::span<const T> p, size_t columns, std::span<T> gradient) {
  for (size_t at = 0; at < p.size(); at += columns) {
    Eigen::Map<const RowArray<T>> row(&p[at], static_cast<Eigen::Index>(columns));
    Eigen::Map<RowArray<T>> d(&gradient[at], static_cast<Eigen::Index>(columns));
    const T along = (row * d).sum();
    d = row * (d - along);
  }
}

template void SoftmaxRows(std::span<float>, size_t);
template void SoftmaxRows(std::span<double>, size_t);
template void SoftmaxRowsBackward(std::span<const float>, size_t, std::span<float>);
template void SoftmaxRowsBackward(std::span<const double>, size_t, std::span<double>);

}  // namespace caravan::model
