// A management library of NVIDIA's with two H200 linked by NVLink and an old card on the other
// processor, for tests. XP_FAKE_NVML=broken: as a driver that does not fit its kernel module.
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr unsigned kCards = 3;
unsigned index_of(const void* device) {
  return static_cast<unsigned>(reinterpret_cast<unsigned long>(device)) - 1;
}

}  // namespace

extern "C" {

struct Memory {
  unsigned long long total, free, used;
};

int nvmlInit_v2() {
  const char* const state = std::getenv("XP_FAKE_NVML");
  return state != nullptr && std::strcmp(state, "broken") == 0 ? 18 : 0;
}
int nvmlShutdown() {
  return 0;
}
const char* nvmlErrorString(int) {
  return "Driver/library version mismatch";
}
int nvmlSystemGetDriverVersion(char* text, unsigned size) {
  std::snprintf(text, size, "580.65.06");
  return 0;
}
int nvmlSystemGetCudaDriverVersion_v2(int* version) {
  *version = 13000;
  return 0;
}
int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = kCards;
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  *device = reinterpret_cast<void*>(static_cast<unsigned long>(index) + 1);
  return 0;
}
int nvmlDeviceGetName(void* device, char* text, unsigned size) {
  std::snprintf(text, size, "%s", index_of(device) < 2 ? "NVIDIA H200" : "Tesla T4");
  return 0;
}
int nvmlDeviceGetMemoryInfo(void* device, Memory* memory) {
  memory->total = index_of(device) < 2 ? 150'754'820'096ULL : 16'106'127'360ULL;
  return 0;
}
int nvmlDeviceGetP2PStatus(void* a, void* b, unsigned capability, unsigned* status) {
  const bool is_linked = capability == 2 && index_of(a) < 2 && index_of(b) < 2;
  *status = is_linked ? 0 : 5;
  return 0;
}
int nvmlDeviceGetTopologyCommonAncestor(void*, void*, unsigned* level) {
  *level = 50;
  return 0;
}

}  // extern "C"
