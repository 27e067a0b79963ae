/* The documents' training steps as a C programmer would write them: the reference for speed.
 *
 * Every function makes `steps` whole steps (loss, gradients, update) and stores each step's loss.
 * Sums run in float over blocks and in double over the blocks, so that ten million points still
 * agree with NumPy's pairwise sums. BLAS comes as a pointer: NumPy's own sgemm.
 */
#include <stdint.h>
#include <stdlib.h>

#ifndef BLAS_INT
#define BLAS_INT int64_t
#endif

enum { BLOCK = 8192, PARALLEL_FROM = 100000 };

typedef struct { double loss, a, b, c, d; } Sums;

static inline Sums polynomial_block(const float *restrict x, const float *restrict y, long n,
                                    float a, float b, float c, float d)
{
    float loss = 0, ga = 0, gb = 0, gc = 0, gd = 0;
    for (long i = 0; i < n; i++) {
        float xi = x[i], x2 = xi * xi, x3 = x2 * xi;
        float r = a + b * xi + c * x2 + d * x3 - y[i], g = 2 * r;
        loss += r * r;
        ga += g;
        gb += g * xi;
        gc += g * x2;
        gd += g * x3;
    }
    return (Sums){loss, ga, gb, gc, gd};
}

static inline Sums legendre_block(const float *restrict x, const float *restrict y, long n,
                                  float a, float b, float c, float d)
{
    float loss = 0, ga = 0, gb = 0, gc = 0, gd = 0;
    for (long i = 0; i < n; i++) {
        float u = c + d * x[i], u2 = u * u, p3 = 0.5f * (5 * u2 - 3) * u;
        float r = a + b * p3 - y[i], g = 2 * r, gu = g * b * (7.5f * u2 - 1.5f);
        loss += r * r;
        ga += g;
        gb += g * p3;
        gc += gu;
        gd += gu * x[i];
    }
    return (Sums){loss, ga, gb, gc, gd};
}

typedef Sums (*Block)(const float *, const float *, long, float, float, float, float);

static inline Sums whole(Block block, const float *x, const float *y, long n, const float *p)
{
    double loss = 0, a = 0, b = 0, c = 0, d = 0;
    float pa = p[0], pb = p[1], pc = p[2], pd = p[3];
#pragma omp parallel for reduction(+ : loss, a, b, c, d) schedule(static)
    for (long start = 0; start < n; start += BLOCK) {
        long count = n - start < BLOCK ? n - start : BLOCK;
        Sums s = block(x + start, y + start, count, pa, pb, pc, pd);
        loss += s.loss, a += s.a, b += s.b, c += s.c, d += s.d;
    }
    return (Sums){loss, a, b, c, d};
}

static inline void descend(Block block, const float *x, const float *y, long n, float *p,
                           float rate, long steps, double *losses)
{
    for (long t = 0; t < steps; t++) {
        Sums s = n < PARALLEL_FROM ? block(x, y, n, p[0], p[1], p[2], p[3])
                                   : whole(block, x, y, n, p);
        p[0] -= rate * (float)s.a;
        p[1] -= rate * (float)s.b;
        p[2] -= rate * (float)s.c;
        p[3] -= rate * (float)s.d;
        losses[t] = s.loss;
    }
}

void polynomial(const float *x, const float *y, long n, float *p, float rate, long steps,
                double *losses)
{
    descend(polynomial_block, x, y, n, p, rate, steps, losses);
}

void legendre(const float *x, const float *y, long n, float *p, float rate, long steps,
              double *losses)
{
    descend(legendre_block, x, y, n, p, rate, steps, losses);
}

typedef void (*Sgemm)(int order, int ta, int tb, BLAS_INT m, BLAS_INT n, BLAS_INT k, float alpha,
                      const float *a, BLAS_INT lda, const float *b, BLAS_INT ldb, float beta,
                      float *c, BLAS_INT ldc);

enum { ROWS = 101, AS_IS = 111, TURNED = 112 };

/* relu(x w1) w2 with batch n and layers i, h, o. The update of w1 and w2 is the accumulation of
 * their gradients' products: c = c - rate * (a b). With `calls_alone` the loops between are left
 * out: what no implementation on this BLAS can go below. */
void two_layer(Sgemm gemm, const float *x, const float *y, long n, long i, long h, long o,
               float *w1, float *w2, float rate, long steps, double *losses, int calls_alone)
{
    float *hidden = malloc(sizeof(float) * n * h), *grad_h = malloc(sizeof(float) * n * h);
    float *grad = malloc(sizeof(float) * n * o);
    for (long t = 0; t < steps; t++) {
        double loss = 0;
        gemm(ROWS, AS_IS, AS_IS, n, h, i, 1, x, i, w1, h, 0, hidden, h);
        if (!calls_alone)
            for (long j = 0; j < n * h; j++)
                hidden[j] = hidden[j] > 0 ? hidden[j] : 0;
        gemm(ROWS, AS_IS, AS_IS, n, o, h, 1, hidden, h, w2, o, 0, grad, o);
        if (!calls_alone) {
            float sum = 0;
            for (long j = 0; j < n * o; j++) {
                float r = grad[j] - y[j];
                sum += r * r;
                grad[j] = 2 * r;
            }
            loss = sum;
        }
        gemm(ROWS, AS_IS, TURNED, n, h, o, 1, grad, o, w2, o, 0, grad_h, h);
        gemm(ROWS, TURNED, AS_IS, h, o, n, -rate, hidden, h, grad, o, 1, w2, o);
        if (!calls_alone)
            for (long j = 0; j < n * h; j++)
                grad_h[j] = hidden[j] > 0 ? grad_h[j] : 0;
        gemm(ROWS, TURNED, AS_IS, i, h, n, -rate, x, i, grad_h, h, 1, w1, h);
        losses[t] = loss;
    }
    free(hidden);
    free(grad_h);
    free(grad);
}
