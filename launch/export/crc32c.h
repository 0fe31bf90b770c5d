// CRC-32C (Castagnoli, IEEE Trans. Comm. 41, 1993): the checksum of TensorBoard's record files.
#ifndef CARAVAN_LAUNCH_EXPORT_CRC32C_H_
#define CARAVAN_LAUNCH_EXPORT_CRC32C_H_

#include <cstdint>
#include <string_view>

namespace caravan::launch {

uint32_t Crc32c(std::string_view bytes);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_EXPORT_CRC32C_H_
