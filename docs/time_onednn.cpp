// What oneDNN's own kernels reach in int8, beside OpenVINO's layers (docs/profile_int8.py): see how-int8-works.md.
//
//     g++ -O2 -std=c++17 -I INCLUDE docs/time_onednn.cpp -L LIB -ldnnl -o time_onednn      # oneDNN 3, any threading
//     OMP_NUM_THREADS=1 taskset -c 0 ./time_onednn
//
// Multiplications u8 x s8 of 512 tokens, with bias and a scale for each column of the weights, by every kernel that
// oneDNN offers. The least CPU time of many runs in turns counts: whatever disturbs a run makes it longer.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "oneapi/dnnl/dnnl.hpp"

using namespace dnnl;
using dt = memory::data_type;
using tag = memory::format_tag;

struct Layer {
    const char *name;
    long rows, inner, columns;
    dt out;
    bool gelu;
};

// The first is the roofline's kind of product: large, square, nothing after it.
const std::vector<Layer> LAYERS = {
    {"2048 x 2048 x 2048, int32", 2048, 2048, 2048, dt::s32, false},
    {"1536 x 384 x 1536, int32", 1536, 384, 1536, dt::s32, false},
    {"384 -> 384, int32", 512, 384, 384, dt::s32, false},
    {"384 -> 384, bf16", 512, 384, 384, dt::bf16, false},
    {"384 -> 384, uint8", 512, 384, 384, dt::u8, false},
    {"384 -> 1,536, int32", 512, 384, 1536, dt::s32, false},
    {"384 -> 1,536, uint8", 512, 384, 1536, dt::u8, false},
    {"384 -> 1,536, GELU, uint8", 512, 384, 1536, dt::u8, true},
    {"1,536 -> 384, int32", 512, 1536, 384, dt::s32, false},
    {"1,536 -> 384, bf16", 512, 1536, 384, dt::bf16, false},
};

struct Kernel {
    const Layer *layer;
    std::string name;
    matmul run;
    std::vector<std::pair<int, memory>> arguments;
    double least = 1e9;
};

double cpu_seconds() {
    timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec + now.tv_nsec * 1e-9;
}

memory filled(const memory::desc &desc, const engine &cpu, int byte) {
    memory made(desc, cpu);
    std::memset(made.get_data_handle(), byte, desc.get_size());
    return made;
}

memory scales(long count, const engine &cpu) {
    memory made({{count}, dt::f32, tag::a}, cpu);
    std::fill_n(static_cast<float *>(made.get_data_handle()), count, 0.001f);
    return made;
}

void add_kernels(std::vector<Kernel> &kernels, const Layer &layer, const engine &cpu) {
    const bool plain = layer.out == dt::s32;
    primitive_attr attributes;
    post_ops after;
    if (layer.gelu) after.append_eltwise(algorithm::eltwise_gelu_erf, 0, 0);
    attributes.set_post_ops(after);
    if (!plain) attributes.set_scales_mask(DNNL_ARG_WEIGHTS, 1 << 1);
    if (layer.out == dt::u8) attributes.set_scales_mask(DNNL_ARG_DST, 0);
    const memory::desc source({layer.rows, layer.inner}, dt::u8, tag::ab), out({layer.rows, layer.columns}, layer.out, tag::ab);
    const memory::desc weights({layer.inner, layer.columns}, dt::s8, tag::any), bias({1, layer.columns}, dt::f32, tag::ab);
    auto found = plain ? matmul::primitive_desc(cpu, source, weights, out, attributes)
                       : matmul::primitive_desc(cpu, source, weights, bias, out, attributes);
    do {
        Kernel one{&layer, found.impl_info_str(), matmul(found), {}};
        one.arguments = {{DNNL_ARG_SRC, filled(found.src_desc(), cpu, 3)},
                         {DNNL_ARG_WEIGHTS, filled(found.weights_desc(), cpu, 1)},
                         {DNNL_ARG_DST, filled(found.dst_desc(), cpu, 0)},
                         {DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS, scales(layer.columns, cpu)},
                         {DNNL_ARG_ATTR_SCALES | DNNL_ARG_DST, scales(1, cpu)}};
        if (!plain) one.arguments.push_back({DNNL_ARG_BIAS, filled(bias, cpu, 0)});
        // The reference kernels take seconds, and nobody serves with them.
        if (one.name.find("ref") == std::string::npos) kernels.push_back(one);
    } while (found.next_impl());
}

int main() {
    const engine cpu(engine::kind::cpu, 0);
    stream queue(cpu);
    std::vector<Kernel> kernels;
    for (const auto &layer : LAYERS) add_kernels(kernels, layer, cpu);
    for (int round = 0; round < 100; ++round)
        for (auto &one : kernels) {
            std::unordered_map<int, memory> arguments(one.arguments.begin(), one.arguments.end());
            // A large product takes as long as many small ones.
            const int times = std::max<long>(1, 4e8 / (one.layer->rows * one.layer->inner * one.layer->columns));
            const double begun = cpu_seconds();
            for (int i = 0; i < times; ++i) one.run.execute(queue, arguments);
            queue.wait();
            one.least = std::min(one.least, (cpu_seconds() - begun) / times);
        }
    std::printf("| product | kernel | microseconds | G operations a second |\n|---|---|---|---|\n");
    for (const auto &one : kernels) {
        const double operations = 2.0 * one.layer->rows * one.layer->inner * one.layer->columns;
        std::printf("| %s | %s | %.0f | %.0f |\n", one.layer->name, one.name.c_str(), one.least * 1e6, operations / one.least / 1e9);
    }
}
