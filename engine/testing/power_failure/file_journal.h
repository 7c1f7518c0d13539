// The record of what processes do to files: written by file_journal_preload.cpp, replayed by
// disk.h.
//
// A record is a Header and, one after the other, its path, its second path and its data. Records
// lie in the order in which things happened, also those of several processes.
#pragma once

#include <cstdint>

namespace xp::journal {

enum class Op : uint32_t {
  kCreateFile,   ///< path (new, empty, node)
  kMakeFolder,   ///< path
  kRename,       ///< path -> second path
  kLink,         ///< path -> second path
  kRemove,       ///< path: a file or an empty folder
  kSymlink,      ///< path, the target as data
  kWrite,        ///< node, offset, data
  kResize,       ///< node, offset = the new size
  kFlushFile,    ///< node: its bytes are on the disk
  kFlushFolder,  ///< path: its entries are on the disk
  kMark,         ///< data: said by the test
};

struct Header {
  Op op = Op::kMark;
  uint32_t path_bytes = 0, second_bytes = 0, reserved = 0;
  uint64_t node = 0;  ///< the inode number of the file
  uint64_t offset = 0;
  uint64_t data_bytes = 0;
};

/// Environment variables: the folder whose files are watched, and the file to write to.
inline constexpr const char* kRootVariable = "XP_JOURNAL_ROOT";
inline constexpr const char* kFileVariable = "XP_JOURNAL_FILE";

}  // namespace xp::journal
