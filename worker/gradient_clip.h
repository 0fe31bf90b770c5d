// The elementwise clip of gradients before the push (M2M, section 5.1.4).
#ifndef CARAVAN_WORKER_GRADIENT_CLIP_H_
#define CARAVAN_WORKER_GRADIENT_CLIP_H_

#include <cstddef>
#include <span>

namespace caravan::worker {

// clipped[i] = min(max(gradient[i], -limit), limit); a limit of 0 copies. Same length, no overlap.
// False when a gradient is NaN or infinite; `clipped` is not to be used then.
bool ClipGradient(std::span<const float> gradient, float limit, std::span<float> clipped);

// Index of the first NaN or infinite element; gradient.size() where there is none.
size_t FirstNotFinite(std::span<const float> gradient);

}  // namespace caravan::worker

#endif  // CARAVAN_WORKER_GRADIENT_CLIP_H_
