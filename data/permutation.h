// A permutation of 0 … size-1 that needs no memory: each value is computed when it is asked for.
#ifndef CARAVAN_DATA_PERMUTATION_H_
#define CARAVAN_DATA_PERMUTATION_H_

#include <cstdint>

namespace caravan::data {

// Four rounds of a balanced Feistel network (Luby and Rackoff, SIAM J. Comput. 17, 1988) over the
// smallest even number of bits that holds `size`, walked on until the value is below `size` (Black
// and Rogaway, CT-RSA 2002): at most four steps on average.
class Permutation {
 public:
  Permutation(uint64_t size, uint64_t seed);

  // The value at `index` < size. Frozen: the order of an epoch must not change between releases,
  // since a resumed run goes on in the middle of one.
  uint64_t operator()(uint64_t index) const;

 private:
  uint64_t size_;
  uint64_t seed_;
  uint32_t half_bits_ = 1;
};

}  // namespace caravan::data

#endif  // CARAVAN_DATA_PERMUTATION_H_
