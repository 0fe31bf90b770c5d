#include <set>

#include "model/onnx_emitter.h"
#include "model/ops/link.h"

namespace caravan::model {
namespace {

// Single precision nodes for one link over all of z [B, m]. ONNX's own Softplus and Sigmoid lose
// the small numbers (log(1 + u) of a rounded 1 + u), so both are made of Exp.
class LinkNodes {
 public:
  LinkNodes(OnnxEmitter& emitter, std::string z, std::string name)
      : emitter_(emitter), z_(std::move(z)), name_(std::move(name)) {}

  std::string Emit(LinkKind kind) {
    switch (kind) {
      case LinkKind::kExp:
        return Exp();
      case LinkKind::kSoftplus:
        return Softplus();
      case LinkKind::kLogistic:
        return Logistic();
    }
    return {};
  }

 private:
  std::string Node(const char* type, std::vector<std::string> inputs, const char* hint) {
    return emitter_.Node(type, std::move(inputs), {}, name_ + hint);
  }
  std::string Number(double value) { return emitter_.Floats({static_cast<float>(value)}, {1}); }

  // exp(min(z, c)) * (1 + (z - min(z, c))): exp, and the line that continues it.
  std::string Exp() {
    const std::string below = Node("Min", {z_, Number(kExpLinearAbove)}, ".below");
    const std::string beyond = Node("Sub", {z_, below}, ".beyond");
    const std::string slope = Node("Add", {Number(1), beyond}, ".slope");
    return Node("Mul", {Node("Exp", {below}, ".exp"), slope}, ".rate");
  }

  // exp(-|z|), at most 1.
  std::string Small() {
    return Node("Exp", {Node("Neg", {Node("Abs", {z_}, ".size")}, ".negative")}, ".small");
  }

  // max(z, 0) + log1p(u), u = exp(-|z|); log1p(u) = u log(w) / (w - 1) with w = 1 + u rounded, and
  // u where w is 1.
  std::string Softplus() {
    const std::string u = Small();
    const std::string w = Node("Add", {u, Number(1)}, ".w");
    const std::string excess = Node("Sub", {w, Number(1)}, ".excess");
    const std::string scaled = Node("Mul", {u, Node("Log", {w}, ".log")}, ".scaled");
    const std::string log1p = Node("Where",
                                   {Node("Equal", {excess, Number(0)}, ".tiny"), u,
                                    Node("Div", {scaled, excess}, ".quotient")},
                                   ".log1p");
    return Node("Add", {Node("Max", {z_, Number(0)}, ".above"), log1p}, ".rate");
  }

  // 1 / (1 + u) for z >= 0, u / (1 + u) below.
  std::string Logistic() {
    const std::string u = Small();
    const std::string above = Node("GreaterOrEqual", {z_, Number(0)}, ".above");
    const std::string numerator = Node("Where", {above, Number(1), u}, ".numerator");
    return Node("Div", {numerator, Node("Add", {u, Number(1)}, ".denominator")}, ".probability");
  }

  OnnxEmitter& emitter_;
  const std::string z_;
  const std::string name_;
};

}  // namespace

absl::Status Link::EmitOnnx(OnnxEmitter& emitter) const {
  LinkNodes nodes(emitter, emitter.ValueName(inputs()[0]), name());
  const std::set<LinkKind> different(kinds_.begin(), kinds_.end());
  std::string all;
  for (const LinkKind kind : different) {
    const std::string linked = nodes.Emit(kind);
    if (all.empty()) {
      all = linked;
      continue;
    }
    std::vector<float> is_kind;
    for (const LinkKind task : kinds_) is_kind.push_back(task == kind ? 1.0F : 0.0F);
    const auto m = static_cast<int64_t>(kinds_.size());
    const std::string mask = emitter.Node(
        "Greater", {emitter.Floats(is_kind, {m}), emitter.Floats({0.5F}, {1})}, {}, name() + ".is");
    all = emitter.Node("Where", {mask, linked, all}, {}, name() + ".mixed");
  }
  emitter.NodeTo(output(), "Identity", {all}, {});
  return absl::OkStatus();
}

}  // namespace caravan::model
