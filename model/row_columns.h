// Which columns of its table's rows an op reads: nets that are several networks side by side keep
// the rows of each in columns of their own.
#ifndef CARAVAN_MODEL_ROW_COLUMNS_H_
#define CARAVAN_MODEL_ROW_COLUMNS_H_

#include <cstdint>

namespace caravan::model {

struct RowColumns {
  uint32_t first = 0;
  uint32_t width = 0;  // 0: all of the row
};

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_ROW_COLUMNS_H_
