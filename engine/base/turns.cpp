// A second stack by ucontext.
#include "engine/base/turns.h"

#include "engine/base/error.h"

#include <chrono>
#include <exception>
#include <sys/mman.h>
#include <ucontext.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace xp {
namespace {

constexpr size_t kStackBytes = size_t{8} << 20;
constexpr size_t kGuardBytes = size_t{64} << 10;  // at the end that it grows to

class Stack {
 public:
  Stack()
      : memory_(::mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0)) {
    if (memory_ == MAP_FAILED || ::mprotect(memory_, kGuardBytes, PROT_NONE) != 0)
      machine_error("there is no memory for a stack of 8 MiB; free some");
  }
  ~Stack() { ::munmap(memory_, kStackBytes); }
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;
  char* bottom() const { return static_cast<char*>(memory_) + kGuardBytes; }
  static constexpr size_t size() { return kStackBytes - kGuardBytes; }

 private:
  void* memory_;
};

// Unwinds a work whose partner failed. Not an exception that anybody knows.
struct Unwound {};

struct Side {
  ucontext_t context{};
  bool has_ended = false;
  std::exception_ptr failure;
  // What AddressSanitizer knows of its stack.
  const void* bottom = nullptr;
  size_t size = 0;
};

class Turns {
 public:
  Turns(const std::function<void()>& second, const std::function<void()>& swap)
      : second_(second), swap_(swap) {
    sides_[1].bottom = stack_.bottom();
    sides_[1].size = Stack::size();
    ::getcontext(&sides_[1].context);
    sides_[1].context.uc_stack.ss_sp = stack_.bottom();
    sides_[1].context.uc_stack.ss_size = Stack::size();
    sides_[1].context.uc_link = nullptr;
    ::makecontext(&sides_[1].context, &Turns::begin_second, 0);
  }
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  size_t own() const { return own_; }

  void run(const std::function<void()>& first) {
    run_side(first);
    while (!sides_[1].has_ended)
      change();
    for (const Side& side : sides_)
      if (side.failure) std::rethrow_exception(side.failure);
  }

  void give() {
    if (sides_[1 - own_].has_ended) return;
    change();
    if (is_over()) throw Unwound();
  }

 private:
  bool is_over() const { return sides_[0].failure || sides_[1].failure; }

  void run_side(const std::function<void()>& work) {
    try {
      work();
    } catch (const Unwound&) {
    } catch (...) {
      if (!is_over()) sides_[own_].failure = std::current_exception();
    }
    sides_[own_].has_ended = true;
  }

  static void begin_second();

  void change() {
    Side& from = sides_[own_];
    Side& to = sides_[1 - own_];
    swap_();
    own_ = 1 - own_;
#if defined(__SANITIZE_ADDRESS__)
    void* fake = nullptr;
    const bool is_last = own_ == 0 && from.has_ended;  // of the second stack
    __sanitizer_start_switch_fiber(is_last ? nullptr : &fake, to.bottom, to.size);
    ::swapcontext(&from.context, &to.context);
    __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#else
    ::swapcontext(&from.context, &to.context);
#endif
  }

  const std::function<void()>& second_;
  const std::function<void()>& swap_;
  Stack stack_;
  Side sides_[2];
  size_t own_ = 0;
};

thread_local Turns* turns = nullptr;

void Turns::begin_second() {
  Turns& self = *turns;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &self.sides_[0].bottom, &self.sides_[0].size);
#endif
  if (!self.is_over()) self.run_side(self.second_);
  self.sides_[1].has_ended = true;
  self.change();  // for good
}

}  // namespace

void take_turns(const std::function<void()>& first, const std::function<void()>& second,
                const std::function<void()>& swap) {
  check(turns == nullptr, "works that take turns are not nested");
  Turns own(second, swap);
  turns = &own;
  struct Leave {
    ~Leave() { turns = nullptr; }
  } leave;
  own.run(first);
}

double give_turn() {
  if (turns == nullptr) return 0;
  const auto start = std::chrono::steady_clock::now();
  turns->give();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

bool is_taking_turns() {
  return turns != nullptr;
}

size_t own_turn() {
  return turns == nullptr ? 0 : turns->own();
}

}  // namespace xp
