#include "model/executor.h"

#include <algorithm>
#include <barrier>
#include <thread>
#include <utility>

#include "base/flush_denormals.h"
#include "fmt/format.h"
#include "glog/logging.h"
#include "model/dispersions.h"
#include "model/sample_order.h"

namespace caravan::model {
namespace {

constexpr uint32_t kThreadsMax = 256;

// A thread's part of the batch; part 0 is the caller's and never empty. All write to the caller's
// gradients, in turn.
struct Part {
  Part(const Graph& graph, uint32_t samples_max, RunnerPurpose purpose,
       const KernelSet<float>& kernels)
      : runner(graph, samples_max, purpose, kernels) {}

  GraphRunner<float> runner;
  SampleRange range;
  PartTurn turn;
};

class ThreadedExecutor final : public Executor {
 public:
  ThreadedExecutor(const Graph& graph, uint32_t batch_max, uint32_t threads, RunnerPurpose purpose,
                   const KernelSet<float>& kernels)
      : graph_(graph),
        batch_max_(batch_max),
        dispersions_(graph.tasks(), batch_max),
        begin_(static_cast<ptrdiff_t>(threads)),
        forwarded_(static_cast<ptrdiff_t>(threads), FindFactors{*this}),
        end_(static_cast<ptrdiff_t>(threads)) {
    const uint32_t samples_max = (batch_max + threads - 1) / threads;
    for (uint32_t i = 0; i < threads; ++i) {
      parts_.push_back(std::make_unique<Part>(graph, samples_max, purpose, kernels));
    }
    predictions_.resize(size_t{batch_max} * graph.tasks().size());
    if (threads > 1) order_ = std::make_unique<SampleOrder>(graph);
    for (uint32_t i = 1; i < threads; ++i) {
      threads_.emplace_back([this, i] { Serve(i); });
    }
  }

  ~ThreadedExecutor() override {
    if (threads_.empty()) return;
    stop_ = true;
    begin_.arrive_and_wait();
    for (std::thread& thread : threads_) thread.join();
  }

  ExecutorOutput Forward(const ExecutorInput& input) override {
    backward_ = false;
    return Run(input);
  }

  ExecutorOutput ForwardBackward(const ExecutorInput& input, std::span<float> dense_gradient,
                                 std::span<const std::span<float>> row_gradients) override {
    CHECK_EQ(dense_gradient.size(), graph_.parameter_elements());
    CHECK_EQ(row_gradients.size(), graph_.tables().size());
    for (size_t t = 0; t < row_gradients.size(); ++t) {
      CHECK_EQ(row_gradients[t].size(), input.rows[t].size()) << graph_.tables()[t].name();
    }
    backward_ = true;
    dense_gradient_ = dense_gradient;
    row_gradients_ = row_gradients;
    parts_[0]->runner.ZeroGradients(dense_gradient, row_gradients);
    return Run(input);
  }

  void RecordTimes(OpTimes& times) override { parts_[0]->runner.RecordTimes(times); }

  uint64_t workspace_bytes() const override {
    uint64_t bytes = predictions_.size() * sizeof(float);
    for (const auto& part : parts_) bytes += part->runner.arena_bytes();
    return bytes;
  }

 private:
  ExecutorOutput Run(const ExecutorInput& input) {
    CHECK_GT(input.batch, 0U);
    CHECK_LE(input.batch, batch_max_);
    input_ = order_ == nullptr ? &input : &order_->Arrange(input);
    labels_ = input.labels;
    const auto threads = static_cast<uint32_t>(parts_.size());
    const PartTurn* before = nullptr;
    for (uint32_t i = 0; i < threads; ++i) {
      const auto bound = [&](uint64_t part) {
        return static_cast<uint32_t>((input.batch * part + threads - 1) / threads);
      };
      parts_[i]->range = {bound(i), bound(i + 1) - bound(i)};
      if (parts_[i]->range.count == 0) continue;
      parts_[i]->turn.Begin(before);
      before = &parts_[i]->turn;
    }
    if (threads > 1) begin_.arrive_and_wait();
    RunPart(0);
    if (threads > 1) end_.arrive_and_wait();
    return Gather(input);
  }

  void Serve(uint32_t number) {
    for (;;) {
      begin_.arrive_and_wait();
      if (stop_) return;
      RunPart(number);
      end_.arrive_and_wait();
    }
  }

  void RunPart(uint32_t number) {
    const FlushDenormals flush;
    Part& part = *parts_[number];
    if (part.range.count != 0) {
      part.runner.Forward(*input_, part.range);
      PutPredictions(part);
    }
    const bool by_dispersion = dispersions_.needed() && !labels_.empty();
    if (by_dispersion) forwarded_.arrive_and_wait();
    if (!backward_ || part.range.count == 0) return;
    std::span<const float> factors;
    if (by_dispersion) {
      const size_t tasks = graph_.tasks().size();
      factors = dispersions_.factors().subspan(part.range.first * tasks, part.range.count * tasks);
    }
    PartTurn* const turn = parts_.size() > 1 ? &part.turn : nullptr;
    part.runner.Backward(dense_gradient_, row_gradients_, turn, factors);
  }

  // By one thread, while the others wait: a group's samples may be of several parts.
  struct FindFactors {
    ThreadedExecutor& executor;
    void operator()() const noexcept {
      executor.dispersions_.Find(
          std::span<const float>(executor.predictions_).first(executor.labels_.size()),
          executor.labels_, executor.Order());
    }
  };

  // By place in the order that the parts have: the sample's place in the caller's batch; empty: the
  // same.
  std::span<const uint32_t> Order() const {
    return order_ == nullptr ? std::span<const uint32_t>() : order_->samples();
  }

  ExecutorOutput Gather(const ExecutorInput& input) {
    ExecutorOutput output;
    const size_t tasks = graph_.tasks().size();
    output.task_losses.resize(tasks);
    for (const auto& part : parts_) {
      if (part->range.count == 0 || input.labels.empty()) continue;
      const std::span<const float> losses = part->runner.losses();
      for (size_t i = 0; i < losses.size(); ++i) output.task_losses[i % tasks] += losses[i];
    }
    for (size_t t = 0; t < tasks; ++t) {
      const GraphTask& task = graph_.tasks()[t];
      output.task_losses[t] /= input.batch;
      const bool is_log = task.by_dispersion && !input.labels.empty();
      output.loss += task.lambda * (is_log ? dispersions_.loss(t) : output.task_losses[t]);
    }
    output.predictions = std::span<const float>(predictions_).first(input.batch * tasks);
    return output;
  }

  // To the places that its samples have in the caller's batch.
  void PutPredictions(const Part& part) {
    const std::span<const float> predictions = part.runner.predictions();
    const size_t tasks = graph_.tasks().size();
    for (uint32_t i = 0; i < part.range.count; ++i) {
      const uint32_t place = part.range.first + i;
      const size_t sample = Order().empty() ? place : Order()[place];
      std::ranges::copy(predictions.subspan(i * tasks, tasks),
                        predictions_.begin() + static_cast<ptrdiff_t>(sample * tasks));
    }
  }

  const Graph& graph_;
  const uint32_t batch_max_;
  std::unique_ptr<SampleOrder> order_;  // null of one thread
  std::vector<std::unique_ptr<Part>> parts_;
  std::vector<float> predictions_;
  Dispersions dispersions_;

  // Written by the caller before begin_ is passed, read by the threads until end_ is.
  const ExecutorInput* input_ = nullptr;
  std::span<const float> labels_;  // in the caller's order
  bool backward_ = false;
  bool stop_ = false;
  std::span<float> dense_gradient_;
  std::span<const std::span<float>> row_gradients_;
  std::barrier<> begin_;
  std::barrier<FindFactors> forwarded_;
  std::barrier<> end_;
  std::vector<std::thread> threads_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Executor>> Executor::Create(const Graph& graph, uint32_t batch_max,
                                                           uint32_t threads, RunnerPurpose purpose,
                                                           const KernelSet<float>& kernels) {
  if (batch_max == 0) {
    return absl::InvalidArgumentError("executor: batch_max is 0; it takes at least 1 sample");
  }
  if (threads == 0 || threads > kThreadsMax) {
    return absl::InvalidArgumentError(
        fmt::format("executor: {} threads; 1 to {} are allowed", threads, kThreadsMax));
  }
  return std::make_unique<ThreadedExecutor>(graph, batch_max, threads, purpose, kernels);
}

}  // namespace caravan::model
