// The executable: every command of Caravan behind one name.
#include <glog/logging.h>

#include <string>
#include <vector>

#include "base/freed_memory.h"
#include "launch/command_line.h"
#include "launch/commands.h"

int main(int argc, char** argv) {
  caravan::KeepFreedMemory();
  google::InitGoogleLogging(argv[0]);
  const std::vector<std::string> words(argv + 1, argv + argc);
  return caravan::launch::RunCommandLine(words, caravan::launch::AllCommands());
}
