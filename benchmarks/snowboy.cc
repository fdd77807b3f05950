// Snowboy's detector for C callers (benchmarks/engines.py). PyPI has its sources' archive with the
// library for 64-bit Ubuntu; it is as old as its C++ ABI. In the folder that
// `pip download --no-deps snowboy==1.2.0b1` and `tar xzf` make (libopenblas-dev installed):
//
//   g++ -O3 -fPIC -shared -D_GLIBCXX_USE_CXX11_ABI=0 -I. .../benchmarks/snowboy.cc \
//       lib/ubuntu64/libsnowboy-detect.a -lopenblas -o libsnowboy.so
#include <cstdint>

#include "include/snowboy-detect.h"

extern "C" void* snowboy_new(const char* resource, const char* model) {
  auto* detector = new snowboy::SnowboyDetect(resource, model);
  detector->SetSensitivity("0.5");
  return detector;
}

extern "C" int snowboy_run(void* detector, const int16_t* samples, int num_samples) {
  return static_cast<snowboy::SnowboyDetect*>(detector)->RunDetection(samples, num_samples, false);
}
