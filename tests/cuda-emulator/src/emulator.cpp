// Runs a grid of CUDA threads on one host thread, block after block. Within a block every thread is a fiber that runs
// until it waits for the others. Ascending, all threads take turns; descending, a warp goes on as long as it can, so that it
// gets far ahead of the others. A kernel that forgets to wait reads what is not there yet, or not there any more, in one of
// the two.

#include "shim.h"
#include <csetjmp>
#include <limits>
#include <memory>
#include <ucontext.h>
#include <vector>

#include "kernels.inc"

namespace emulator {
namespace {

constexpr unsigned LANES = 32;
constexpr size_t STACK = 64 * 1024;
constexpr unsigned GUARD = 64;

struct Barrier {
    unsigned live = 0, arrived = 0, generation = 0;
};

struct Fiber {
    std::unique_ptr<char[]> stack{new char[STACK]};
    ucontext_t start;
    jmp_buf place;
    bool started = false, done = false;
};

struct Block {
    std::vector<Fiber> fibers;
    std::vector<Barrier> warps;
    Barrier all;
    // Two, because a lane may be one exchange ahead of another.
    std::vector<float> given[2];
    std::vector<unsigned> exchanges;
    unsigned size = 0, running = 0, idle = 0, turns = 0;
    bool descending = false, stuck = false;
    void (*kernel)(void **) = nullptr;
    void **arguments = nullptr;
    jmp_buf outside;
};

thread_local Block block;
thread_local std::vector<float> shared;

// Barriers that open and threads that end are progress; a round without any means that nobody can go on.
void progress() { block.idle = block.turns = 0; }

void open(Barrier &barrier) {
    barrier.arrived = 0;
    ++barrier.generation;
    progress();
}

void enter();

[[noreturn, gnu::noinline]] void start(Fiber &fiber) {
    fiber.started = true;
    getcontext(&fiber.start);
    fiber.start.uc_stack.ss_sp = fiber.stack.get();
    fiber.start.uc_stack.ss_size = STACK;
    fiber.start.uc_link = nullptr;
    makecontext(&fiber.start, enter, 0);
    setcontext(&fiber.start);
    __builtin_unreachable();
}

unsigned next_thread() {
    if (!block.descending) return (block.running + 1) % block.size;
    // The lane before this one, or, when the warp cannot go on, the last of the warp before it.
    unsigned warp = block.running / LANES, lane = (block.running + LANES - 1) % LANES;
    if (++block.turns <= LANES) return warp * LANES + lane;
    block.turns = 0;
    return (warp * LANES + block.size - 1) % block.size;
}

// Goes on with the next thread that is not done; does not come back when all are.
[[noreturn, gnu::noinline]] void resume_next() {
    for (;;) {
        block.running = next_thread();
        Fiber &next = block.fibers[block.running];
        if (++block.idle > 4 * block.size) break;
        if (next.done) continue;
        threadIdx = {block.running, 0, 0};
        if (next.started) _longjmp(next.place, 1);
        start(next);
    }
    for (unsigned thread = 0; thread < block.size; ++thread) block.stuck |= !block.fibers[thread].done;
    _longjmp(block.outside, 1);
}

[[gnu::noinline]] void yield() {
    if (_setjmp(block.fibers[block.running].place) == 0) resume_next();
}

void leave(Barrier &barrier) {
    if (--barrier.live > 0 && barrier.arrived == barrier.live) open(barrier);
}

void enter() {
    block.kernel(block.arguments);
    block.fibers[block.running].done = true;
    progress();
    leave(block.all);
    leave(block.warps[block.running / LANES]);
    resume_next();
}

void wait(Barrier &barrier) {
    unsigned generation = barrier.generation;
    if (++barrier.arrived == barrier.live) return open(barrier);
    while (barrier.generation == generation) yield();
}

[[gnu::noinline]] void run_block() {
    for (Fiber &fiber : block.fibers) fiber.started = fiber.done = false;
    block.all = {block.size, 0, 0};
    block.warps.assign(block.size / LANES, {LANES, 0, 0});
    block.exchanges.assign(block.size, 0);
    for (auto &values : block.given) values.assign(block.size, std::numeric_limits<float>::quiet_NaN());
    std::fill(shared.begin(), shared.end(), std::numeric_limits<float>::quiet_NaN());
    block.running = block.descending ? 0 : block.size - 1;
    progress();
    if (_setjmp(block.outside) == 0) resume_next();
}

// Calls a kernel with arguments behind pointers, as the driver does.
template <typename... A, size_t... I>
void call(void (*kernel)(A...), void **arguments, std::index_sequence<I...>) {
    kernel(*static_cast<std::remove_reference_t<A> *>(arguments[I])...);
}

template <typename... A> void unpack(void (*kernel)(A...), void **arguments) {
    call(kernel, arguments, std::index_sequence_for<A...>{});
}

template <auto kernel> void run(void **arguments) { unpack(kernel, arguments); }

// What a kernel's parameters are: p(ointer), u(32 bits), l(64 bits), f(loat).
template <typename A> constexpr char kind() {
    if (std::is_pointer_v<A>) return 'p';
    if (std::is_same_v<A, float>) return 'f';
    return sizeof(A) == 8 ? 'l' : 'u';
}

template <typename... A> bool fits(void (*)(A...), const char *kinds) {
    const char expected[] = {kind<A>()..., '\0'};
    return std::strcmp(expected, kinds) == 0;
}

template <auto kernel> bool takes(const char *kinds) { return fits(kernel, kinds); }

struct Entry {
    const char *name;
    void (*run)(void **);
    bool (*takes)(const char *);
};

const Entry TABLE[] = {
#include "table.inc"
};

bool overran() {
    for (size_t i = shared.size() - GUARD; i < shared.size(); ++i)
        if (!std::isnan(shared[i])) return true;
    return false;
}

} // namespace

float *dynamic_shared() { return shared.data(); }

void wait_for_block() { wait(block.all); }

void wait_for_warp() { wait(block.warps[block.running / LANES]); }

float exchange(float value, unsigned lane) {
    unsigned me = block.running;
    auto &given = block.given[block.exchanges[me]++ % 2];
    given[me] = value;
    wait_for_warp();
    return given[me / LANES * LANES + lane];
}

} // namespace emulator

// 0: done. 1: no such kernel. 2: other parameters. 3: its threads wait for each other. 4: it wrote beyond its shared
// memory.
extern "C" int emulator_launch(const char *name, const unsigned grid[3], unsigned threads, unsigned shared_bytes,
                               const char *kinds, void **arguments, bool descending) {
    using namespace emulator;
    const Entry *entry = std::find_if(std::begin(TABLE), std::end(TABLE),
                                      [&](const Entry &entry) { return std::strcmp(entry.name, name) == 0; });
    if (entry == std::end(TABLE)) return 1;
    if (!entry->takes(kinds)) return 2;
    if (block.fibers.size() < threads) block.fibers.resize(threads);
    block.size = threads;
    block.descending = descending;
    block.stuck = false;
    block.kernel = entry->run;
    block.arguments = arguments;
    shared.assign(shared_bytes / sizeof(float) + GUARD, 0.0f);
    blockDim = {threads, 1, 1};
    gridDim = {grid[0], grid[1], grid[2]};
    unsigned blocks = grid[0] * grid[1] * grid[2];
    for (unsigned step = 0; step < blocks; ++step) {
        unsigned index = descending ? blocks - 1 - step : step;
        blockIdx = {index % grid[0], index / grid[0] % grid[1], index / grid[0] / grid[1]};
        run_block();
        if (block.stuck) return 3;
        if (overran()) return 4;
    }
    return 0;
}
