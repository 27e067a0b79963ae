// CUDA C read as C++: what a kernel text may name, and the scheduler that runs one block as fibres.
//
// The first part is included by every kernel and is kept to declarations, since it is parsed once
// per kernel. The second (SYMGRAD_SHIM_RUNTIME) is built once into a library all kernels link to.
#ifndef SYMGRAD_CUDA_SHIM
#define SYMGRAD_CUDA_SHIM 1

typedef __SIZE_TYPE__ size_t;
struct uint3 { unsigned int x, y, z; };
struct dim3 { unsigned int x, y, z; };
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
static const int warpSize = 32;

namespace symgrad_shim {
extern char* dynamic_shared;
int barrier(int line, int predicate);
unsigned long long rendezvous(int line, unsigned mask, unsigned long long value, int source);
unsigned lane();
}  // namespace symgrad_shim

#ifndef SYMGRAD_SHIM_RUNTIME

#define __CUDA_ARCH__ 900
#define __global__
#define __device__
#define __host__
#define __constant__ static const
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
// Another thread may write what a restrict pointer reads, across a barrier; g++ would not reload it
// where nvcc does. Overlapping arguments are refused by the launcher instead.
#define __restrict__
#define __restrict
// One block runs at a time, so its shared memory can be static. The section gives the launcher the
// bytes to poison between blocks.
#define __shared__ static __attribute__((section("symgrad_shared")))

#define SHIM_INLINE static inline __attribute__((always_inline, unused))

// ---- vectors: only the members and the constructors -----------------------------------------
#define SHIM_VECTOR(T, name)                                                                     \
    struct __align__(2 * sizeof(T)) name##2 { T x, y; };                                         \
    struct __align__(16) name##4 { T x, y, z, w; };                                              \
    SHIM_INLINE name##2 make_##name##2(T x, T y) { return name##2{x, y}; }                       \
    SHIM_INLINE name##4 make_##name##4(T x, T y, T z, T w) { return name##4{x, y, z, w}; }
SHIM_VECTOR(float, float)
SHIM_VECTOR(double, double)
SHIM_VECTOR(int, int)
SHIM_VECTOR(unsigned int, uint)

// ---- barriers, votes, shuffles: the call's own line tells two barriers apart -------------------
#define SHIM_LINE int line = __builtin_LINE()
SHIM_INLINE void __syncthreads(SHIM_LINE) { symgrad_shim::barrier(line, 0); }
SHIM_INLINE int __syncthreads_count(int p, SHIM_LINE) { return symgrad_shim::barrier(line, p); }
SHIM_INLINE int __syncthreads_or(int p, SHIM_LINE) { return symgrad_shim::barrier(line, p) != 0; }
SHIM_INLINE int __syncthreads_and(int p, SHIM_LINE) { return symgrad_shim::barrier(line, !p) == 0; }
SHIM_INLINE void __syncwarp(unsigned mask = 0xffffffffu, SHIM_LINE) {
    symgrad_shim::rendezvous(line, mask, 0, 0);
}
SHIM_INLINE unsigned __ballot_sync(unsigned mask, int p, SHIM_LINE) {
    return (unsigned)symgrad_shim::rendezvous(line, mask, p != 0, -1);
}
SHIM_INLINE int __any_sync(unsigned mask, int p, SHIM_LINE) {
    return __ballot_sync(mask, p, line) != 0;
}
SHIM_INLINE int __all_sync(unsigned mask, int p, SHIM_LINE) {
    return __ballot_sync(mask, !p, line) == 0;
}
template <class T> SHIM_INLINE T shim_exchange(unsigned mask, T v, int source, int line) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "a shuffle moves 4 or 8 bytes");
    unsigned long long bits = 0;
    __builtin_memcpy(&bits, &v, sizeof v);
    bits = symgrad_shim::rendezvous(line, mask, bits, source);
    __builtin_memcpy(&v, &bits, sizeof v);
    return v;
}
// A source outside the lane's own segment of `width` lanes leaves the lane its own value.
template <class T>
SHIM_INLINE T __shfl_sync(unsigned mask, T v, int source, int width = 32, SHIM_LINE) {
    int self = (int)symgrad_shim::lane();
    return shim_exchange(mask, v, (self & ~(width - 1)) | (source & (width - 1)), line);
}
template <class T>
SHIM_INLINE T __shfl_down_sync(unsigned mask, T v, unsigned delta, int width = 32, SHIM_LINE) {
    unsigned self = symgrad_shim::lane(), last = self | (unsigned)(width - 1);
    return shim_exchange(mask, v, (int)(delta <= last - self ? self + delta : self), line);
}
template <class T>
SHIM_INLINE T __shfl_up_sync(unsigned mask, T v, unsigned delta, int width = 32, SHIM_LINE) {
    unsigned self = symgrad_shim::lane(), first = self & ~(unsigned)(width - 1);
    return shim_exchange(mask, v, (int)(delta <= self - first ? self - delta : self), line);
}
template <class T>
SHIM_INLINE T __shfl_xor_sync(unsigned mask, T v, int flip, int width = 32, SHIM_LINE) {
    int self = (int)symgrad_shim::lane(), source = self ^ flip;
    // A flip may reach an earlier segment, never a later one.
    return shim_exchange(mask, v, source <= (self | (width - 1)) ? source : self, line);
}
SHIM_INLINE void __threadfence() { __asm__ volatile("" ::: "memory"); }
SHIM_INLINE void __threadfence_block() { __threadfence(); }
SHIM_INLINE void __threadfence_system() { __threadfence(); }
SHIM_INLINE void __trap() { __builtin_trap(); }
#define assert(condition) ((condition) ? (void)0 : __trap())

// ---- atomics: fibres never interrupt one another, so a plain update is atomic -----------------
#define SHIM_ATOMIC(T, name, update)                                                             \
    SHIM_INLINE T name(T* at, T v) { T old = *at; *at = (update); return old; }
#define SHIM_ATOMIC_ALL(T)                                                                       \
    SHIM_ATOMIC(T, atomicAdd, old + v)                                                           \
    SHIM_ATOMIC(T, atomicExch, v)
#define SHIM_ATOMIC_ORDERED(T)                                                                   \
    SHIM_ATOMIC(T, atomicMax, old < v ? v : old)                                                 \
    SHIM_ATOMIC(T, atomicMin, v < old ? v : old)                                                 \
    SHIM_ATOMIC(T, atomicAnd, old & v)                                                           \
    SHIM_ATOMIC(T, atomicOr, old | v)                                                            \
    SHIM_ATOMIC(T, atomicXor, old ^ v)                                                           \
    SHIM_INLINE T atomicCAS(T* at, T expected, T v) {                                            \
        T old = *at; if (old == expected) *at = v; return old;                                   \
    }
SHIM_ATOMIC_ALL(int) SHIM_ATOMIC_ALL(unsigned int) SHIM_ATOMIC_ALL(unsigned long long)
SHIM_ATOMIC_ALL(float) SHIM_ATOMIC(double, atomicAdd, old + v)
SHIM_ATOMIC_ORDERED(int) SHIM_ATOMIC_ORDERED(unsigned int) SHIM_ATOMIC_ORDERED(unsigned long long)
SHIM_ATOMIC(long long, atomicMax, old < v ? v : old)
SHIM_ATOMIC(long long, atomicMin, v < old ? v : old)
SHIM_ATOMIC(int, atomicSub, old - v)
SHIM_ATOMIC(unsigned int, atomicSub, old - v)
SHIM_ATOMIC(unsigned int, atomicInc, old >= v ? 0u : old + 1u)
SHIM_ATOMIC(unsigned int, atomicDec, old == 0u || old > v ? v : old - 1u)

// ---- mathematics: libm's names, declared here since <cmath> alone takes longer than a kernel ----
#define SHIM_MATH1(name)                                                                         \
    extern "C" double name(double) noexcept; extern "C" float name##f(float) noexcept;           \
    SHIM_INLINE float name(float x) { return name##f(x); }
#define SHIM_MATH2(name)                                                                         \
    extern "C" double name(double, double) noexcept;                                             \
    extern "C" float name##f(float, float) noexcept;                                             \
    SHIM_INLINE float name(float x, float y) { return name##f(x, y); }
SHIM_MATH1(exp) SHIM_MATH1(exp2) SHIM_MATH1(expm1) SHIM_MATH1(log) SHIM_MATH1(log2)
SHIM_MATH1(log10) SHIM_MATH1(log1p) SHIM_MATH1(sqrt) SHIM_MATH1(cbrt)
SHIM_MATH1(sin) SHIM_MATH1(cos) SHIM_MATH1(tan) SHIM_MATH1(asin) SHIM_MATH1(acos) SHIM_MATH1(atan)
SHIM_MATH1(sinh) SHIM_MATH1(cosh) SHIM_MATH1(tanh) SHIM_MATH1(asinh) SHIM_MATH1(acosh)
SHIM_MATH1(atanh) SHIM_MATH1(erf) SHIM_MATH1(erfc) SHIM_MATH1(lgamma) SHIM_MATH1(tgamma)
SHIM_MATH1(fabs) SHIM_MATH1(floor) SHIM_MATH1(ceil) SHIM_MATH1(trunc) SHIM_MATH1(rint)
SHIM_MATH1(nearbyint) SHIM_MATH1(round)
SHIM_MATH2(pow) SHIM_MATH2(atan2) SHIM_MATH2(hypot) SHIM_MATH2(fmod) SHIM_MATH2(remainder)
SHIM_MATH2(fmax) SHIM_MATH2(fmin) SHIM_MATH2(copysign) SHIM_MATH2(nextafter) SHIM_MATH2(fdim)
extern "C" double fma(double, double, double) noexcept;
extern "C" float fmaf(float, float, float) noexcept;
extern "C" double ldexp(double, int) noexcept;
extern "C" float ldexpf(float, int) noexcept;
extern "C" int printf(const char*, ...);
SHIM_INLINE float fma(float x, float y, float z) { return fmaf(x, y, z); }
SHIM_INLINE float rsqrtf(float x) { return 1.0f / sqrtf(x); }
SHIM_INLINE double rsqrt(double x) { return 1.0 / sqrt(x); }
SHIM_INLINE float rsqrt(float x) { return rsqrtf(x); }
#define SHIM_CLASSIFY(T)                                                                         \
    SHIM_INLINE bool isnan(T x) { return __builtin_isnan(x); }                                   \
    SHIM_INLINE bool isinf(T x) { return __builtin_isinf(x); }                                   \
    SHIM_INLINE bool isfinite(T x) { return __builtin_isfinite(x); }                             \
    SHIM_INLINE bool signbit(T x) { return __builtin_signbit(x); }
SHIM_CLASSIFY(float) SHIM_CLASSIFY(double)
#define SHIM_MINMAX(T)                                                                           \
    SHIM_INLINE T max(T x, T y) { return x < y ? y : x; }                                        \
    SHIM_INLINE T min(T x, T y) { return y < x ? y : x; }
SHIM_MINMAX(int) SHIM_MINMAX(unsigned int) SHIM_MINMAX(long long) SHIM_MINMAX(unsigned long long)
SHIM_INLINE float max(float x, float y) { return fmaxf(x, y); }
SHIM_INLINE float min(float x, float y) { return fminf(x, y); }
SHIM_INLINE double max(double x, double y) { return fmax(x, y); }
SHIM_INLINE double min(double x, double y) { return fmin(x, y); }
extern "C" int abs(int) noexcept;
extern "C" long long llabs(long long) noexcept;
SHIM_INLINE long long abs(long long x) { return llabs(x); }
SHIM_INLINE float abs(float x) { return fabsf(x); }
SHIM_INLINE double abs(double x) { return fabs(x); }

// Round to nearest and never contracted: the build passes -ffp-contract=off.
#define SHIM_ROUNDED(T, p, sqrt_)                                                                \
    SHIM_INLINE T __##p##mul_rn(T x, T y) { return x * y; }                                      \
    SHIM_INLINE T __##p##add_rn(T x, T y) { return x + y; }                                      \
    SHIM_INLINE T __##p##sub_rn(T x, T y) { return x - y; }                                      \
    SHIM_INLINE T __##p##div_rn(T x, T y) { return x / y; }                                      \
    SHIM_INLINE T __##p##sqrt_rn(T x) { return sqrt_(x); }
SHIM_ROUNDED(float, f, sqrtf) SHIM_ROUNDED(double, d, sqrt)
SHIM_INLINE float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
SHIM_INLINE double __fma_rn(double x, double y, double z) { return fma(x, y, z); }

#define SHIM_BITS(name, From, To)                                                                \
    SHIM_INLINE To name(From x) { To y; __builtin_memcpy(&y, &x, sizeof y); return y; }
SHIM_BITS(__float_as_int, float, int) SHIM_BITS(__int_as_float, int, float)
SHIM_BITS(__float_as_uint, float, unsigned int) SHIM_BITS(__uint_as_float, unsigned int, float)
SHIM_BITS(__double_as_longlong, double, long long)
SHIM_BITS(__longlong_as_double, long long, double)
SHIM_INLINE unsigned int __umulhi(unsigned int x, unsigned int y) {
    return (unsigned int)(((unsigned long long)x * y) >> 32);
}
SHIM_INLINE unsigned long long __umul64hi(unsigned long long x, unsigned long long y) {
    return (unsigned long long)(((unsigned __int128)x * y) >> 64);
}
SHIM_INLINE int __popc(unsigned int x) { return __builtin_popcount(x); }
SHIM_INLINE int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
SHIM_INLINE int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
SHIM_INLINE int __ffs(int x) { return __builtin_ffs(x); }
template <class T> SHIM_INLINE T __ldg(const T* at) { return *at; }
#define CUDART_INF_F __int_as_float(0x7f800000)
#define CUDART_NAN_F __int_as_float(0x7fffffff)
#define CUDART_INF __longlong_as_double(0x7ff0000000000000LL)
#define CUDART_NAN __longlong_as_double(0xfff8000000000000LL)

#else  // ------------------------------------------------------------ the runtime, built once

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;
char* symgrad_shim::dynamic_shared;

namespace {
enum State { FRESH, READY, AT_BARRIER, AT_WARP, DONE };
enum Outcome { OK, FAULT, DIVERGED, TIMEOUT };

// A fibre runs threads one after the other until one of them waits; then it is that thread's own.
// A kernel without barriers thus runs as a plain loop on one fibre.
struct Fibre {
    jmp_buf context;
    ucontext_t start;
    char* stack;
    bool started;
    Fibre* next;
};
struct Thread {
    uint3 index;
    State state;
    int line, source;
    unsigned mask;
    unsigned long long value, result;
    Fibre* fibre;
};
struct Launch {  // filled in by cuda_shim.py
    unsigned grid[3], block[3];
    int reversed;
    double seconds;
    char *shared, *shared_end, *dynamic_shared;
    size_t dynamic_bytes;
    void (*kernel)(void**);
    void** args;
};
struct Report {  // read by cuda_shim.py
    int signal;
    unsigned block[3], thread[3];
    void* address;
    char text[400];
};

const int LIMIT = 1024;
const size_t STACK = 128 << 10, GUARD = 4 << 10;
Thread threads[LIMIT];
int count, cursor, cursor_end, direction;
Launch* launch;
Report* report;
Fibre fibres[LIMIT], *idle, *running;
Thread* current;
bool dirty = true;
jmp_buf scheduler;
sigjmp_buf escape;
pthread_t owner;
volatile sig_atomic_t active;
const int SIGNALS[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGVTALRM};
const int NSIGNALS = sizeof SIGNALS / sizeof *SIGNALS;
struct sigaction previous[NSIGNALS];

Thread* next_fresh() {  // the following thread of this warp in order, if it has not begun
    if (cursor + direction == cursor_end) return nullptr;
    Thread* t = &threads[cursor + direction];
    if (t->state != FRESH) return nullptr;
    cursor += direction;
    return t;
}

void fibre_main() {
    for (;;) {
        threadIdx = current->index;
        current->fibre = running;
        launch->kernel(launch->args);
        current->state = DONE;
        if (Thread* t = next_fresh()) {
            current = t;
            continue;
        }
        running->next = idle;
        idle = running;
        if (_setjmp(running->context) == 0) _longjmp(scheduler, 1);
    }
}

void make(Fibre* f) {
    getcontext(&f->start);
    if (f->stack == nullptr) {
        void* at = mmap(nullptr, GUARD + STACK, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (at == MAP_FAILED) abort();
        mprotect(at, GUARD, PROT_NONE);
        f->stack = (char*)at + GUARD;
    }
    f->start.uc_stack.ss_sp = f->stack;
    f->start.uc_stack.ss_size = STACK;
    f->start.uc_link = nullptr;
    makecontext(&f->start, fibre_main, 0);
    f->started = true;
}

// _setjmp/_longjmp save no signal mask: no system call, so a switch costs a few nanoseconds where
// swapcontext costs half a microsecond. ucontext only makes the stack, once per fibre.
__attribute__((noinline)) void resume(Fibre* f) {
    bool fresh = !f->started;
    if (fresh) make(f);
    running = f;
    if (_setjmp(scheduler) == 0) {
        if (fresh) setcontext(&f->start);
        _longjmp(f->context, 1);
    }
}

__attribute__((noinline)) void suspend() {
    if (_setjmp(running->context) == 0) _longjmp(scheduler, 1);
    running = current->fibre;
    threadIdx = current->index;
}

void stop(Outcome why) { siglongjmp(escape, why); }

void wait(State state, int line) {
    current->state = state;
    current->line = line;
    suspend();
}

// Releases the lanes of one warp that wait for the same shuffle, once every lane its mask names is
// there; lanes that have ended, or that the block never had, are not waited for (as on the device).
bool release_warp(int first, int last) {
    bool any = false;
    for (int i = first; i < last; i++) {
        if (threads[i].state != AT_WARP) continue;
        unsigned mask = threads[i].mask, here = 0, ballot = 0, alive = 0;
        for (int j = first; j < last; j++) {
            Thread* t = &threads[j];
            unsigned bit = 1u << (j - first);
            if (t->state != DONE) alive |= bit;
            if (t->state != AT_WARP || t->mask != mask || t->line != threads[i].line) continue;
            here |= bit;
            if (t->value & 1) ballot |= bit;
        }
        if (here != (mask & alive)) continue;
        for (int j = first; j < last; j++) {
            if (!(here >> (j - first) & 1)) continue;
            int source = threads[j].source;
            bool there = source >= 0 && (here >> source & 1);
            // What an absent lane would send is undefined: all ones, a NaN.
            threads[j].result = source < 0 ? ballot : there ? threads[first + source].value : ~0ull;
            threads[j].state = READY;
        }
        any = true;
    }
    return any;
}

void diverged(const char* what, int i) {
    static const char* const STATES[] = {"has not begun", "is ready", "waits at __syncthreads()",
                                         "waits at a warp operation", "has ended"};
    int waiting = 0, j = 0;
    for (int k = 0; k < count; k++) {
        bool same = threads[k].state == threads[i].state && threads[k].line == threads[i].line;
        waiting += same;
        if (!same) j = k;
    }
    Thread *t = &threads[i], *u = &threads[j];
    int n = snprintf(report->text, sizeof report->text,
                     "%s: %d of %d threads wait at line %d (thread (%u,%u,%u)", what, waiting,
                     count, t->line, t->index.x, t->index.y, t->index.z);
    if (t->state == AT_WARP)
        n += snprintf(report->text + n, sizeof report->text - n, ", mask 0x%08x", t->mask);
    n += snprintf(report->text + n, sizeof report->text - n, "), but thread (%u,%u,%u) %s",
                  u->index.x, u->index.y, u->index.z, STATES[u->state]);
    if (u->state == AT_WARP || u->state == AT_BARRIER)
        snprintf(report->text + n, sizeof report->text - n, " at line %d", u->line);
    threadIdx = t->index;
    stop(DIVERGED);
}

void run_warp(int first, int last) {
    do {
        direction = launch->reversed ? -1 : 1;
        cursor_end = launch->reversed ? first - 1 : last;
        for (cursor = launch->reversed ? last - 1 : first; cursor != cursor_end;
             cursor += direction) {
            Thread* t = &threads[cursor];
            if (t->state != FRESH && t->state != READY) continue;
            current = t;
            Fibre* f = t->fibre;
            if (t->state == FRESH) {
                f = idle;
                idle = f->next;
            }
            resume(f);
        }
    } while (release_warp(first, last));
}

void run_block() {
    for (int i = 0; i < count; i++) threads[i].state = FRESH;
    memset(launch->shared, 0xff, launch->shared_end - launch->shared);
    memset(launch->dynamic_shared, 0xff, launch->dynamic_bytes);
    int warps = (count + 31) / 32;
    for (;;) {
        for (int w = 0; w < warps; w++) {
            int first = 32 * (launch->reversed ? warps - 1 - w : w);
            run_warp(first, first + 32 < count ? first + 32 : count);
        }
        int at_barrier = 0, done = 0, predicates = 0;
        for (int i = 0; i < count; i++) {
            Thread* t = &threads[i];
            if (t->state == AT_WARP) diverged("divergent warp operation", i);
            at_barrier += t->state == AT_BARRIER && t->line == threads[0].line;
            done += t->state == DONE;
            predicates += t->state == AT_BARRIER && t->value;
        }
        if (done == count) return;
        if (at_barrier < count)
            for (int i = 0;; i++)
                if (threads[i].state == AT_BARRIER) diverged("divergent __syncthreads()", i);
        for (int i = 0; i < count; i++) {
            threads[i].result = predicates;
            threads[i].state = READY;
        }
    }
}

void run_grid() {
    unsigned long long gx = gridDim.x, gy = gridDim.y, n = gx * gy * gridDim.z;
    for (unsigned long long k = 0; k < n; k++) {
        unsigned long long b = launch->reversed ? n - 1 - k : k;
        blockIdx = uint3{(unsigned)(b % gx), (unsigned)(b / gx % gy), (unsigned)(b / gx / gy)};
        run_block();
    }
}

void on_signal(int number, siginfo_t* info, void*) {
    if (!active || !pthread_equal(owner, pthread_self())) {
        if (number == SIGVTALRM) return;
        // Not ours: put the former handler back and let the instruction fault again.
        for (int i = 0; i < NSIGNALS; i++)
            if (SIGNALS[i] == number) sigaction(number, &previous[i], nullptr);
        return;
    }
    active = 0;
    report->signal = number;
    report->address = info->si_addr;
    stop(number == SIGVTALRM ? TIMEOUT : FAULT);
}
}  // namespace

int symgrad_shim::barrier(int line, int predicate) {
    current->value = predicate != 0;
    wait(AT_BARRIER, line);
    return (int)current->result;
}

unsigned long long symgrad_shim::rendezvous(int line, unsigned mask, unsigned long long value,
                                            int source) {
    if (!(mask >> lane() & 1)) {
        snprintf(report->text, sizeof report->text,
                 "warp operation at line %d: its mask 0x%08x does not name the calling lane %u",
                 line, mask, lane());
        stop(DIVERGED);
    }
    current->mask = mask;
    current->value = value;
    current->source = source;
    wait(AT_WARP, line);
    return current->result;
}

unsigned symgrad_shim::lane() { return (unsigned)(current - threads) & 31; }

extern "C" int symgrad_shim_launch(Launch* l, Report* r) {
    launch = l;
    report = r;
    gridDim = dim3{l->grid[0], l->grid[1], l->grid[2]};
    blockDim = dim3{l->block[0], l->block[1], l->block[2]};
    symgrad_shim::dynamic_shared = l->dynamic_shared;
    count = (int)(l->block[0] * l->block[1] * l->block[2]);
    for (unsigned i = 0; i < (unsigned)count; i++)
        threads[i].index = uint3{i % l->block[0], i / l->block[0] % l->block[1],
                                 i / l->block[0] / l->block[1]};
    if (dirty) {  // the first launch, or one after a fault, which leaves fibres half run
        idle = nullptr;
        for (int i = LIMIT; i--;) {
            fibres[i].started = false;
            fibres[i].next = idle;
            idle = &fibres[i];
        }
        dirty = false;
    }

    static char signal_stack[64 << 10];
    stack_t alternate = {}, former = {};
    alternate.ss_sp = signal_stack;
    alternate.ss_size = sizeof signal_stack;
    sigaltstack(&alternate, &former);
    struct sigaction action = {};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    for (int i = 0; i < NSIGNALS; i++) sigaction(SIGNALS[i], &action, &previous[i]);
    // A kernel that loops for ever has used this thread's processor time; no other thread is hit.
    struct sigevent event = {};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGVTALRM;
    event._sigev_un._tid = (int)syscall(SYS_gettid);
    timer_t timer;
    bool timed = timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer) == 0;
    struct itimerspec limit = {};
    limit.it_value.tv_sec = (time_t)l->seconds;
    limit.it_value.tv_nsec = (long)((l->seconds - (double)limit.it_value.tv_sec) * 1e9);

    owner = pthread_self();
    int outcome = sigsetjmp(escape, 1);
    if (outcome == OK) {
        active = 1;
        if (timed) timer_settime(timer, 0, &limit, nullptr);
        run_grid();
    } else {
        dirty = true;
        r->block[0] = blockIdx.x, r->block[1] = blockIdx.y, r->block[2] = blockIdx.z;
        r->thread[0] = threadIdx.x, r->thread[1] = threadIdx.y, r->thread[2] = threadIdx.z;
    }
    active = 0;
    if (timed) timer_delete(timer);
    for (int i = 0; i < NSIGNALS; i++) sigaction(SIGNALS[i], &previous[i], nullptr);
    sigaltstack(&former, nullptr);
    return outcome;
}

// `nbytes` usable bytes (a multiple of the page) between two stretches of `guard` bytes no one may
// touch.
extern "C" char* symgrad_shim_map(size_t nbytes, size_t guard) {
    void* at = mmap(nullptr, nbytes + 2 * guard, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) return nullptr;
    char* data = (char*)at + guard;
    if (nbytes && mprotect(data, nbytes, PROT_READ | PROT_WRITE) != 0) return nullptr;
    return data;
}

extern "C" void symgrad_shim_unmap(char* data, size_t nbytes, size_t guard) {
    munmap(data - guard, nbytes + 2 * guard);
}

#endif  // SYMGRAD_SHIM_RUNTIME
#endif  // SYMGRAD_CUDA_SHIM
