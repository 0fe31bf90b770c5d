// What the process frees stays its own. A push or a pull is messages of some hundred KB for each
// lane; left to itself malloc gives such memory back to the kernel and faults it in again, a page
// at a time, for every batch.
#ifndef CARAVAN_BASE_FREED_MEMORY_H_
#define CARAVAN_BASE_FREED_MEMORY_H_

namespace caravan {

// For all threads, from main() before any is begun. The resident size stays at its peak; single
// allocations of 32 MiB and more still go back. Where malloc is not glibc's, nothing changes. What
// MALLOC_TRIM_THRESHOLD_ and the like say in the environment goes before.
void KeepFreedMemory();

}  // namespace caravan

#endif  // CARAVAN_BASE_FREED_MEMORY_H_
