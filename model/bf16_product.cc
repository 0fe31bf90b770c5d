#include "model/bf16_product.h"

#include <oneapi/dnnl/dnnl.h>

#include <array>
#include <map>
#include <memory>

#include "glog/logging.h"
#include "model/one_thread.h"

namespace caravan::model {
namespace {

// m, n, k, C's stride, A and B transposed, adds.
using Sizes = std::array<dnnl_dim_t, 7>;

// For handles of oneDNN's C interface.
template <auto kDestroy>
struct Destroy {
  template <typename T>
  void operator()(T* handle) const {
    kDestroy(handle);
  }
};
using Engine = std::unique_ptr<dnnl_engine, Destroy<dnnl_engine_destroy>>;
using Stream = std::unique_ptr<dnnl_stream, Destroy<dnnl_stream_destroy>>;
using Memory = std::unique_ptr<dnnl_memory, Destroy<dnnl_memory_destroy>>;
using Primitive = std::unique_ptr<dnnl_primitive, Destroy<dnnl_primitive_destroy>>;

void CheckStatus(dnnl_status_t status, const char* what) { CHECK_EQ(status, dnnl_success) << what; }

dnnl_memory_desc_t MatrixDescription(dnnl_dim_t rows, dnnl_dim_t columns, dnnl_dim_t row_step,
                                     dnnl_dim_t column_step, dnnl_data_type_t type) {
  const std::array<dnnl_dim_t, 2> sizes = {rows, columns};
  const std::array<dnnl_dim_t, 2> steps = {row_step, column_step};
  dnnl_memory_desc_t description;
  CheckStatus(dnnl_memory_desc_init_by_strides(&description, 2, sizes.data(), type, steps.data()),
              "matrix");
  return description;
}

Memory MemoryOf(const dnnl_memory_desc_t& description, dnnl_engine_t engine) {
  dnnl_memory_t memory = nullptr;
  CheckStatus(dnnl_memory_create(&memory, &description, engine, DNNL_MEMORY_NONE), "memory");
  return Memory(memory);
}

class PreparedProduct {
 public:
  PreparedProduct(const Sizes& sizes, dnnl_engine_t engine) {
    const auto [m, n, k, c_stride, a_transposed, b_transposed, adds] = sizes;
    const dnnl_memory_desc_t a =
        MatrixDescription(m, k, a_transposed != 0 ? 1 : k, a_transposed != 0 ? m : 1, dnnl_bf16);
    const dnnl_memory_desc_t b =
        MatrixDescription(k, n, b_transposed != 0 ? 1 : n, b_transposed != 0 ? k : 1, dnnl_bf16);
    const dnnl_memory_desc_t c = MatrixDescription(m, n, c_stride, 1, dnnl_f32);
    dnnl_matmul_desc_t matmul;
    CheckStatus(dnnl_matmul_desc_init(&matmul, &a, &b, nullptr, &c), "product");
    dnnl_post_ops_t sum = nullptr;
    CheckStatus(dnnl_post_ops_create(&sum), "sum");
    if (adds != 0) CheckStatus(dnnl_post_ops_append_sum(sum, 1), "sum");
    dnnl_primitive_attr_t attributes = nullptr;
    CheckStatus(dnnl_primitive_attr_create(&attributes), "attributes");
    CheckStatus(dnnl_primitive_attr_set_post_ops(attributes, sum), "attributes");
    dnnl_primitive_desc_t description = nullptr;
    CheckStatus(dnnl_primitive_desc_create(&description, &matmul, attributes, engine, nullptr),
                "bf16 product: oneDNN has it for AVX-512 alone");
    dnnl_primitive_t primitive = nullptr;
    CheckStatus(dnnl_primitive_create(&primitive, description), "product");
    primitive_.reset(primitive);
    dnnl_primitive_desc_destroy(description);
    dnnl_primitive_attr_destroy(attributes);
    dnnl_post_ops_destroy(sum);
    a_ = MemoryOf(a, engine);
    b_ = MemoryOf(b, engine);
    c_ = MemoryOf(c, engine);
  }

  void Run(const uint16_t* a, const uint16_t* b, float* c, dnnl_stream_t stream) const {
    // oneDNN takes what it reads by the same type as what it writes.
    CheckStatus(dnnl_memory_set_data_handle(a_.get(), const_cast<uint16_t*>(a)), "A");
    CheckStatus(dnnl_memory_set_data_handle(b_.get(), const_cast<uint16_t*>(b)), "B");
    CheckStatus(dnnl_memory_set_data_handle(c_.get(), c), "C");
    const std::array<dnnl_exec_arg_t, 3> arguments = {
        {{DNNL_ARG_SRC, a_.get()}, {DNNL_ARG_WEIGHTS, b_.get()}, {DNNL_ARG_DST, c_.get()}}};
    CheckStatus(dnnl_primitive_execute(primitive_.get(), stream, static_cast<int>(arguments.size()),
                                       arguments.data()),
                "product");
    CheckStatus(dnnl_stream_wait(stream), "product");
  }

 private:
  Primitive primitive_;
  Memory a_;
  Memory b_;
  Memory c_;
};

// Of one thread.
class Products {
 public:
  Products() {
    UseOneThread();
    dnnl_engine_t engine = nullptr;
    CheckStatus(dnnl_engine_create(&engine, dnnl_cpu, 0), "engine");
    engine_.reset(engine);
    dnnl_stream_t stream = nullptr;
    CheckStatus(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags), "stream");
    stream_.reset(stream);
  }

  void Run(const Sizes& sizes, const uint16_t* a, const uint16_t* b, float* c) {
    auto& product = products_[sizes];
    if (product == nullptr) product = std::make_unique<PreparedProduct>(sizes, engine_.get());
    product->Run(a, b, c, stream_.get());
  }

 private:
  Engine engine_;
  Stream stream_;
  std::map<Sizes, std::unique_ptr<PreparedProduct>> products_;
};

}  // namespace

void Bf16Gemm(const Matrix<const uint16_t>& a, const Matrix<const uint16_t>& b, bool adds,
              const Matrix<float>& c) {
  DCHECK_EQ(a.stride, a.columns);
  DCHECK_EQ(b.stride, b.columns);
  DCHECK_EQ(a.view_columns(), b.view_rows());
  thread_local Products products;
  products.Run({static_cast<dnnl_dim_t>(c.rows), static_cast<dnnl_dim_t>(c.columns),
                static_cast<dnnl_dim_t>(a.view_columns()), static_cast<dnnl_dim_t>(c.stride),
                static_cast<dnnl_dim_t>(a.transposed), static_cast<dnnl_dim_t>(b.transposed),
                static_cast<dnnl_dim_t>(adds)},
               a.data, b.data, c.data);
}

}  // namespace caravan::model
