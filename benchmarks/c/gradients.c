/* Losses with their gradients in one pass, and the smallest of training steps; see step.c.
 *
 * The functions of <math.h> are those of glibc's vector library where there is one: -ffast-math
 * and -fopenmp let the loops call it.
 */
#include <math.h>
#include <stdint.h>

enum { BLOCK = 4096 };

/* cos x is written sin (x + pi/2): sinf and cosf of one number become sincosf, which has no vectors. */
static const float QUARTER = 1.57079633f;

/* The twenty operations of workloads/pointwise.py and the chain rule back through them. */
static inline float pointwise_block(const float *restrict x, float *restrict grad, long n)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (long i = 0; i < n; i++) {
        float xi = x[i];
        float th = tanhf(xi), ex = expf(th);
        float sg = 1 / (1 + expf(-0.5f * ex));
        float h = sg + xi, e = expf(-fabsf(h));
        float sp = fmaxf(h, 0) + logf(1 + e), dsp = (h >= 0 ? 1 : e) / (1 + e);
        float square = sp * sp + 1, l = 0.5f * logf(square); /* log(sqrt(square)) */
        float cdf = 0.5f * (1 + erff(l * 0.70710678f)), pdf = 0.39894228f * expf(-0.5f * l * l);
        float d = l * cdf - xi, sn = sinf(d), cs = sinf(d + QUARTER);
        float s1 = 1 / (1 + expf(-sn)), silu = sn * s1;
        float r = 3 * silu, on = r > 0 ? r + 0.5f : 0.5f;
        float c = sinf(on + QUARTER), dc = -sinf(on);
        sum += 0.5f * fabsf(c);
        float g = c > 0 ? 0.5f * dc : c < 0 ? -0.5f * dc : 0;
        g = r > 0 ? 3 * g : 0;
        g *= s1 * (1 + sn * (1 - s1)) * cs;
        float back = -g;
        g *= (cdf + l * pdf) * sp / square * dsp;
        grad[i] = back + g + g * sg * (1 - sg) * 0.5f * ex * (1 - th * th);
    }
    return sum;
}

void pointwise(const float *x, float *grad, long n, long steps, double *losses)
{
    for (long t = 0; t < steps; t++) {
        double loss = 0;
#pragma omp parallel for reduction(+ : loss) schedule(static)
        for (long start = 0; start < n; start += BLOCK)
            loss += pointwise_block(x + start, grad + start, n - start < BLOCK ? n - start : BLOCK);
        losses[t] = loss;
    }
}

/* One row stays in cache between its three passes: maximum, exponentials with their sum, gradient. */
void cross_entropy(const float *x, float *grad, const int64_t *target, long rows, long classes,
                   long steps, double *losses)
{
    for (long t = 0; t < steps; t++) {
        double loss = 0;
#pragma omp parallel for reduction(+ : loss) schedule(static)
        for (long i = 0; i < rows; i++) {
            const float *restrict row = x + i * classes;
            float *restrict out = grad + i * classes;
            float most = row[0], sum = 0;
            for (long j = 1; j < classes; j++)
                most = row[j] > most ? row[j] : most;
            for (long j = 0; j < classes; j++)
                sum += out[j] = expf(row[j] - most);
            float scale = 1 / (sum * rows);
            for (long j = 0; j < classes; j++)
                out[j] *= scale;
            out[target[i]] -= 1.0f / rows;
            loss += logf(sum) + most - row[target[i]];
        }
        losses[t] = loss / rows;
    }
}

/* y = x w' + b for two features, the mean squared error. */
void linear(const float *restrict x, const float *restrict y, long n, float *w, float *b, float rate,
            long steps, double *losses)
{
    for (long t = 0; t < steps; t++) {
        float w0 = w[0], w1 = w[1], bias = b[0], loss = 0, g0 = 0, g1 = 0, gb = 0;
        for (long i = 0; i < n; i++) {
            float r = x[2 * i] * w0 + x[2 * i + 1] * w1 + bias - y[i];
            loss += r * r;
            g0 += r * x[2 * i];
            g1 += r * x[2 * i + 1];
            gb += r;
        }
        float scale = rate * 2 / n;
        w[0] = w0 - scale * g0;
        w[1] = w1 - scale * g1;
        b[0] = bias - scale * gb;
        losses[t] = loss / n;
    }
}
