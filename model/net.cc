#include "model/net.h"

#include <string>

#include "fmt/format.h"
#include "model/nets/m2m.h"

namespace caravan::model {

absl::StatusOr<std::unique_ptr<Graph>> BuildNet(const conf::Job& job, const conf::Schema& schema) {
  const std::string& net = job.model().net();
  if (net == "m2m") return BuildM2m(job, schema);
  return absl::InvalidArgumentError(fmt::format("model.net is \"{}\"; known nets are: m2m", net));
}

conf::ModelSpec MakeModelSpec(const Graph& graph) {
  conf::ModelSpec spec;
  spec.set_net(graph.net());
  for (const conf::TableSpec& table : graph.tables()) *spec.add_tables() = table;
  for (const Parameter& parameter : graph.parameters()) {
    conf::DenseTensor& tensor = *spec.add_tensors();
    tensor.set_name(parameter.name);
    for (const uint32_t extent : parameter.shape) tensor.add_dimensions(extent);
    *tensor.mutable_initializer() = parameter.initializer;
    tensor.set_l2(parameter.l2);
  }
  return spec;
}

}  // namespace caravan::model
