// Products of dense matrices, row-major, on the calling thread alone. float goes to oneDNN where it
// is the faster, double (finite differences) and small products to Eigen.
#ifndef CARAVAN_MODEL_GEMM_H_
#define CARAVAN_MODEL_GEMM_H_

#include <cstddef>
#include <vector>

namespace caravan::model {

// A view of a row-major matrix within a larger one; element (i, j) is data[i * stride + j], or of
// the transposed view data[j * stride + i]. Does not own, checks nothing.
template <typename T>
struct Matrix {
  T* data = nullptr;
  size_t rows = 0;     // as stored
  size_t columns = 0;  // as stored
  size_t stride = 0;   // elements from a stored row to the next
  bool transposed = false;

  Matrix(T* data, size_t rows, size_t columns) : Matrix(data, rows, columns, columns) {}
  Matrix(T* data, size_t rows, size_t columns, size_t stride)
      : data(data), rows(rows), columns(columns), stride(stride) {}

  Matrix Transposed() const {
    Matrix other = *this;
    other.transposed = !transposed;
    return other;
  }
  size_t view_rows() const { return transposed ? columns : rows; }
  size_t view_columns() const { return transposed ? rows : columns; }
};

// C = alpha A B + beta C; A: [m, k], B: [k, n], C: [m, n], not transposed, no overlap with A or B.
// With beta 0 C's old content is not read.
void Gemm(float alpha, const Matrix<const float>& a, const Matrix<const float>& b, float beta,
          const Matrix<float>& c);
void Gemm(double alpha, const Matrix<const double>& a, const Matrix<const double>& b, double beta,
          const Matrix<double>& c);

// Speed of a product that is large enough to reach this machine's limit, in processor time of the
// calling thread. Run between pieces of other work it says what was possible at the time: other
// programs take their share of caches, clock and of a core that runs two threads.
class GemmMeter {
 public:
  // Products that take about `seconds`, one at least.
  void Run(double seconds);

  // GFLOP/s over all products so far.
  double best() const;
  double median() const;

 private:
  std::vector<double> seconds_;
};

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_GEMM_H_
