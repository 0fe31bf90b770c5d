#include "model/net.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>

#include "model/nets/cgc.h"
#include "model/nets/cross_stitch.h"
#include "model/nets/m2m.h"
#include "model/nets/mmoe.h"
#include "model/nets/mran.h"
#include "model/nets/shared_bottom.h"
#include "model/nets/single_task.h"

namespace caravan::model {
namespace {

using Graphs = absl::StatusOr<std::unique_ptr<Graph>>;

// An ablation of Table 5: M2M with one switch of the job turned off.
template <void (conf::Model::*Switch)(bool)>
Graphs BuildAblation(const conf::Job& job, const conf::Schema& schema) {
  conf::Job ablated = job;
  (ablated.mutable_model()->*Switch)(false);
  return BuildM2m(ablated, schema);
}

struct Net {
  const char* name;
  Graphs (*build)(const conf::Job&, const conf::Schema&);
};
constexpr Net kNets[] = {
    {"m2m", BuildM2m},
    {"m2m_without_meta_tower", BuildAblation<&conf::Model::set_meta_tower>},
    {"m2m_without_meta_attention", BuildAblation<&conf::Model::set_meta_attention>},
    {"m2m_without_transformer", BuildAblation<&conf::Model::set_transformer>},
    {"single_task", BuildSingleTask},
    {"shared_bottom", BuildSharedBottom},
    {"cross_stitch", BuildCrossStitch},
    {"mmoe", BuildMmoe},
    {"mran", BuildMran},
    {"cgc", BuildCgc},
};

}  // namespace

std::vector<std::string> NetNames() {
  std::vector<std::string> names;
  for (const Net& net : kNets) names.emplace_back(net.name);
  return names;
}

absl::StatusOr<std::unique_ptr<Graph>> BuildNet(const conf::Job& job, const conf::Schema& schema) {
  for (const Net& net : kNets) {
    if (job.model().net() == net.name) return net.build(job, schema);
  }
  return absl::InvalidArgumentError(fmt::format("model.net is \"{}\"; known nets are: {}",
                                                job.model().net(), fmt::join(NetNames(), ", ")));
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
