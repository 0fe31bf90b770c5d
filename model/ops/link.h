// From a task's number z to what is predicted, by the task's loss and link (Graph::tasks()):
// see model/link.h.
// z, y: [m]. The loss is taken from z (model/ops/loss.h), so y passes no gradient on.
#ifndef CARAVAN_MODEL_OPS_LINK_H_
#define CARAVAN_MODEL_OPS_LINK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "model/link.h"
#include "model/op.h"

namespace caravan::model {

LinkKind LinkOf(const GraphTask& task);

class Link final : public TypedOp<Link> {
 public:
  Link(std::string name, ValueId input, ValueId output, std::vector<LinkKind> kinds);
  const std::vector<LinkKind>& kinds() const { return kinds_; }

  FlopCount CountFlops(uint32_t batch) const override;
  absl::Status EmitOnnx(OnnxEmitter& emitter) const override;
  template <typename T>
  void Run(Frame<T>& frame) const;
  template <typename T>
  void Differentiate(Frame<T>& frame) const;

 private:
  std::vector<LinkKind> kinds_;  // by task
};

ValueId AddLink(Graph& graph, const std::string& name, ValueId input);

// The z at which the link gives `mean`; where a head starts. A mean that the link cannot give is
// moved to the nearest it can.
double InverseLink(LinkKind kind, double mean);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_LINK_H_
