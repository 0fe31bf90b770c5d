// Early return on a failed absl::Status, so that the straight path of a function reads straight.
#ifndef CARAVAN_BASE_STATUS_MACROS_H_
#define CARAVAN_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define CARAVAN_CONCATENATE_INNER(a, b) a##b
#define CARAVAN_CONCATENATE(a, b) CARAVAN_CONCATENATE_INNER(a, b)

// Evaluates `expression` (an absl::Status); returns it from the function when it is not OK.
#define CARAVAN_RETURN_IF_ERROR(expression)          \
  do {                                               \
    absl::Status caravan_status = (expression);      \
    if (!caravan_status.ok()) return caravan_status; \
  } while (false)

// Evaluates `expression` (an absl::StatusOr); assigns its value to `lhs` or returns its status.
#define CARAVAN_ASSIGN_OR_RETURN(lhs, expression) \
  CARAVAN_ASSIGN_OR_RETURN_INNER(CARAVAN_CONCATENATE(caravan_status_or_, __LINE__), lhs, expression)
#define CARAVAN_ASSIGN_OR_RETURN_INNER(temporary, lhs, expression) \
  auto temporary = (expression);                                   \
  if (!temporary.ok()) return std::move(temporary).status();       \
  lhs = *std::move(temporary)

#endif  // CARAVAN_BASE_STATUS_MACROS_H_
