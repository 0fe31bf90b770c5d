// A number a task: z_t = w_t^T x_t + c_t.    x: [m, d], z: [m]; w_t: [d], c_t: [1]
// Parameters <name>.<task>.weight, <name>.<task>.bias.
#ifndef CARAVAN_MODEL_OPS_TASK_HEAD_H_
#define CARAVAN_MODEL_OPS_TASK_HEAD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "model/op.h"

namespace caravan::model {

struct HeadWeights {
  ParameterId weight;
  ParameterId bias;
};

class TaskHead final : public TypedOp<TaskHead> {
 public:
  TaskHead(std::string name, ValueId input, ValueId output, std::vector<HeadWeights> tasks,
           uint32_t width);
  const std::vector<HeadWeights>& tasks() const { return tasks_; }
  uint32_t width() const { return width_; }

  FlopCount CountFlops(uint32_t batch) const override;
  absl::Status EmitOnnx(OnnxEmitter& emitter) const override;
  template <typename T>
  void Run(Frame<T>& frame) const;
  template <typename T>
  void Differentiate(Frame<T>& frame) const;

 private:
  std::vector<HeadWeights> tasks_;
  uint32_t width_;
};

// `starts`: c_t at first, by task of the graph.
ValueId AddTaskHead(Graph& graph, const std::string& name, ValueId input,
                    const std::vector<double>& starts);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_TASK_HEAD_H_
