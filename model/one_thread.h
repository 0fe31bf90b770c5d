// oneDNN's OpenMP collapses as soon as another thread wants the core; we thread over samples.
#ifndef CARAVAN_MODEL_ONE_THREAD_H_
#define CARAVAN_MODEL_ONE_THREAD_H_

// Of the OpenMP runtime that oneDNN brings; its header would ask for -fopenmp.
extern "C" void omp_set_num_threads(int threads);

namespace caravan::model {

// From here on what oneDNN computes for the calling thread it computes on it.
inline void UseOneThread() {
  thread_local const bool done = [] {
    omp_set_num_threads(1);
    return true;
  }();
  static_cast<void>(done);
}

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_ONE_THREAD_H_
