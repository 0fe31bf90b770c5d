// An op of a graph: how a value follows from others, its gradient, its FLOPs and its ONNX nodes.
// An op is immutable plain data (ids, sizes); everything that changes lies in the Frame it is
// given, so one op serves any number of threads. Written once for float (training) and double
// (finite differences).
#ifndef CARAVAN_MODEL_OP_H_
#define CARAVAN_MODEL_OP_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "model/frame.h"
#include "model/graph.h"

namespace caravan::model {

class OnnxEmitter;

// Floating point operations of the products (2 m n k each); elementwise work is left out.
struct FlopCount {
  double forward = 0;
  double backward = 0;
};

class Op {
 public:
  Op(std::string name, std::vector<ValueId> inputs, ValueId output)
      : name_(std::move(name)), inputs_(std::move(inputs)), output_(output) {}
  virtual ~Op() = default;

  const std::string& name() const { return name_; }
  const std::vector<ValueId>& inputs() const { return inputs_; }
  ValueId output() const { return output_; }

  // Of a batch whose samples all differ in their attribute fields.
  virtual FlopCount CountFlops(uint32_t batch) const = 0;
  // Where only `distinct` combinations of them are in the batch.
  virtual FlopCount CountSharedFlops(uint32_t batch, uint32_t /*distinct*/) const {
    return CountFlops(batch);
  }

  // Writes all of the output.
  virtual void Forward(Frame<float>& frame) const = 0;
  virtual void Forward(Frame<double>& frame) const = 0;
  // Reads the output's gradient (and may overwrite it: nobody reads it again) and adds to the
  // inputs', the parameters' and the rows' gradients. The latter two are shared by the parts of a
  // batch, which take turns (Frame::AwaitTurn).
  virtual void Backward(Frame<float>& frame) const = 0;
  virtual void Backward(Frame<double>& frame) const = 0;

  // Parameters whose gradient the first part of a batch overwrites (Frame::first_part) rather than
  // adds to, so that it need not be zeroed: large ones that no other op uses.
  virtual std::vector<ParameterId> OverwrittenGradients() const { return {}; }

  // Whether Backward calls Frame::AwaitTurn itself, before it adds to what parts share; else it is
  // called when it is this part's turn.
  virtual bool TakesTurns() const { return false; }

  // Elements to keep from Forward to Backward beside inputs and output.
  virtual uint64_t SavedElements(uint32_t /*batch*/) const { return 0; }
  // Elements that are free again when the call returns; their content is undefined at first.
  virtual uint64_t ScratchElements(uint32_t /*batch*/) const { return 0; }
  // Whether the output follows from the inputs, the parameters and the attribute fields alone, and
  // from nothing else that a batch brings.
  virtual bool follows_from_attributes() const { return false; }
  // The loss: left out where there are no labels, and of the export.
  virtual bool needs_labels() const { return false; }

  // Adds the nodes that compute output() from inputs(). UNIMPLEMENTED where an op has none.
  virtual absl::Status EmitOnnx(OnnxEmitter& emitter) const;

 private:
  std::string name_;
  std::vector<ValueId> inputs_;
  ValueId output_;
};

// Derived has `template <typename T> void Run(Frame<T>&) const` and `Differentiate(Frame<T>&)`,
// both defined in its .cc, next to CountFlops (its first virtual function, and so the vtable).
template <typename Derived>
class TypedOp : public Op {
 public:
  using Op::Op;
  void Forward(Frame<float>& frame) const final { derived().Run(frame); }
  void Forward(Frame<double>& frame) const final { derived().Run(frame); }
  void Backward(Frame<float>& frame) const final { derived().Differentiate(frame); }
  void Backward(Frame<double>& frame) const final { derived().Differentiate(frame); }

 private:
  const Derived& derived() const { return static_cast<const Derived&>(*this); }
};

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OP_H_
